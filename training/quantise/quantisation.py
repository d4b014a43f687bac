"""In what form a bundle's weights are stored: bits and blocks for each kind of matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from labeler.errors import InputError
from labeler.model.decoder import EMBEDDING_BLOCK

BITS, BLOCKS, ACCURACY_LEVELS = (4, 8), (32, 64, 128), (1, 4)
# 4 rounds activations to 8 bits too, block by block; 1 keeps them in 32 bits, and runs four times as long.
ACCURACY_LEVEL = 4


@dataclass(frozen=True)
class Grid:
    """The codes of one kind of matrix: `bits` each, and a scale for every `block` of them along a row.

    Attributes:
        scales: "half" precision; "single", as versions of the labeller up to 0.4 read them; or "byte": whole numbers
            from -127 to 127, and for each row what one of them is worth, in half precision.
    """

    bits: int = 8
    block: int = 32
    scales: str = "half"

    def __post_init__(self) -> None:
        for what, value, known in (("bits", self.bits, BITS), ("block", self.block, BLOCKS)):
            if value not in known:
                raise InputError(f"{what} {value}", f"Known are {', '.join(map(str, known))}.")

    @property
    def lowest(self) -> int:
        return -(1 << self.bits - 1)

    def __str__(self) -> str:
        return f"int{self.bits}/{self.block}"


@dataclass(frozen=True)
class Quantisation:
    """A grid for each kind of matrix; `qkv` and `gate_up` are what the graph multiplies at once.

    Attributes:
        accuracy_level: MatMulNBits's: 4 rounds activations to 8 bits, 1 keeps them in 32.
        fine: how many tokens' embeddings are in 8 bits where the others are in 4: those that text uses most.
    """

    qkv: Grid = Grid()
    o: Grid = Grid()
    gate_up: Grid = Grid()
    down: Grid = Grid()
    embeddings: Grid = Grid(8, EMBEDDING_BLOCK)
    accuracy_level: int = ACCURACY_LEVEL
    fine: int = 0

    def __post_init__(self) -> None:
        if self.accuracy_level not in ACCURACY_LEVELS:
            raise InputError(f"accuracy level {self.accuracy_level}", "Known are 1 and 4.")
        if self.embeddings.bits == 8 and self.embeddings.block != EMBEDDING_BLOCK:
            raise InputError(f"embeddings {self.embeddings}", f"In 8 bits their block is {EMBEDDING_BLOCK}.")
        if self.fine < 0 or (self.fine and self.embeddings.bits == 8):
            raise InputError(f"fine {self.fine}", "So many embeddings are in 8 bits where the others are in 4.")

    @classmethod
    def uniform(cls, matrices: Grid, embeddings: Grid, accuracy_level: int = ACCURACY_LEVEL) -> Quantisation:
        return cls(matrices, matrices, matrices, matrices, embeddings, accuracy_level)

    def grid(self, name: str) -> Grid:
        """Of a matrix by its name, "LAYER.mlp.up_proj" or "embed_tokens"."""
        kind = name.rpartition(".")[2].removesuffix("_proj")
        found: Grid = getattr(self, _KINDS[kind])
        return found

    def __str__(self) -> str:
        """As the manifest names it: "int8" is the form that versions up to 0.4 read."""
        if self == EIGHT_BITS:
            return "int8"
        grids = {kind: getattr(self, kind) for kind in _MATRICES}
        same = len(set(grids.values())) == 1
        parts = [str(self.qkv)] if same else [f"{kind} {grid}" for kind, grid in grids.items()]
        parts.append(f"embeddings {self.embeddings}" + (f" and {self.fine} int8" if self.fine else ""))
        if all(grid.scales == "byte" for grid in grids.values()):
            parts.append("scales int8")
        if self.accuracy_level != ACCURACY_LEVEL:
            parts.append("activations float32")
        return ", ".join(parts)


_MATRICES = ("qkv", "o", "gate_up", "down")
_KINDS = {"q": "qkv", "k": "qkv", "v": "qkv", "o": "o", "gate": "gate_up", "up": "gate_up", "down": "down"}
_KINDS |= {"embed_tokens": "embeddings"}
EIGHT_BITS = Quantisation.uniform(Grid(8, 32, scales="single"), Grid(8, EMBEDDING_BLOCK))
FOUR_BITS = Quantisation.uniform(Grid(4, 32), Grid(4, 32))


def parse(text: str, start: Quantisation = FOUR_BITS) -> Quantisation:
    """Reads "4/32", or "down=8/32 embeddings=4/64 level=1" on top of `start`; "attention" and "mlp" name two each.

    Raises:
        InputError: a word is wrong.
    """
    groups = {"attention": ("qkv", "o"), "mlp": ("gate_up", "down"), "all": _MATRICES}
    known = {*_MATRICES, "embeddings"}
    scales = "half"
    for word in text.split():
        kind, _, value = word.rpartition("=")
        try:
            if word == "scales=8":
                scales = "byte"
                continue
            if kind in ("level", "fine"):
                number = int(value)
                start = replace(start, accuracy_level=number) if kind == "level" else replace(start, fine=number)
                continue
            numbers = [int(number) for number in value.split("/")]
            targets = groups.get(kind or "all", (kind,))
            if len(numbers) > 2 or not known.issuperset(targets):
                raise ValueError
        except ValueError:
            kinds = ", ".join(sorted(known | set(groups)))
            remedy = f"Write it like 4/32, or kind=4/32 with {kinds}, level=1, fine=8000, or scales=8."
            raise InputError(f"quantisation {word!r}: not understood", remedy) from None
        bits, block = [*numbers, Grid.block][:2]
        start = _with(start, dict.fromkeys(targets, Grid(bits, block)))
    return _with(start, {kind: replace(getattr(start, kind), scales=scales) for kind in _MATRICES})


def _with(start: Quantisation, grids: dict[str, Any]) -> Quantisation:
    """`grids` by the names of `start`'s fields; Any, since no type says that those are of grids."""
    return replace(start, **grids)
