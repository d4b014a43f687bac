"""What a model is trained on: the runtime's prompt, the answer alone supervised, lists that vary, planned batches."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import Gemma3ForCausalLM

from eval.data.rows import Labelled
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.answer import Grammar
from labeler.text.issue import Issue
from labeler.text.prompt import Renderer
from tests.training.small import LABELS, make_rows, small_settings, write_base
from training.rows.batching import Batch, in_order, plan_batches
from training.rows.collate import collate, count_answers_only
from training.rows.examples import Encoder, Example, Variation, encode_epochs

pytestmark = pytest.mark.training

VARIED = Variation(subset=0.7, drop_label=0.5, shuffle=0.5, hide_descriptions=0.5)
ROW = Labelled(Issue("crash", "on start", id="7"), frozenset(["bug", "question"]), LABELS.names, "made")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def renderer(base: Path) -> Renderer:
    return Renderer(LibraryTokenizer(base / "tokenizer.json"), 32)


@pytest.fixture(scope="module")
def examples(renderer: Renderer) -> list[Example]:
    encoder = Encoder(renderer, LABELS, VARIED, 0)
    return [encoder(labelled(row), 0) for row in make_rows(60)]


def test_exactly_the_answer_and_its_end_are_supervised(base: Path, renderer: Renderer) -> None:
    example = Encoder(renderer, LABELS, VARIED, 0)(ROW, None)
    tensors = collate(Batch(0, (example,), 256))
    supervised = tensors["targets"][0][tensors["targets"][0] >= 0].tolist()
    decoded = Tokenizer.from_file(str(base / "tokenizer.json")).decode(supervised, skip_special_tokens=False)
    assert decoded == "bug, question<end_of_turn>"
    assert supervised == Grammar(renderer.tokenizer, LABELS.names).encode([0, 3])
    # Each supervised token is predicted from the position before it.
    positions = (tensors["targets"][0] >= 0).nonzero().flatten().tolist()
    assert [int(example.ids[position + 1]) for position in positions] == supervised


def test_training_sees_exactly_the_prompt_that_serving_renders(renderer: Renderer) -> None:
    example = Encoder(renderer, LABELS, VARIED, 0)(ROW, None)
    assert example.prompt.tolist() == renderer.prefix(LABELS) + renderer.issue(ROW.issue)


def test_a_list_varies_but_always_holds_the_true_labels() -> None:
    rng = random.Random(0)
    drawn = [VARIED.draw(ROW, LABELS, rng) for _ in range(300)]
    assert all({"bug", "question"} <= set(shown.names) for shown, _ in drawn)
    lists = Counter(shown.names for shown, _ in drawn)
    assert len(lists) > 15
    # All four labels in listed order: no subset and no shuffle, 0.3 * 0.5, or both kept by chance.
    assert 40 < lists[LABELS.names] < 120
    assert 100 < sum(described for _, described in drawn) < 200


@pytest.mark.parametrize(
    ("switch", "always"),
    [
        (Variation(), lambda shown, described: shown.names == LABELS.names and described),
        (Variation(shuffle=1.0), lambda shown, described: sorted(shown.names) == sorted(LABELS.names) and described),
        (Variation(subset=1.0, drop_label=1.0), lambda shown, described: len(shown) == 3 and described),
        (Variation(hide_descriptions=1.0), lambda shown, described: not described),
    ],
)
def test_each_switch_changes_only_what_it_names(switch: Variation, always: object) -> None:
    rng = random.Random(0)
    assert all(always(*switch.draw(ROW, LABELS, rng)) for _ in range(50))  # type: ignore[operator]


def test_a_label_that_a_source_does_not_use_is_never_shown_unless_asked_for() -> None:
    row = Labelled(ROW.issue, frozenset(["bug"]), ("bug", "question"), "made")
    rng = random.Random(0)
    assert {name for _ in range(50) for name in VARIED.draw(row, LABELS, rng)[0].names} == {"bug", "question"}
    assert Variation(own_list=False).draw(row, LABELS, rng)[0].names == LABELS.names


def test_a_list_keeps_a_label_that_is_not_true_where_there_is_one() -> None:
    rng, harsh = random.Random(0), Variation(subset=1.0, drop_label=1.0)
    drawn = [harsh.draw(ROW, LABELS, rng)[0].names for _ in range(50)]
    assert set(drawn) == {("bug", "enhancement", "question"), ("bug", "documentation", "question")}
    sure = Labelled(ROW.issue, frozenset(["bug"]), ("bug",), "made")
    assert harsh.draw(sure, LABELS, rng)[0].names == ("bug",)


def test_a_list_never_becomes_empty() -> None:
    row = Labelled(ROW.issue, frozenset(), LABELS.names, "made")
    rng = random.Random(0)
    assert {len(Variation(subset=1.0, drop_label=1.0).draw(row, LABELS, rng)[0]) for _ in range(20)} == {1}


def test_what_a_row_becomes_depends_on_seed_epoch_and_row_not_on_order(renderer: Renderer) -> None:
    rows = [labelled(row) for row in make_rows(30)]
    forwards = encode_epochs(Encoder(renderer, LABELS, VARIED, 0), rows, 2)
    encoder = Encoder(renderer, LABELS, VARIED, 0)
    for epoch in (1, 0):
        for place in reversed(range(len(rows))):
            assert encoder(rows[place], epoch).ids.tolist() == forwards[epoch][place].ids.tolist()
    other = encode_epochs(Encoder(renderer, LABELS, VARIED, 1), rows, 1)[0]
    assert sum(a.ids.tolist() != b.ids.tolist() for a, b in zip(forwards[0], other, strict=True)) > 20
    assert sum(a.ids.tolist() != b.ids.tolist() for a, b in zip(*forwards, strict=True)) > 20


def test_plain_text_is_lower_case_without_punctuation_and_only_in_training(renderer: Renderer) -> None:
    issue = Issue(
        "App CRASHES: why?",
        "### Steps\r\n\r\n<!-- fill in -->\r\n1. Open `the menu`, it isn't\tthere – v1.2\r\n",
        id="7",
    )
    made = Issue("app crashes why", "1 open the menu it isnt there – v12")
    assert replace(renderer, plain=True).issue(issue) == renderer.issue(made)
    row = Labelled(issue, frozenset(["bug"]), LABELS.names, "made")
    encoder = Encoder(renderer, LABELS, Variation(plain_text=1.0), 0)
    assert encoder(row, 0).prompt.tolist() == renderer.prefix(LABELS) + renderer.issue(made)
    assert encoder(row, None).prompt.tolist() == renderer.prefix(LABELS) + renderer.issue(issue)
    served = Encoder(replace(renderer, plain=True), LABELS, Variation(), 0)
    assert served(row, None).prompt.tolist() == encoder(row, 0).prompt.tolist()
    assert served(row, 0).prompt.tolist() == encoder(row, None).prompt.tolist()
    sometimes = Encoder(renderer, LABELS, Variation(plain_text=0.5), 0)
    shown = Counter(tuple(sometimes(row, epoch).ids.tolist()) for epoch in range(200))
    assert len(shown) == 2
    assert min(shown.values()) > 70


def test_an_issue_longer_than_the_budget_is_said_to_be_cut(renderer: Renderer) -> None:
    encoder = Encoder(renderer, LABELS, Variation(), 0)
    long = Labelled(Issue("crash", "menu " * 100), frozenset(), LABELS.names, "made")
    assert (encoder(long, None).truncated, encoder(ROW, None).truncated) == (True, False)
    assert len(encoder(long, None).prompt) == len(renderer.prefix(LABELS)) + encoder.frame + 32


@pytest.mark.parametrize("changes", [{}, {"length_grouping": False}, {"batch_tokens": 1000}, {"fill_to": 64}])
def test_every_example_is_in_one_batch_of_each_epoch(examples: list[Example], changes: dict[str, int]) -> None:
    settings = small_settings(**changes)
    plan = plan_batches([examples, examples], settings)
    for epoch in range(2):
        placed = [id(example) for batch in plan if batch.epoch == epoch for example in batch.examples]
        assert sorted(placed) == sorted(map(id, examples))
    assert plan == plan_batches([examples, examples], settings)
    for batch in plan:
        assert batch.length % settings.fill_to == 0
        if settings.batch_tokens:
            assert batch.filled <= settings.batch_tokens
        else:
            assert len(batch.examples) <= settings.batch_size
    if settings.length_grouping:
        assert plan[0].filled == max(batch.filled for batch in plan if batch.epoch == 0)


def test_grouping_by_length_leaves_little_filling(examples: list[Example]) -> None:
    def filling(grouping: bool) -> float:
        plan = plan_batches([examples], small_settings(length_grouping=grouping))
        return 1 - sum(batch.tokens for batch in plan) / sum(batch.filled for batch in plan)

    assert filling(True) < 0.5 * filling(False)


def test_the_loss_is_that_of_the_whole_model_on_the_answers_and_filling_adds_nothing(
    base: Path, examples: list[Example]
) -> None:
    model = Gemma3ForCausalLM.from_pretrained(base).eval()
    total = 0.0
    with torch.no_grad():
        for example in examples[:6]:
            ids = torch.from_numpy(example.ids).long()[None]
            logits = model(input_ids=ids).logits[0, -example.answer - 1 : -1]
            total += float(torch.nn.functional.cross_entropy(logits, ids[0, -example.answer :], reduction="sum"))
        count_answers_only(model)
        (batch,) = in_order(examples[:6], small_settings(batch_size=6, fill_to=64))
        assert float(model(**collate(batch))["loss"]) == pytest.approx(total, rel=1e-4)
    assert batch.counted == sum(example.answer for example in examples[:6])


def labelled(row: object) -> Labelled:
    issue = Issue(row.title, row.body, id=row.id)  # type: ignore[attr-defined]
    return Labelled(issue, frozenset(row.labels), LABELS.names, row.source)  # type: ignore[attr-defined]
