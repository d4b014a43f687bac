"""Text to token ids, in two forms that agree: a memory-mapped one that opens at once, and the library's.

Gemma's `tokenizer.json` has 262,144 pieces and half a million merges; parsing it takes longer than
labelling an issue. `CompactTokenizer` keeps the merges in a hash table on disk and touches only
what the text at hand needs. Export checks the two against each other before it ships the compact form.
"""

from __future__ import annotations

import heapq
import json
import re
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from labeler.errors import BundleError
from labeler.model.tensors import TensorFile, write_tensors

COMPACT_NAME = "tokenizer.safetensors"
LIBRARY_NAME = "tokenizer.json"
CONTROL_NAMES = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
SPACE = "▁"
_UNUSED = re.compile(r"<unused\d+>")
_CACHED_WORDS = 50_000
_A, _B = 0x9E3779B1, 0x85EBCA6B  # odd multipliers of the merge table's hash


class Tokenizer(Protocol):
    """What prompt and answer need of a tokenizer.

    `vocab_size` is one above the highest id that a text or a prompt can hold.
    """

    control: dict[str, int]
    vocab_size: int

    def encode(self, text: str) -> list[int]:
        """Ids of `text` as plain text: a control token's name typed by a person stays text."""
        ...


def open_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a bundle or checkpoint folder, the compact form first.

    Raises:
        BundleError: the folder has none, or it lacks a control token.
    """
    if (folder / COMPACT_NAME).exists():
        return CompactTokenizer(folder / COMPACT_NAME)
    return LibraryTokenizer(folder / LIBRARY_NAME)


class LibraryTokenizer:
    """A `tokenizer.json` read by the `tokenizers` library."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise BundleError(f"{path}: missing", "A model folder needs its tokenizer.json.")
        try:
            from tokenizers import Tokenizer as Library
        except ImportError as error:
            remedy = 'Install it: pip install "issue-labeler[serve]"'
            raise BundleError(f"{path}: reading it needs the tokenizers library", remedy) from error
        state = json.loads(path.read_bytes())
        self.vocab_size = _size(state)
        for token in state["added_tokens"]:
            # Reserved tokens count as control tokens: nobody's text should reach their embeddings.
            token["special"] = token["special"] or bool(_UNUSED.fullmatch(token["content"]))
        self._library = Library.from_str(json.dumps(state))
        self._library.no_truncation()
        self._library.no_padding()
        self._library.encode_special_tokens = True
        self.control = _control(path, {name: self._library.token_to_id(name) for name in CONTROL_NAMES})

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._library.encode(text, add_special_tokens=False).ids
        return ids


def _control(path: Path, ids: dict[str, int | None]) -> dict[str, int]:
    missing = [name for name, token in ids.items() if token is None]
    if missing:
        raise BundleError(f"{path}: no token {', '.join(missing)}", "Use the tokenizer of a Gemma 3 model.")
    return {name: token for name, token in ids.items() if token is not None}


class CompactTokenizer:
    """Byte-fallback BPE from a file that `write_compact` made."""

    def __init__(self, path: Path) -> None:
        file = TensorFile(path)
        facts = json.loads(bytes(file["facts"]))
        self.vocab_size: int = facts["vocab_size"]
        self.control: dict[str, int] = facts["control"]
        self._bytes: list[int] = facts["bytes"]
        self._splits_at_space: bool = facts["splits_at_space"]
        self._added: dict[str, int] = facts["added"]
        longest_first = sorted(self._added, key=len, reverse=True)
        self._added_pattern = re.compile("|".join(map(re.escape, longest_first))) if self._added else None
        self._characters = dict(
            zip(map(chr, file["character_codes"].tolist()), file["character_ids"].tolist(), strict=True)
        )
        self._mask = len(file["table"]) - 1
        # Reading a memoryview's element is several times faster than an array's.
        self._table, self._left, self._right, self._new = (
            memoryview(file[name].data) for name in ("table", "left", "right", "new")
        )
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        if self._added_pattern is None:
            return self._encode_plain(text)
        ids: list[int] = []
        end = 0
        for match in self._added_pattern.finditer(text):
            ids += self._encode_plain(text[end : match.start()])
            ids.append(self._added[match.group()])
            end = match.end()
        return ids + self._encode_plain(text[end:])

    def _encode_plain(self, text: str) -> list[int]:
        text = text.replace(" ", SPACE)
        if not self._splits_at_space:
            return self._merge(text) if text else []
        ids: list[int] = []
        for word in _WORD.findall(text):
            known = self._cache.get(word)
            if known is None:
                known = self._merge(word)
                if len(self._cache) < _CACHED_WORDS:
                    self._cache[word] = known
            ids += known
        return ids

    def _pair(self, left: int, right: int) -> int:
        """The rank of the merge of two adjacent tokens, or -1."""
        slot = (left * _A ^ right * _B) >> 7 & self._mask
        while (rank := self._table[slot]) >= 0:
            if self._left[rank] == left and self._right[rank] == right:
                return rank
            slot = slot + 1 & self._mask
        return -1

    def _merge(self, word: str) -> list[int]:
        """Applies the lowest-ranked merge, the leftmost first, until none is left."""
        tokens = self._start(word)
        n = len(tokens)
        following, previous = list(range(1, n + 1)), list(range(-1, n - 1))
        pair, new = self._pair, self._new
        queue = [(rank, i) for i in range(n - 1) if (rank := pair(tokens[i], tokens[i + 1])) >= 0]
        heapq.heapify(queue)
        while queue:
            rank, i = heapq.heappop(queue)
            j = following[i]
            if tokens[i] < 0 or j >= n:
                continue
            # Like the library, compare what the pair merges to: other pairs may make the same token.
            current = pair(tokens[i], tokens[j])
            if current < 0 or new[current] != new[rank]:
                continue
            tokens[i], tokens[j] = new[rank], -1
            following[i] = k = following[j]
            if k < n:
                previous[k] = i
                if (found := pair(tokens[i], tokens[k])) >= 0:
                    heapq.heappush(queue, (found, i))
            if (h := previous[i]) >= 0 and (found := pair(tokens[h], tokens[i])) >= 0:
                heapq.heappush(queue, (found, h))
        return [token for token in tokens if token >= 0]

    def _start(self, word: str) -> list[int]:
        tokens: list[int] = []
        for character in word:
            token = self._characters.get(character)
            if token is not None:
                tokens.append(token)
            else:
                tokens += [self._bytes[byte] for byte in character.encode("utf-8", "replace")]
        return tokens


