"""A base that goes on reading: what is read, what is not, going on after a kill, and the command."""

from __future__ import annotations

import _thread
import gzip
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.errors import InputError
from tests.models import tokenizer_json, write_checkpoint
from training.model.licence import licence_of
from training.pretraining.adaptation import adapt
from training.pretraining.pretrain import STATE, LoopSettings, _ChunkedCrossEntropy, mean_loss, pack, train
from training.pretraining.texts import documents, text_files

pytestmark = pytest.mark.training

SETTINGS = LoopSettings(
    sequence_length=32, batch_size=4, learning_rate=1e-2, embedding_learning_rate=3e-3, weight_decay=0.0, warmup=0.1,
    decay=1.0,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small gain nothing from a second thread, and wait for it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of every kind of file; rows of "test" and of exam.jsonl are kept for evaluation."""
    folder = tmp_path_factory.mktemp("texts")
    issue = {"title": "The application crashes {}", "body": "when I open the file menu and click save, {} times"}
    with gzip.open(folder / "issues.jsonl.gz", "wt") as file:
        for i in range(200):
            row = {key: text.format(i) for key, text in issue.items()}
            file.write(json.dumps(row | {"split": "test" if i % 10 == 0 else "train"}) + "\n")
    (folder / "notes.csv").write_text(
        "text,split\n" + "".join(f'"Please add support for dark mode {i}\nin the settings page",\n' for i in range(150))
        + '"The application crashes 30\nsaid again in a comment",\n"How do I configure the exam?\nso",train\n'
    )  # fmt: skip
    (folder / "exam.jsonl").write_text(json.dumps({"title": "How do I configure the exam?", "body": None}) + "\n")
    (folder / "guide.txt").write_text("A guide.\n\nHow to configure the build.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def kept_out(folder: Path) -> list[str]:
    return list(documents(text_files([folder]), 0, kept=[folder / "exam.jsonl"]))


def test_every_kind_of_file_is_read_with_newlines_as_they_are(texts: Path) -> None:
    assert [path.name for path in text_files([texts])] == ["exam.jsonl", "guide.txt", "issues.jsonl.gz", "notes.csv"]
    read = kept_out(texts)
    assert "A guide.\n\nHow to configure the build." in read
    assert "The application crashes 7\n\nwhen I open the file menu and click save, 7 times" in read
    assert "Please add support for dark mode 3\nin the settings page" in read
    assert len(read) == 180 + 150 + 1


def test_nothing_that_is_kept_for_evaluation_is_read_nor_what_opens_with_its_title(texts: Path) -> None:
    openings = {text.split("\n")[0] for text in kept_out(texts)}
    assert "The application crashes 31" in openings
    assert not {"The application crashes 30", "How do I configure the exam?"} & openings


def test_texts_are_given_in_the_seeds_order_until_they_suffice(texts: Path) -> None:
    files = text_files([texts])
    read = list(documents(files, 0))
    assert list(documents(files, 0)) == read != list(documents(files, 1))
    assert sorted(documents(files, 1)) == sorted(read)
    some = list(documents(files, 0, characters=2000))
    assert some == read[: len(some)]
    assert len("".join(some[:-1])) < 2000 <= len("".join(some))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "x"}\nnot json\n', "a.jsonl:2: not a JSON line"),
        ("a.jsonl", b'{"words": "x"}\n', "a.jsonl:1: no text, title or body"),
        ("a.jsonl", b'{"text": 3}\n', "a.jsonl:1: text, title or body is no string"),
        ("a.csv", b"number,labels\n1,bug\n", "a.csv:1: no column text, title or body"),
        ("a.txt", b"caf\xe9\n", "a.txt:1: not UTF-8"),
        ("a.jsonl.gz", b"not gzip", "a.jsonl.gz: cannot be read"),
        ("a.pdf", b"", "a.pdf: of another kind"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        list(documents(text_files([tmp_path / name]), 0))


def test_a_typed_control_token_stays_text(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json())
    ids = pack(["crash <eos><start_of_turn>model"], tokenizer)
    control = [tokenizer.token_to_id(name) for name in ("<bos>", "<eos>", "<start_of_turn>")]
    assert ids[0] == control[0]
    assert ids[-1] == control[1]
    assert not set(ids[1:-1].tolist()) & set(control)


def test_adapting_lowers_the_loss_on_text_kept_back_and_leaves_unread_tokens_alone(
    base: Path, texts: Path, tmp_path: Path
) -> None:
    adapted = adapt(base, [texts], tmp_path / "run", SETTINGS)
    assert adapted.after < 0.8 * adapted.before
    assert adapted.base == tmp_path / "run" / "base"
    before, after = (Gemma3ForCausalLM.from_pretrained(path).state_dict() for path in (base, adapted.base))
    embeddings = "model.embed_tokens.weight"
    assert all(not torch.equal(before[name], after[name]) for name in before)
    read = set(np.load(tmp_path / "run" / "tokens.npy").tolist())
    for token in range(len(before[embeddings])):
        assert torch.equal(before[embeddings][token], after[embeddings][token]) == (token not in read)
    # Given again, the same command finds its work done.
    assert adapt(base, [texts], tmp_path / "run", SETTINGS) == adapted


def test_an_adapted_base_keeps_its_licence_and_what_was_held_out(base: Path, texts: Path, tmp_path: Path) -> None:
    adapt(base, [texts], tmp_path, SETTINGS, kept=[texts / "exam.jsonl"], tokens=2000, licence="gemma")
    assert licence_of("adapted", tmp_path / "base") == "gemma"
    with pytest.raises(InputError, match="with other values: kept"):
        adapt(base, [texts], tmp_path, SETTINGS, tokens=2000, licence="gemma")


def test_a_folder_of_another_run_is_not_mixed_up_with_this_one(base: Path, texts: Path, tmp_path: Path) -> None:
    adapt(base, [texts / "issues.jsonl.gz"], tmp_path / "run", SETTINGS, tokens=2000)
    with pytest.raises(InputError, match="with other values: seed 0 → 1, text"):
        adapt(base, [texts / "notes.csv"], tmp_path / "run", SETTINGS, tokens=2000, seed=1)


@pytest.fixture
def interrupted_once_saved(tmp_path: Path) -> Iterator[Path]:
    """A run's folder; as soon as a state is saved in it the main thread is interrupted, wherever it is."""
    done = threading.Event()

    def watch() -> None:
        while not (tmp_path / STATE).exists():
            if done.wait(0.002):
                return
        _thread.interrupt_main()

    thread = threading.Thread(target=watch)
    # A job in the background of a shell begins with SIGINT ignored, and then nothing is interrupted.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    yield tmp_path
    done.set()
    thread.join()
    signal.signal(signal.SIGINT, before)


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    base: Path, interrupted_once_saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tokens = np.random.default_rng(0).integers(7, 300, 32 * 4 * 30 + 1).astype(np.uint16)
    stopped = Gemma3ForCausalLM.from_pretrained(base)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, tokens, SETTINGS, interrupted_once_saved, compile=False, save_every=4)
    step = torch.load(interrupted_once_saved / STATE)["step"]
    assert 0 < step < 30
    again, whole = Gemma3ForCausalLM.from_pretrained(base), Gemma3ForCausalLM.from_pretrained(base)
    train(again, tokens, SETTINGS, interrupted_once_saved, compile=False)
    train(whole, tokens, SETTINGS, tmp_path_factory.mktemp("whole"), compile=False)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), whole.parameters(), strict=True))
    assert mean_loss(whole, tokens, SETTINGS) < mean_loss(Gemma3ForCausalLM.from_pretrained(base), tokens, SETTINGS)


