"""GGUF files as bases, against the checkpoints that they were made of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.convert_slow_tokenizer import generate_merges

from eval.speed.gemma_tokenizer import BYTE_TOKENS, CONTROL_TOKENS
from labeler.errors import InputError
from labeler.model.bundle import read_manifest
from labeler.model.tensors import TensorFile
from labeler.model.tokenizer import LibraryTokenizer
from tests.standins.hub import HubServer
from tests.training.gguf_files import write_gguf
from tests.training.small import make_rows, small_settings, write_folder
from training.cli import main
from training.gguf.spm_tokenizer import rebuilt_tokenizer
from training.model.base import find_base
from training.model.checkpoint import read_config
from training.model.merge import to_bfloat16
from training.tuning.run_record import read_record
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training


@pytest.mark.parametrize(("kind", "tolerance"), [("F32", 0.0), ("BF16", 0.0), ("F16", 2**-9), ("Q8_0", 2**-6)])
def test_a_gguf_file_is_the_checkpoint_that_it_was_made_of(tmp_path: Path, kind: str, tolerance: float) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", kind=kind)
    base = find_base(str(path), tmp_path / "made")
    assert (base.name, base.revision) == (str(path), "")
    assert base.config == read_config(tmp_path / "tiny")
    before, after = (TensorFile(folder / "model.safetensors") for folder in (tmp_path / "tiny", Path(base.path)))
    assert set(after.names) == set(before.names)
    for name in before.names:
        tensor = before.as_float32(name)
        if tolerance:
            np.testing.assert_allclose(after.as_float32(name), tensor, rtol=2**-7, atol=tolerance * abs(tensor).max())
        else:
            np.testing.assert_allclose(after.as_float32(name), tensor, rtol=2**-8, atol=2**-23, err_msg=name)
    assert after.is_bfloat16("model.norm.weight")


def test_norms_lose_the_one_that_was_added(tmp_path: Path) -> None:
    base = find_base(str(write_gguf(tmp_path / "tiny.gguf")), tmp_path / "made")
    before, after = (TensorFile(folder / "model.safetensors") for folder in (tmp_path / "tiny", Path(base.path)))
    for name in (name for name in before.names if "norm" in name):
        one = np.float32(1.0)
        np.testing.assert_array_equal(after[name], to_bfloat16((before.as_float32(name) + one) - one), err_msg=name)


def with_an_image_token(tokenizer: Path, target: Path) -> int:
    """Writes the tokenizer with a special token above all rows, as Gemma's own has it; returns its id."""
    state = json.loads(tokenizer.read_text())
    token = dict(state["added_tokens"][0], id=len(state["model"]["vocab"]), content="<image_soft_token>")
    target.write_text(json.dumps(state | {"added_tokens": [*state["added_tokens"], token]}))
    return int(token["id"])