# A word keeps the run of spaces before it: see `_splits_at_space`.
_WORD = re.compile(f"{SPACE}*[^{SPACE}]+|{SPACE}+")


def write_compact(source: Path, target: Path) -> bool:
    """Writes the compact form of a `tokenizer.json`; False if its kind is not supported.

    Supported is what Gemma uses: BPE with byte fallback over the whole text, spaces written as ▁.
    """
    state = json.loads(source.read_bytes())
    model, vocab = state["model"], state["model"]["vocab"]
    if not _supported(state):
        return False
    merges = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    left = np.array([vocab[a] for a, _ in merges], dtype=np.int32)
    right = np.array([vocab[b] for _, b in merges], dtype=np.int32)
    new = np.array([vocab[a + b] for a, b in merges], dtype=np.int32)
    added = {token["content"]: token["id"] for token in state["added_tokens"] if not _is_control(token)}
    ids = {token["content"]: token["id"] for token in state["added_tokens"]} | vocab
    single = sorted((ord(piece), token) for piece, token in vocab.items() if len(piece) == 1)
    facts = {
        "vocab_size": _size(state),
        "control": _control(source, {name: ids.get(name) for name in CONTROL_NAMES}),
        "bytes": [vocab[f"<0x{byte:02X}>"] for byte in range(256)],
        "added": added,
        "splits_at_space": _splits_at_space(merges),
    }
    write_tensors(
        target,
        {
            "left": left,
            "right": right,
            "new": new,
            "table": _hash_table(left, right),
            "character_codes": np.array([code for code, _ in single], dtype=np.uint32),
            "character_ids": np.array([token for _, token in single], dtype=np.int32),
            "facts": np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
        },
    )
    return True


def _size(state: dict[str, Any]) -> int:
    """One above the highest id that a text or a prompt can hold.

    Special tokens that no prompt uses do not count: Gemma's <image_soft_token> has an id above the embedding rows.
    """
    vocab, added = state["model"]["vocab"], state["added_tokens"]
    ids = vocab if isinstance(vocab, dict) else {piece: token for token, (piece, _) in enumerate(vocab)}
    unseen = {token["content"] for token in added if token["special"]} - set(CONTROL_NAMES)
    highest = max((token for piece, token in ids.items() if piece not in unseen), default=-1)
    met = (token["id"] for token in added if not _is_control(token) or token["content"] in CONTROL_NAMES)
    return int(max(highest, *met)) + 1


def _is_control(token: dict[str, Any]) -> bool:
    return bool(token["special"] or _UNUSED.fullmatch(token["content"]))


def _supported(state: dict[str, Any]) -> bool:
    model = state["model"]
    no_op = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    plain = all(
        not (token["single_word"] or token["lstrip"] or token["rstrip"])
        and (_is_control(token) or not token["normalized"])
        for token in state["added_tokens"]
    )
    return bool(
        model.get("type") == "BPE"
        and state["normalizer"] == {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
        and state["pre_tokenizer"] in (None, no_op)
        and not any(model.get(key) for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"))
        and not model.get("ignore_merges")
        and model.get("byte_fallback")
        and all(f"<0x{byte:02X}>" in model["vocab"] for byte in range(256))
        and plain
    )


def _splits_at_space(merges: list[tuple[str, ...]]) -> bool:
    """Whether no merge joins a text to a following space, so that words can be encoded one by one."""
    return not any(right.startswith(SPACE) and left.strip(SPACE) for left, right in merges)


def _hash_table(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Open addressing with linear probing: slot -> merge rank, or -1; at most half full."""
    size = 1 << max(4, (2 * len(left) - 1).bit_length())
    table = np.full(size, -1, dtype=np.int32)
    # 64-bit products wrap in numpy but not in Python: token ids below 2**31 keep them apart from that.
    slots = ((left.astype(np.uint64) * _A ^ right.astype(np.uint64) * _B) >> np.uint64(7)) & np.uint64(size - 1)
    pending = np.arange(len(left), dtype=np.int32)
    slots = slots.astype(np.int64)
    while len(pending):
        free = table[slots] < 0
        table[slots[free]] = pending[free]  # of several claims on a slot, the last wins
        lost = table[slots] != pending
        pending, slots = pending[lost], slots[lost] + 1 & size - 1
    return table