def test_the_chunked_loss_and_its_gradients_equal_the_plain_ones() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(50, 16, requires_grad=True), torch.randn(30, 16, requires_grad=True)
    targets = torch.randint(0, 30, (50,))
    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets)
    expected = torch.autograd.grad(plain, (hidden, weight))
    chunked = _ChunkedCrossEntropy.apply(hidden, weight, targets, 16)
    got = torch.autograd.grad(chunked, (hidden, weight))
    torch.testing.assert_close(chunked, plain, atol=0.02, rtol=0.01)  # computed in bfloat16
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0.05)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 0}, "batch_size = 0"),
        ({"epochs": 1.5}, "epochs = 1.5"),
        ({"learning_rate": -1.0}, "learning_rate = -1.0"),
        ({"weight_decay": float("nan")}, "weight_decay = nan"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(SETTINGS, **change)


def test_matrices_and_the_rest_learn_at_rates_of_their_own(base: Path, tmp_path: Path) -> None:
    model, before = (Gemma3ForCausalLM.from_pretrained(base) for _ in range(2))
    tokens = np.random.default_rng(0).integers(7, 300, 32 * 4 + 1).astype(np.uint16)
    train(model, tokens, replace(SETTINGS, embedding_learning_rate=0.0), tmp_path, compile=False)
    was = dict(before.named_parameters())
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, was[name])}
    assert moved == {name for name, p in was.items() if p.ndim == 2 and "embed" not in name}


def test_too_little_text_is_refused(base: Path, texts: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="65 tokens of text: not one batch of 4 x 32"):
        adapt(base, [texts], tmp_path, SETTINGS, tokens=100)


def test_the_command_prints_the_folder_and_says_what_it_gained(
    base: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.cli import main

    arguments = ["--text", str(texts), "--base", str(base), "--out", str(tmp_path), "--no-compile"]
    assert main(["adapt", *arguments, "--sequence-length", "32", "--tokens", "3000"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'base'}\n"
    assert "nats a token (perplexity" in printed.err
    assert main(["adapt", *arguments, "--batch-size", "0"]) == 1
    assert "batch_size = 0" in capsys.readouterr().err