def test_it_is_tuned_with_the_published_tokenizer_and_converted_once(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", fields={".general.license": "gemma"})
    rows = with_an_image_token(tmp_path / "tiny" / "tokenizer.json", tmp_path / "tokenizer.json")
    data = write_folder(tmp_path / "data", make_rows(60))
    result = run(small_settings(epochs=1), data, str(path), tmp_path / "run", backend="peft")
    assert result.bundle is not None
    assert read_manifest(result.bundle).shape.vocab_size == rows
    provenance = read_manifest(result.bundle).provenance
    assert provenance["licence"] == "gemma"
    assert "--base tiny.gguf" in provenance["command"]
    assert read_record(tmp_path / "run").base.path == str((tmp_path / "run" / "base").resolve())
    weights = tmp_path / "run/base/model.safetensors"
    written = weights.stat().st_mtime_ns
    find_base(str(path), tmp_path / "run" / "base")
    assert "image_soft_token" in (tmp_path / "run/merged/tokenizer.json").read_text()
    assert weights.stat().st_mtime_ns == written
    (tmp_path / "tokenizer.json").unlink()
    other = write_gguf(tmp_path / "other.gguf")
    with pytest.raises(InputError, match=r"holds .*tiny\.gguf.*, not .*other\.gguf"):
        find_base(str(other), tmp_path / "run" / "base")


def test_it_is_exported_and_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    (tmp_path / "labels.yml").write_text("- bug\n- question\n")
    before = {entry.name for entry in tmp_path.iterdir()}
    command = ["export", "--checkpoint", str(path), "--labels", str(tmp_path / "labels.yml")]
    assert main([*command, "--out", str(tmp_path / "bundle")]) == 0
    assert "tiny 0, 2 labels" in capsys.readouterr().out
    assert {entry.name for entry in tmp_path.iterdir()} == before | {"bundle"}
    assert read_manifest(tmp_path / "bundle").provenance["licence"] == "gemma"


def test_one_on_the_hub_is_fetched_alone_with_its_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    tokenizer = (tmp_path / "tiny" / "tokenizer.json").read_bytes()
    files = {"q8/tiny.gguf": path.read_bytes(), "q8/tokenizer.json": tokenizer, "q8/other.gguf": b"x"}
    with HubServer() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        commit = hub.commit("team/tiny", files)
        base = find_base(f"team/tiny@{commit}/q8/tiny.gguf", tmp_path / "made")
        with pytest.raises(InputError, match=r"team/tiny holds no q4/tiny\.gguf"):
            find_base(f"team/tiny@{commit}/q4/tiny.gguf", tmp_path / "absent")
    assert base.reference == f"team/tiny@{commit}/q8/tiny.gguf"
    assert base.tokenizer.read_bytes() == tokenizer
    assert not list((tmp_path / "cache").rglob("other.gguf"))


def test_a_tokenizer_beside_the_file_is_taken_and_another_one_is_another_base(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", tokenizer={"model": "gpt2"})
    with pytest.raises(
        InputError, match=r"holds no tokenizer of Gemma's kind\nPut the model's own tokenizer\.json beside"
    ):
        find_base(str(path), tmp_path / "made")
    beside = tmp_path / "tokenizer.json"
    shutil.copyfile(tmp_path / "tiny" / "tokenizer.json", beside)
    base = find_base(str(path), tmp_path / "new")
    assert base.tokenizer.read_bytes() == beside.read_bytes()
    beside.write_bytes(beside.read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"holds .*, not .*\nGive another --out"):
        find_base(str(path), tmp_path / "new")


# Pieces of which some are made of others, with what is defined by hand first, as in Gemma's own model.
DEFINED = ["\n\n", "  ", "   ", "<h1>"]
PIECES = ["▁a", "ab", "▁ab", "abc", "ba", "▁", "a", "b", "c", "\n", "<", "h", "1", ">"]


def fields_of(pieces: list[str]) -> dict[str, Any]:
    tokens = [*CONTROL_TOKENS, "<start_of_image>", *DEFINED, *BYTE_TOKENS, *pieces]
    kinds = [*[3] * len(CONTROL_TOKENS), 4, *[4] * len(DEFINED), *[6] * 256, *[1] * len(pieces)]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": np.array([-1.0 - token for token in range(len(tokens))], np.float32),
        "tokenizer.ggml.token_type": np.array(kinds, np.int32),
    }


@settings(max_examples=10, deadline=None)
@given(pieces=st.lists(st.text("ab▁", min_size=2, max_size=5), max_size=20, unique=True))
def test_merges_are_those_that_transformers_makes_of_the_pieces(pieces: list[str]) -> None:
    pieces = [*dict.fromkeys([*pieces, *PIECES]).keys() - {"▁▁", "▁▁▁"}]
    state = json.loads(rebuilt_tokenizer(Path("tiny.gguf"), fields_of(pieces)).to_str())
    vocab = state["model"]["vocab"]
    scores = {piece: float(-token) for piece, token in vocab.items()}
    scores |= {piece.replace(" ", "▁"): 0.0 for piece in DEFINED}
    skipped = {*CONTROL_TOKENS, *BYTE_TOKENS}
    expected = generate_merges(vocab, scores, skipped)
    assert sorted(map(tuple, state["model"]["merges"])) == sorted(expected)
    places = {piece: [m for m in expected if "".join(m) == piece] for piece in vocab}
    for piece, merges in places.items():
        assert [tuple(m) for m in state["model"]["merges"] if "".join(m) == piece] == merges, piece


def test_a_rebuilt_tokenizer_reads_as_gemmas_own_does(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(rebuilt_tokenizer(Path("tiny.gguf"), fields_of(PIECES)).to_str())
    tokenizer = LibraryTokenizer(path)
    vocab = json.loads(path.read_text())["model"]["vocab"]

    def pieces(text: str) -> list[str]:
        names = {token: piece for piece, token in vocab.items()}
        return [names[token] for token in tokenizer.encode(text)]

    assert pieces("abc abab") == ["abc", "▁ab", "ab"]
    assert pieces("\n\n\n") == ["\n\n", "\n"]
    assert pieces("a   b") == ["a", "▁▁▁", "b"]  # a run that was defined by hand comes before what is frequent
    assert pieces("<h1>a") == ["<h1>", "a"]
    assert pieces("é") == ["<0xC3>", "<0xA9>"]
    assert len(pieces("<start_of_turn><start_of_image>")) > 2  # nobody types a special token
    assert pieces("<mask>") == ["<mask>"]  # in Gemma's own file it is not special


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another architecture": ({"architecture": "llama"}, "of the architecture llama"),
    "a missing tensor": ({"tensors": {"blk.1.ffn_up.weight": None}}, r"no tensor blk\.1\.ffn_up\.weight"),
    "no embeddings": ({"tensors": {"token_embd.weight": None}}, "vocab_size 0"),
    "a tensor too many": (
        {"tensors": {"blk.0.attn_q.bias": np.zeros(32, np.float32)}},
        r"holds blk\.0\.attn_q\.bias, which Gemma 3 does not have",
    ),
    "another shape": ({"fields": {"feed_forward_length": 96}}, r"ffn_gate\.weight has the shape \(64, 32\)"),
    "numbers that are none": (
        {"tensors": {"output_norm.weight": np.full(32, np.nan, np.float32)}},
        "not finite",
    ),
    "an output layer of its own": (
        {"tensors": {"output.weight": np.ones((439, 32), np.float32)}},
        r"output\.weight differs from the embeddings",
    ),
    "a setting that is not there": ({"fields": {"block_count": None}}, r"no gemma3\.block_count"),
    "a soft cap": ({"fields": {"final_logit_softcapping": 30.0}}, "final_logit_softcapping is set"),
    "attention both ways": ({"fields": {"attention.causal": False}}, "use_bidirectional_attention is set"),
    "stretched by yarn": ({"fields": {"rope.scaling.type": "yarn", "rope.scaling.factor": 8.0}}, "rope type 'yarn'"),
    "heads of two sizes": ({"fields": {"attention.value_length": 32}}, r"attention\.value_length 32, heads of 16"),
    "one of several parts": ({"fields": {".split.count": 3}}, "one of 3 parts"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_whole_gemma_3_is_refused(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    path = write_gguf(tmp_path / "tiny.gguf", **changes)
    with pytest.raises(InputError, match=message):
        find_base(str(path), tmp_path / "made")
    assert not (tmp_path / "made" / "config.json").exists()


def test_settings_that_older_files_leave_out_are_llama_cpps(tmp_path: Path) -> None:
    silent = {"attention.sliding_window_pattern": None, "attention.value_length": None}
    scaled = {"rope.scaling.type": "linear", "rope.scaling.factor": 8.0}
    path = write_gguf(tmp_path / "tiny.gguf", fields=silent | scaled)
    config = find_base(str(path), tmp_path / "made").config
    assert config.is_local == (True, True)  # every sixth layer is global
    assert (config.local_rope.theta, config.local_rope.factor) == (10_000.0, 1.0)
    assert (config.global_rope.theta, config.global_rope.factor) == (1_000_000.0, 8.0)
    assert config.norm_epsilon == 1e-6


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "no GGUF file"),
    "something else": (lambda data: b"PK\x03\x04" + data[4:], "no GGUF file"),
    "big-endian": (lambda data: data[:4] + data[4:8][::-1] + data[8:], "big-endian"),
    "cut in its settings": (lambda data: data[:3000], r"damaged or cut short at byte \d"),
    "cut in its tensors": (lambda data: data[:-200], "cut short: "),
    "a count beyond all bounds": (lambda data: data[:16] + b"\xff" * 8 + data[24:], "damaged or cut short"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused(tmp_path: Path, case: str) -> None:
    change, message = DAMAGED[case]
    path = write_gguf(tmp_path / "tiny.gguf")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        find_base(str(path), tmp_path / "made")


def test_what_is_not_there_is_told_from_the_hub(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.gguf: no such file"):
        find_base(str(tmp_path / "absent.gguf"), tmp_path / "made")


def test_a_missing_library_names_its_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "gguf>=0\.19"'):
        find_base(str(path), tmp_path / "made")
