"""The answer grammar: a set of labels, as text ("bug, ci/cd") and as token ids, and the trie of all of them.

An answer is the chosen labels in the listed order joined by ", ", then the end token; no label is the
empty line. In listed order each set has exactly one answer, so the model's distribution over answers
is a distribution over label sets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from labeler.errors import InputError
from labeler.model.tokenizer import Tokenizer

SEPARATOR = ", "


def render(names: Sequence[str], chosen: Collection[str]) -> str:
    """The answer line of the `chosen` among `names`, in their order.

    Raises:
        InputError: a chosen label is not in the list.
    """
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        raise InputError(f"labels outside the list: {', '.join(unknown)}", f"The list is: {', '.join(names)}.")
    return SEPARATOR.join(name for name in names if name in chosen)


def parse(names: Sequence[str], answer: str) -> tuple[str, ...]:
    """The labels of an answer line, in listed order; the reverse of `render`.

    Raises:
        InputError: the line names a label outside the list.
    """
    chosen = [name.strip() for name in answer.split(SEPARATOR.strip())] if answer.strip() else []
    render(names, chosen)
    return tuple(name for name in names if name in chosen)


@dataclass
class Node:
    """A state inside a label: the tokens so far, shared by `labels`.

    Attributes:
        depth: tokens from the label's start to here.
        children: next token -> node.
        complete: index of the label whose tokens end here, or None.
    """

    depth: int = 0
    children: dict[int, Node] = field(default_factory=dict)
    labels: list[int] = field(default_factory=list)
    complete: int | None = None


class Grammar:
    """All answers over one label list, as token ids.

    Attributes:
        first, later: for each label the ids of its name where it opens an answer, and of ", " + name.
        end: the end token.
        tokens: sorted ids that any answer can hold; the model's output layer is restricted to these.
    """

    def __init__(self, tokenizer: Tokenizer, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.end = tokenizer.control["<end_of_turn>"]
        self.first = [tuple(tokenizer.encode(name)) for name in names]
        self.later = [tuple(tokenizer.encode(SEPARATOR + name)) for name in names]
        for forms in (self.first, self.later):
            if len(set(forms)) < len(forms) or () in forms:
                raise InputError("two labels of the list have the same tokens", "Rename one of them.")
        self.tokens = sorted({token for form in self.first + self.later for token in form} | {self.end})

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, chosen: Iterable[int]) -> list[int]:
        """The ids of one answer, end token included, from label indices in any order."""
        ids: list[int] = []
        for index in sorted(set(chosen)):
            ids += self.later[index] if ids else self.first[index]
        return [*ids, self.end]

    def trie(self, last: int) -> Node:
        """What may follow when label `last` was chosen last (-1: nothing yet): the labels after it.

        The end token is not in the trie; it is always possible at the root.
        """
        root = Node()
        for index in range(last + 1, len(self.names)):
            form = self.first[index] if last < 0 else self.later[index]
            node = root
            node.labels.append(index)
            for token in form:
                node = node.children.setdefault(token, Node(node.depth + 1))
                node.labels.append(index)
            node.complete = index
        return root

    def terminators(self, index: int) -> list[int]:
        """Tokens that may follow a complete label `index`: the end, or the start of a later label."""
        return sorted({self.later[i][0] for i in range(index + 1, len(self.names))} | {self.end})
