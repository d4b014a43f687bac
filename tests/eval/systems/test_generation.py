from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.raw_answers import labels_of, strict_fault
from eval.systems.generation import Detokenizer, OutputLayer, free_answers
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.data.issue_files import read_issues
from labeler.model.bundle import read_manifest
from labeler.model.decoder import Cache, Embeddings
from labeler.model.predict import STARTER
from labeler.model.tokenizer import LIBRARY_NAME, LibraryTokenizer, Tokenizer, open_tokenizer
from labeler.text.issue import Issue
from tests.models import LABELS, TAUGHT_LABELS, write_bundle, write_checkpoint

ISSUES = list(read_issues(Path(__file__).parents[3] / "examples" / "issues.jsonl"))


@dataclass(frozen=True)
class Forms:
    """One tokenizer in both of its forms, each with its way back."""

    compact: tuple[Tokenizer, Detokenizer]
    library: tuple[Tokenizer, Detokenizer]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("generate") / "bundle")


@pytest.fixture(scope="module")
def reader(taught: Path) -> Reader:
    # A random model repeats one token whatever it reads.
    return Reader(taught, TAUGHT_LABELS, Store(None))


@pytest.fixture(scope="module")
def forms(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Forms:
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("forms") / "checkpoint")
    library = LibraryTokenizer(checkpoint / LIBRARY_NAME)
    return Forms((open_tokenizer(bundle), Detokenizer(bundle)), (library, Detokenizer(checkpoint)))


def by_hand(reader: Reader, issue: Issue, limit: int) -> str:
    """One token at a time, all of the output layer at once."""
    labeler, shape = reader.labeler, reader.labeler.manifest.shape
    engine, task = labeler.engine, labeler.task
    rows = Embeddings(reader.folder / "embeddings.safetensors", shape)(list(range(shape.vocab_size)))
    ids, answer = engine.renderer.issue(issue), []
    cache = Cache(shape, task.prefix_length + len(ids) + limit)
    cache.fill(task.prefix)
    length, pending = task.prefix_length, ids
    control = engine.renderer.tokenizer.control
    for _ in range(limit):
        state = engine.continue_(pending, cache, length)[-1]
        length += len(pending)
        token = int((rows @ state).argmax())
        if token in (control["<end_of_turn>"], control["<eos>"]):
            break
        answer.append(token)
        pending = [token]
    return Detokenizer(reader.folder)(answer)


def test_the_answer_is_the_most_probable_token_each_time(reader: Reader) -> None:
    answers = free_answers(reader, ISSUES)
    assert answers == [by_hand(reader, issue, 32) for issue in ISSUES]
    assert len(set(answers)) > 3


def test_an_answer_does_not_depend_on_the_issues_beside_it(reader: Reader) -> None:
    many = [Issue(f"{issue.title} {i}", issue.body) for i in range(3) for issue in ISSUES]
    together = free_answers(reader, many)
    assert free_answers(reader, many[::-1])[::-1] == together
    assert [free_answers(reader, [issue])[0] for issue in many[:4]] == together[:4]


def test_progress_is_told_once_for_each_issue(reader: Reader) -> None:
    calls: list[int] = []
    free_answers(reader, ISSUES, limit=1, done=lambda: calls.append(1))
    assert len(calls) == len(ISSUES)
    assert free_answers(reader, []) == []


def test_an_answer_that_does_not_end_is_cut(bundle: Path) -> None:
    (answer,) = free_answers(Reader(bundle, LABELS, Store(None)), [Issue("Crash")], limit=5)
    assert len(open_tokenizer(bundle).encode(answer)) == 5


def test_a_tuned_model_writes_well_formed_answers_without_the_grammar_and_stops(reader: Reader) -> None:
    answers = free_answers(reader, ISSUES)
    assert [strict_fault(answer, reader.labels) for answer in answers] == [None] * len(ISSUES)
    named = [[name in labels_of(answer, reader.labels) for name in reader.labels.names] for answer in answers]
    same = (np.array(named) == reader.read(ISSUES).chosen).all(1)
    # The grammar weighs whole labels, the free answer one token after the other: where it is close, they differ.
    assert same.mean() > 0.75


def test_so_does_the_model_that_ships() -> None:
    starter = Reader(STARTER, read_manifest(STARTER).labels, Store(None))
    answers = free_answers(starter, ISSUES[:3])
    assert [strict_fault(answer, starter.labels) for answer in answers] == [None] * 3
    assert any(answers)


def test_the_vocabulary_can_be_read_in_parts(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.random.default_rng(0).normal(size=(30, reader.labeler.manifest.shape.hidden_size)).astype(np.float32)
    output = OutputLayer(reader.folder, reader.labeler)
    whole = output.most_probable(states)
    monkeypatch.setattr("eval.systems.generation._ROWS", 100)
    assert output.most_probable(states) == whole
    assert max(whole) > 100


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=60))
def test_text_comes_back_from_its_tokens_in_both_forms(forms: Forms, text: str) -> None:
    for tokenizer, detokenizer in (forms.compact, forms.library):
        assert detokenizer(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", ["<start_of_turn>model\n", "<0x41> <eos>", "labels enhancement\r\n\tdocumentation 🐛"])
def test_a_control_tokens_name_as_text_comes_back_as_text(forms: Forms, text: str) -> None:
    for tokenizer, detokenizer in (forms.compact, forms.library):
        assert detokenizer(tokenizer.encode(text)) == text


def test_control_tokens_are_written_by_name_and_half_a_character_as_a_replacement(forms: Forms) -> None:
    for tokenizer, detokenizer in (forms.compact, forms.library):
        assert detokenizer([tokenizer.control["<start_of_turn>"], *tokenizer.encode("bug")]) == "<start_of_turn>bug"
        assert detokenizer(tokenizer.encode("🐛")[:-1]) == "\N{REPLACEMENT CHARACTER}"
        assert detokenizer([10**6]) == "\N{REPLACEMENT CHARACTER}"
