"""Texts that are alike: candidates by MinHash and locality-sensitive hashing, each then compared exactly.

Likeness is the Jaccard index of two texts' sets of three successive words. Sources: Broder, "On the resemblance and
containment of documents", 1997; Leskovec et al., "Mining of Massive Datasets", chapter 3.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 0.85  # from here on two texts are one issue
ALIKE = 0.6  # from here on they may not be on two sides of a split
# 25 bands of 5: a pair of likeness 0.6 is found with probability 0.87, one of 0.85 with 0.999999 (1 - (1 - s^5)^25).
_BANDS, _ROWS = 25, 5
_ERROR = 0.2  # the estimate's standard deviation is at most sqrt(0.25 / 125) = 0.045
# Scripts without spaces between words: each character is a word there.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_MIX = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], np.uint32)


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return _WORD.findall(text.casefold())


def shingles(found: Sequence[str]) -> NDArray[np.uint32]:
    """Hashes of all runs of three words, sorted, each once; of a shorter text one hash of the whole."""
    hashes = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in found], np.uint32)
    if len(hashes) <= len(_MIX):
        return np.array([zlib.crc32(hashes.tobytes())], np.uint32)
    runs = np.lib.stride_tricks.sliding_window_view(hashes, len(_MIX))
    return np.unique((runs * _MIX).sum(axis=1, dtype=np.uint32))


def jaccard(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    """Shared part of two sets (sorted, unique); 1 for equal ones, 0 for disjoint ones."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


class Index:
    """Texts by a key; `alike` finds those of likeness at least `floor` (from 0.6 on nearly all of them)."""

    def __init__(self, floor: float = ALIKE) -> None:
        from datasketch import MinHash, MinHashLSH

        self.floor = floor
        self._empty = MinHash(num_perm=_BANDS * _ROWS, hashfunc=int)
        self._lsh = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
        self._held: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint32]]] = {}

    def alike(self, text: str, *, add_as: int | None = None, unless: float = 2.0) -> dict[int, float]:
        """Key -> likeness of the texts alike, in the order in which they were added.

        Args:
            add_as: adds the text under this key, unless one of likeness `unless` or more is there already.
        """
        runs = shingles(words(text))
        sketch = self._empty.copy()
        sketch.update_batch(runs.tolist())
        candidates = sorted(self._lsh.query(sketch))
        if candidates:
            signatures = np.stack([self._held[key][0] for key in candidates])
            estimates = (signatures == sketch.hashvalues).mean(axis=1)
            candidates = [key for key, near in zip(candidates, estimates, strict=True) if near >= self.floor - _ERROR]
        exact = {key: jaccard(runs, self._held[key][1]) for key in candidates}
        found = {key: likeness for key, likeness in exact.items() if likeness >= self.floor}
        if add_as is not None and max(found.values(), default=0.0) < unless:
            self._lsh.insert(add_as, sketch, check_duplication=False)
            self._held[add_as] = (sketch.hashvalues, runs)
        return found


@dataclass(frozen=True)
class Duplicates:
    """What is the same among texts, by position.

    Attributes:
        exact: position -> the first one with the same words.
        near: position -> the first one of likeness `near` or more.
        alike: pairs that differ enough to stay, and are too alike to be parted.
    """

    exact: Mapping[int, int]
    near: Mapping[int, int]
    alike: tuple[tuple[int, int], ...]


def find_duplicates(
    texts: Sequence[str],
    own: Sequence[str],
    near: float = NEAR,
    advance: Callable[[], None] = lambda: None,
) -> Duplicates:
    """Finds exact and near-duplicates; of those that are the same, the first stays.

    Args:
        texts: whole texts; those with the same words are exact duplicates.
        own: the same without what a template wrote (`synthetic.preparing.templates`): two issues that hardly changed
            their template are alike in all but what they say. Near-duplicates are judged by it.
        near: likeness in 0..1 from which two texts are the same.
    """
    index, first = Index(min(ALIKE, near)), dict[bytes, int]()
    exact, same, alike = dict[int, int](), dict[int, int](), list[tuple[int, int]]()
    for i, text in enumerate(texts):
        advance()
        whole = " ".join(words(text)) or text.strip()
        key = hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key in first:
            exact[i] = first[key]
            continue
        first[key] = i
        found = index.alike(own[i], add_as=i, unless=near)
        close = [j for j, likeness in found.items() if likeness >= near]
        if close:
            same[i] = first[key] = close[0]
        else:
            alike += [(j, i) for j in found]
    return Duplicates(exact, same, tuple(alike))
