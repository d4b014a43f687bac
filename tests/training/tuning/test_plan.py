"""What a run says before its first step, and what it refuses."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
import torch

from eval.data.overlap import overlapping
from eval.data.rows import Labelled
from labeler.data.dataset import Row
from labeler.data.dataset_folder import open_dataset
from labeler.errors import InputError
from labeler.text.issue import Issue
from synthetic.preparing.duplicates import NEAR, jaccard, shingles, words
from tests.training.small import LABELS, make_rows, small_settings, write_base, write_folder
from training.backends import load_model
from training.bench.benchmark import Request, random_base
from training.model.base import find_base
from training.model.checkpoint import read_config
from training.rows.batching import Batch
from training.rows.collate import collate, count_answers_only
from training.rows.rows_by_split import has_splits, read_tuning_data, write_splits
from training.tuning.device import Device, Numerics
from training.tuning.memory import estimate, kept_bytes, parameter_counts
from training.tuning.plan import print_plan, refuse_what_cannot_fit
from training.tuning.prepare import Prepared, prepare

pytestmark = pytest.mark.training

FP32 = Numerics("fp32", "adamw_torch_fused", False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def prepared(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("plan")
    data = write_folder(folder / "data", make_rows(80))
    return prepare(small_settings(evaluations=2), data, str(base), folder / "run", "peft")


def test_the_plan_counts_rows_labels_tokens_and_steps(prepared: Prepared) -> None:
    plan = prepared.plan
    assert plan.rows == {"train": 56, "validation": 16, "test": 8}
    assert plan.labels["bug"] == (14, 4, 2)
    lengths = sorted(len(example) for batch in prepared.batches for example in batch.examples)
    assert plan.tokens_mean == pytest.approx(sum(lengths) / len(lengths), abs=0.1)
    assert plan.tokens_most == lengths[-1]
    assert sum(length <= plan.tokens_p95 for length in lengths) >= 0.95 * len(lengths)
    assert (plan.steps, plan.evaluate_every) == (28, 7)
    cut = [example.truncated for batch in prepared.batches if batch.epoch == 0 for example in batch.examples]
    assert plan.truncated == sum(cut) / 56
    assert 0 < plan.truncated < 1


def test_the_plan_is_printed_on_stderr(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(prepared.plan, prepared.device, prepared.numerics, prepared.backend)
    shown = capsys.readouterr()
    assert not shown.out
    for part in ("enhancement", "56", "28, an evaluation every 7", "95 % have at most", "weights", "peft, fp32"):
        assert part in shown.err


def test_a_label_outside_labels_yml_is_refused_by_row_and_column(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", make_rows(40))
    file = folder / "dataset.csv"
    file.write_text(file.read_text().replace('"question"', '"quetsion"', 1))
    with pytest.raises(InputError, match=r"dataset\.csv:5: row 5, column labels: 'quetsion'"):
        read_tuning_data(folder)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_refused(split: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", [row for row in make_rows(80) if row.split != split])
    with pytest.raises(InputError, match=f"no row of split {split}"):
        read_tuning_data(folder)


def test_rows_without_a_split_among_others_are_refused(tmp_path: Path) -> None:
    rows = make_rows(80)
    folder = write_folder(tmp_path / "data", [replace(rows[0], split=""), *rows[1:]])
    with pytest.raises(InputError, match="1 rows without split, the first '0'"):
        read_tuning_data(folder)


@pytest.mark.parametrize(
    "change",
    [lambda row: row, lambda row: replace(row, title=row.title.upper() + "!"), lambda row: edited(row)],
    ids=["the same", "case and punctuation", "one word more"],
)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_test_row_that_also_stands_elsewhere_is_refused(split: str, change: object, tmp_path: Path) -> None:
    rows = make_rows(80)
    words = " ".join(f"word{i}" for i in range(60))
    test = replace(rows[0], body=words)
    assert test.split == "test"
    twin = replace(change(test), id="twin", split=split)  # type: ignore[operator]
    folder = write_folder(tmp_path / "data", [test, *rows[1:], twin])
    with pytest.raises(InputError, match=f"1 test rows also stand in {split}.*: twin = 0"):
        read_tuning_data(folder)


def test_issues_alike_in_their_template_alone_are_not_the_same(tmp_path: Path) -> None:
    rows = make_rows(80)
    template = " ".join(f"section{i}" for i in range(200))
    filled = [replace(row, title=f"trouble number{row.id} in module{row.id}", body=template) for row in rows]
    assert read_tuning_data(write_folder(tmp_path / "data", filled)).test


def test_the_short_way_to_twins_finds_all_that_comparing_each_pair_finds() -> None:
    rng = random.Random(0)
    words_of = [f"word{i}" for i in range(300)]

    def labelled(title: str, body: list[str]) -> Labelled:
        return Labelled(Issue(title, " ".join(body)), frozenset(), LABELS.names, "")

    others = [labelled(f"title of {i}", rng.choices(words_of, k=rng.randint(3, 80))) for i in range(40)]
    rows = []
    for other in others * 4:
        body = other.issue.body.split()
        for _ in range(rng.randint(0, 4)):
            body[rng.randrange(len(body))] = "changed"
        rows.append(labelled(rng.choice([other.issue.title, "quite another name"]), body))

    def same(row: Labelled, other: Labelled) -> bool:
        title, title_of_other = (set(words(one.issue.title)) for one in (row, other))
        text, text_of_other = (shingles(words(f"{one.issue.title}\n{one.issue.body}")) for one in (row, other))
        near = jaccard(text, text_of_other) >= NEAR
        return near and 2 * len(title & title_of_other) >= len(title | title_of_other)

    expected = {i for i, row in enumerate(rows) if any(same(row, other) for other in others)}
    assert {i for i, _ in overlapping(rows, others)} == expected
    assert 10 < len(expected) < 120


def test_a_dataset_without_splits_is_split_by_seed_with_every_label_everywhere(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", make_rows(100, split=False))
    assert not has_splits(folder)
    data = read_tuning_data(write_splits(folder, tmp_path / "a", 0))
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 80, "validation": 10, "test": 10}
    for rows in data.splits.values():
        assert {name for row in rows for name in row.labels} == set(LABELS.names)
    again = read_tuning_data(write_splits(folder, tmp_path / "b", 0))
    assert again.sha256 == data.sha256
    assert read_tuning_data(write_splits(folder, tmp_path / "c", 1)).sha256 != data.sha256


def test_a_seeded_split_leaves_no_twin_of_a_test_row_in_train(tmp_path: Path) -> None:
    rows = make_rows(60, split=False)
    twins = [replace(row, id=f"twin of {row.id}") for row in rows]
    out = write_splits(write_folder(tmp_path / "data", rows + twins), tmp_path / "out", 0)
    data = read_tuning_data(out)
    assert len(data.test) == 12
    ids = {split: {row.issue.id.removeprefix("twin of ") for row in found} for split, found in data.splits.items()}
    assert not ids["test"] & (ids["train"] | ids["validation"])
    assert len(list(open_dataset(out).rows())) < 120


def test_a_prompt_that_would_be_too_long_lowers_the_token_budget(base: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", make_rows(80))
    settings = small_settings(token_budget=1024, sequence_length=300)
    found = prepare(settings, data, str(base), tmp_path / "run", "peft")
    assert 64 <= found.plan.token_budget < 200
    long = max(len(example) for batch in found.batches for example in batch.examples)
    assert long <= 300
    with pytest.raises(InputError, match="no room is left for the issue"):
        prepare(small_settings(token_budget=1024, sequence_length=150), data, str(base), tmp_path / "run", "peft")


def test_what_cannot_fit_is_refused_with_a_batch_that_does(prepared: Prepared) -> None:
    def refusal(memory: int, **changes: object) -> str:
        settings = replace(prepared.settings, check_memory=True, **changes)  # type: ignore[arg-type]
        with pytest.raises(InputError) as refused:
            refuse_what_cannot_fit(prepared.plan, prepared.batches, Device("cpu", "CPU", memory, False), settings)
        return str(refused.value)

    memory = prepared.plan.memory
    assert "Set batch_size=2 and accumulation=2" in refusal(memory.fixed + memory.activations // 2 + 1)
    assert "smaller base" in refusal(memory.fixed // 2)
    enough = Device("cpu", "CPU", memory.total, False)
    refuse_what_cannot_fit(prepared.plan, prepared.batches, enough, replace(prepared.settings, check_memory=True))


def test_gradient_checkpointing_goes_on_by_itself_where_memory_is_short(base: Path) -> None:
    config, settings = read_config(base), small_settings()
    plain = estimate(config, settings, FP32, "cpu", 2**40, tokens=10_000, counted=100)
    short = estimate(config, settings, FP32, "cpu", plain.total, tokens=10_000, counted=100)
    assert (plain.checkpointing, short.checkpointing) == (False, True)
    assert short.activations < plain.activations
    off = small_settings(gradient_checkpointing="off")
    assert estimate(config, off, FP32, "cpu", plain.total, tokens=10_000, counted=100) == plain


def test_batches_that_fit_as_they_are_go_without_checkpointing(base: Path) -> None:
    config, settings = read_config(base), small_settings()
    enough = estimate(config, settings, FP32, "cuda", 2**40, tokens=100_000, counted=1000).total
    memory = enough // 2
    short = estimate(config, settings, FP32, "cuda", memory, tokens=100_000, counted=1000)
    above = short.checkpoint_above
    assert short.checkpointing
    assert 0 < above < 50_000
    largest = estimate(config, settings, FP32, "cuda", memory, tokens=above, counted=above // 100)
    assert not largest.checkpointing
    assert largest.total == pytest.approx(0.8 * memory, rel=0.01)
    assert estimate(config, settings, FP32, "cuda", memory, tokens=above + 20, counted=1000).checkpointing
    whole_run = estimate(config, settings, FP32, "cuda", memory, tokens=100_000, counted=1000, backend="unsloth")
    assert (whole_run.checkpointing, whole_run.checkpoint_above) == (True, 0)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_estimated_activations_are_the_peak_of_a_step(checkpointing: bool, tmp_path: Path) -> None:
    """Every allocation of a step is added up: on a GPU torch allocates the same."""
    base = random_base(tmp_path, Request("tiny"))
    settings = small_settings(rank=16, gradient_checkpointing="on" if checkpointing else "off")
    model = load_model("peft", base, settings, FP32, checkpointing).train()
    count_answers_only(model.get_base_model())
    ids = torch.randint(8, 500, (4, 256), generator=torch.Generator().manual_seed(0))
    targets = torch.full_like(ids, -100)
    targets[:, -2:] = ids[:, -2:]
    for _ in range(2):  # the first step allocates the gradients
        model.zero_grad(set_to_none=False)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            model(input_ids=ids, targets=targets)["loss"].backward()
    sizes = [event.nbytes() for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    peak = max(accumulate(sizes))
    found = estimate(base.config, settings, FP32, "cuda", 2**40, tokens=ids.numel(), counted=8)
    assert found.activations == pytest.approx(peak, rel=0.15)


@pytest.mark.parametrize("whole", [False, True])
def test_estimated_weights_are_those_of_the_model(base: Path, whole: bool, tmp_path: Path) -> None:
    settings = small_settings(train_embeddings=whole, train_norms=whole)
    model = load_model("peft", find_base(str(base), tmp_path), settings, FP32, False)
    weights, adapter, trained_whole = parameter_counts(read_config(base), settings)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    assert sum(size for name, size in sizes.items() if "lora_" in name) == adapter
    assert sum(size for name, size in sizes.items() if "lora_" not in name) == weights
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == (
        adapter + trained_whole
    )


def test_estimated_activations_are_about_what_the_backward_pass_keeps(prepared: Prepared, tmp_path: Path) -> None:
    settings, base = prepared.settings, prepared.base
    model = load_model("peft", base, settings, FP32, False)
    count_answers_only(model.get_base_model())
    batch: Batch = prepared.batches[0]
    held = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(**collate(batch))["loss"]
    measured = sum(kept.values())
    assert float(loss.detach()) > 0
    assert kept_bytes(base.config, settings, "fp32", batch.filled, False) == pytest.approx(measured, rel=0.15)


def edited(row: Row) -> Row:
    return replace(row, body=row.body + " please")
