"""Rows as token ids to train on: the runtime's prompt and answer, under label lists that vary from epoch to epoch."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from eval.data.rows import Labelled
from labeler.labels.label_set import LabelSet
from labeler.text.answer import Grammar
from labeler.text.issue import Issue
from labeler.text.prompt import Renderer
from training.rows.teacher import Teacher
from training.tuning.settings import TuningSettings


@dataclass(frozen=True)
class Example:
    """One row as ids; the loss counts the last `answer` of them.

    Attributes:
        ids: int32 (tokens,): prompt, answer, end token.
        truncated: the issue was longer than the token budget.
    """

    ids: np.ndarray
    answer: int
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def prompt(self) -> np.ndarray:
        """What serving would read, int32 (tokens,)."""
        return self.ids[: len(self.ids) - self.answer]


@dataclass(frozen=True)
class Variation:
    """How a row's label list and text differ from what serving shows; chances in 0..1.

    Attributes:
        own_list: the list is the row's own (`Labelled.space`), not the whole one.
        subset: chance that false labels are left out, each with chance `drop_label`.
        shuffle: chance of another order.
        hide_descriptions: chance that the list is shown without descriptions.
        plain_text: chance that the text is shown as `labeler.text.prompt.plain_text` makes it, else as it is.
    """

    own_list: bool = True
    subset: float = 0.0
    drop_label: float = 0.0
    shuffle: float = 0.0
    hide_descriptions: float = 0.0
    plain_text: float = 0.0

    @classmethod
    def of(cls, settings: TuningSettings) -> Variation:
        return cls(
            settings.own_list,
            settings.subset_lists,
            settings.drop_label,
            settings.shuffle_labels,
            settings.hide_descriptions,
            settings.plain_text,
        )

    def without_chance(self) -> Variation:
        """The list as serving shows it."""
        return Variation(self.own_list)

    def draw(self, row: Labelled, labels: LabelSet, rng: random.Random) -> tuple[LabelSet, bool]:
        """(the list to show, in its order, with every true label; whether descriptions are shown)."""
        shown = list(row.space) if self.own_list else list(labels.names)
        if rng.random() < self.subset:
            kept = {name for name in shown if name in row.labels or rng.random() >= self.drop_label}
            false = [name for name in shown if name not in row.labels]
            if false and kept <= row.labels:  # a list of nothing but true labels teaches to say yes to every list
                kept.add(rng.choice(false))
            shown = [name for name in shown if name in kept]
        if rng.random() < self.shuffle:
            rng.shuffle(shown)
        described = rng.random() >= self.hide_descriptions
        return LabelSet(tuple(found for name in shown if (found := labels.find(name)))), described


class Encoder:
    """Encodes rows; what it makes of a row depends on seed, epoch and row alone, not on the order of calls.

    Args:
        renderer: the runtime's, with the budget and the descriptions that serving will have.
        labels: all labels, in listed order.
        teacher: draws what an epoch takes for a row's labels; without one they are as they stand.

    Attributes:
        grammar: the answers over a tuple of names.
        frame: tokens of an issue that are not its text.
    """

    def __init__(
        self, renderer: Renderer, labels: LabelSet, variation: Variation, seed: int, teacher: Teacher | None = None
    ) -> None:
        self.renderer = renderer
        self.labels = labels
        self.variation = variation
        self.seed = seed
        self.teacher = teacher
        self._bare = replace(renderer, describe=False)
        # Most lists come again and again; a row's text is wanted once an epoch, all epochs in a row.
        self._prefix = lru_cache(4096)(self._render_prefix)
        self._issue = {plain: lru_cache(4)(replace(renderer, plain=plain).issue) for plain in (False, True)}
        self.grammar = lru_cache(4096)(self._grammar)
        self.frame = len(renderer.issue(Issue("")))

    def __call__(self, row: Labelled, epoch: int | None) -> Example:
        """The row as `epoch` shows it; None: under the list and with the descriptions that serving would show."""
        variation = self.variation if epoch is not None else self.variation.without_chance()
        rng = self._rng(row, epoch)
        if self.teacher and epoch is not None:
            row = self.teacher(row, rng)
        shown, described = variation.draw(row, self.labels, rng)
        plain = self.renderer.plain if epoch is None else rng.random() < variation.plain_text
        return self.encode(row, shown, described, plain)

    def encode(self, row: Labelled, shown: LabelSet, described: bool, plain: bool) -> Example:
        """The row under that list, in that form of its text."""
        issue = self._issue[plain](row.issue)
        answer = self.grammar(shown.names).encode(i for i, name in enumerate(shown.names) if name in row.labels)
        ids = np.array([*self._prefix(shown, described), *issue, *answer], dtype=np.int32)
        return Example(ids, len(answer), len(issue) >= self.frame + self.renderer.token_budget)

    def list_of(self, row: Labelled) -> LabelSet:
        """The list that serving would show for this row."""
        return self.variation.without_chance().draw(row, self.labels, random.Random(0))[0]

    def _render_prefix(self, shown: LabelSet, described: bool) -> list[int]:
        return (self.renderer if described else self._bare).prefix(shown)

    def _grammar(self, names: tuple[str, ...]) -> Grammar:
        return Grammar(self.renderer.tokenizer, names)

    def _rng(self, row: Labelled, epoch: int | None) -> random.Random:
        digest = hashlib.blake2b(f"{self.seed}\0{epoch}\0{_key(row)}".encode("utf-8", "surrogatepass"), digest_size=8)
        return random.Random(int.from_bytes(digest.digest(), "big"))


def encode_epochs(
    encoder: Encoder, rows: Iterable[Labelled], epochs: int, done: Callable[[], None] = lambda: None
) -> list[list[Example]]:
    """For every epoch the examples of all rows, in their order; calls `done` after each row."""
    found: list[list[Example]] = [[] for _ in range(epochs)]
    for row in rows:
        for epoch, examples in enumerate(found):
            examples.append(encoder(row, epoch))
        done()
    return found


def _key(row: Labelled) -> str:
    """What tells a row from all others: its id, or all that it says."""
    return row.issue.id or f"{row.source}\n{row.issue.repository}\n{row.issue.title}\n{row.issue.body}"
