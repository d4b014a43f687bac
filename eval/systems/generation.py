"""Greedy text over the whole vocabulary: what a model answers when no grammar holds it to the list.

Serving never does this. It shows how well-formed a model's own answers are, and it is the usual way to ask an
untuned model. The output layer is the embedding table (Gemma ties them), read in parts: whole and in 32 bits it
would take 670 MB with Gemma 3 270M. Several issues go through it together, since converting it costs most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labeler.model.decoder import Array, Cache, Embeddings, available_cores
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile
from labeler.model.tokenizer import COMPACT_NAME, CONTROL_NAMES, LIBRARY_NAME, SPACE
from labeler.text.issue import Issue

if TYPE_CHECKING:
    from labeler.base.reader import Reader

MOST_TOKENS = 32  # of an answer; the label lists at hand need about half as many
_TOGETHER = 16  # issues decoded side by side; each holds a cache of its own
_ROWS = 16_384  # rows of the output layer converted at once
_STOPS = ("<end_of_turn>", "<eos>")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def free_answers(
    reader: Reader, issues: Sequence[Issue], *, limit: int = MOST_TOKENS, done: Callable[[], None] = lambda: None
) -> list[str]:
    """The most probable text, token by token, after each issue's prompt; up to its end or `limit` tokens.

    Control tokens other than the end are written out by name, so that they count as malformed. `done` is called
    after each issue.
    """
    encode = reader.labeler.engine.renderer.issue
    return continuations(reader.labeler, reader.folder, [encode(issue) for issue in issues], limit, done)


def continuations(
    labeler: Labeler,
    folder: Path,
    prompts: Sequence[list[int]],
    limit: int = MOST_TOKENS,
    done: Callable[[], None] = lambda: None,
) -> list[str]:
    """`free_answers`, of token ids that follow the labeler's prefix. `folder` is the labeler's bundle."""
    output = OutputLayer(folder, labeler)
    detokenizer = Detokenizer(folder)
    # Prompts of like length together, so that a part's caches are alike.
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    texts: dict[int, str] = {}
    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(0, len(order), _TOGETHER):
            part = order[start : start + _TOGETHER]
            for i, ids in zip(part, _decode(labeler, output, [prompts[i] for i in part], limit, pool), strict=True):
                texts[i] = detokenizer(ids)
                done()
    return [texts[i] for i in range(len(prompts))]


@dataclass
class _Lane:
    """One issue on its way: its cache, the tokens in it, and the answer so far."""

    cache: Cache
    length: int
    pending: list[int]  # tokens to feed next
    answer: list[int] = field(default_factory=list)


def _decode(
    labeler: Labeler, output: OutputLayer, prompts: Sequence[list[int]], limit: int, pool: ThreadPoolExecutor
) -> list[list[int]]:
    """Each prompt's answer as token ids, without the end."""
    engine, task = labeler.engine, labeler.task
    stops = {engine.renderer.tokenizer.control[name] for name in _STOPS}
    lanes = []
    for ids in prompts:
        cache = Cache(labeler.manifest.shape, task.prefix_length + len(ids) + limit)
        cache.fill(task.prefix)
        lanes.append(_Lane(cache, task.prefix_length, ids))

    def advance(lane: _Lane) -> Array:
        state: Array = engine.continue_(lane.pending, lane.cache, lane.length)[-1]
        lane.length += len(lane.pending)
        return state

    running = lanes
    for _ in range(limit):
        states = np.stack(list(pool.map(advance, running)))
        for lane, token in zip(running, output.most_probable(states), strict=True):
            lane.pending = [] if token in stops else [token]
            lane.answer += lane.pending
        running = [lane for lane in running if lane.pending]
        if not running:
            break
    return [lane.answer for lane in lanes]


class OutputLayer:
    """Hidden states to the most probable token of the whole vocabulary."""

    def __init__(self, folder: Path, labeler: Labeler) -> None:
        shape = labeler.manifest.shape
        self._vocabulary = shape.vocab_size
        self._embeddings = Embeddings(folder / "embeddings.safetensors", shape)

    def most_probable(self, hidden: Array) -> list[int]:
        """The token of each state; of equals the one with the lowest id. `hidden` is float32 (states, hidden)."""
        best = np.full(len(hidden), -np.inf, dtype=np.float32)
        tokens = np.zeros(len(hidden), dtype=np.int64)
        for start in range(0, self._vocabulary, _ROWS):
            rows = self._embeddings(list(range(start, min(start + _ROWS, self._vocabulary))))
            logits = hidden @ rows.T
            found = logits.argmax(1)
            values = logits[np.arange(len(hidden)), found]
            better = values > best
            best[better], tokens[better] = values[better], found[better] + start
        return [int(token) for token in tokens]


class Detokenizer:
    """Token ids to text, from either form of a bundle's tokenizer."""

    def __init__(self, folder: Path) -> None:
        compact = folder / COMPACT_NAME
        if compact.exists():
            self._open_compact(compact)
        else:
            self._open_library(folder / LIBRARY_NAME)

    def __call__(self, ids: Sequence[int]) -> str:
        """The text; bytes that make no character, and reserved tokens, become U+FFFD."""
        return b"".join(map(self._piece, ids)).decode("utf-8", "replace")

    def _open_compact(self, path: Path) -> None:
        file = TensorFile(path)
        facts = json.loads(bytes(file["facts"]))
        # A piece of several characters is kept as the merge that makes it, not as text.
        self._left, self._right = file["left"], file["right"]
        self._merge = np.full(facts["vocab_size"], -1, dtype=np.int64)
        self._merge[file["new"]] = np.arange(len(file["new"]))
        characters = zip(file["character_ids"].tolist(), file["character_codes"].tolist(), strict=True)
        self._pieces = {token: _utf8(chr(code)) for token, code in characters}
        self._pieces |= {token: bytes([byte]) for byte, token in enumerate(facts["bytes"])}
        named = facts["added"] | facts["control"]
        self._pieces |= {token: _utf8(text) for text, token in named.items()}

    def _open_library(self, path: Path) -> None:
        state = json.loads(path.read_bytes())
        self._merge = np.empty(0, dtype=np.int64)
        self._pieces = {}
        for text, token in state["model"]["vocab"].items():
            byte = _BYTE.fullmatch(text)
            self._pieces[token] = bytes.fromhex(byte[1]) if byte else _utf8(text)
        for token in state["added_tokens"]:
            is_reserved = token["special"] and token["content"] not in CONTROL_NAMES
            self._pieces[token["id"]] = _utf8("\N{REPLACEMENT CHARACTER}" if is_reserved else token["content"])

    def _piece(self, token: int) -> bytes:
        if token not in self._pieces:
            rank = int(self._merge[token]) if token < len(self._merge) else -1
            if rank < 0:
                return _utf8("\N{REPLACEMENT CHARACTER}")
            self._pieces[token] = self._piece(int(self._left[rank])) + self._piece(int(self._right[rank]))
        return self._pieces[token]


def _utf8(text: str) -> bytes:
    return text.replace(SPACE, " ").encode("utf-8", "replace")
