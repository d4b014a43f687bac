"""Episodes: one label list, as it is shown, and issues labelled under it; endless, drawn by a seed and by shares.

Every pile is dealt to its end before it is shuffled anew, so each row comes about equally often.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from labeler.labels.label_set import Label, LabelSet
from labeler.model.tokenizer import Tokenizer
from labeler.text.answer import Grammar
from labeler.text.issue import Issue
from labeler.text.prompt import Renderer
from training.fast.parts import Part, Row, split
from training.starter.forms import formed
from training.starter.material import Example
from training.starter.names import DESCRIPTIONS, HABITS, NAMES
from training.starter.recipe import KINDS, MixtureSettings, Variation
from training.starter.selection import LARGE_MODEL, PEOPLE, PROJECTS, Selection

T = TypeVar("T")
_FEWEST_AREAS, _MOST_AREAS, _OF_LISTED = 4, 14, 0.8
_STYLES = ("{}", "{}", "area/{}", "area: {}", "A-{}", "component: {}", "pkg:{}", "team/{}", "[{}]")
_LEAST_ROOM = 60  # tokens of an issue: with less, a list is too long for the rows of this run
_AN_EPISODE = 3  # prompts of one list: the more lists, the more kinds of text
_DESCRIBED, _RENAMED = 0.75, 0.9  # chances, within a list of other names, of a description and of another name


@dataclass(frozen=True)
class Shown:
    """An issue as it is shown, its true labels under the list in use, and whether it comes as plain text."""

    issue: Issue
    labels: frozenset[str]
    is_plain: bool


@dataclass(frozen=True)
class Episode:
    """A label list and issues labelled under it."""

    kind: str
    labels: LabelSet
    issues: tuple[Shown, ...]


class Episodes:
    """A stream of steps for `training.fast.loop`.

    Args:
        ten: the ten labels with their own descriptions.
        episodes_a_step: see `TuningRecipe`.
        shared: issues of an episode share its prefix; else each comes with its own (`MixtureSettings.whole_tokens`).

    Attributes:
        dealt: rows of the issues file that were shown so far, by whose labels they carry.
    """

    def __init__(
        self, selection: Selection, ten: LabelSet, tokenizer: Tokenizer, settings: MixtureSettings,
        episodes_a_step: int, seed: int, *, shared: bool = True,
    ) -> None:  # fmt: skip
        self._selection, self._ten, self._settings = selection, ten, settings
        self._kinds = [kind for kind in KINDS if _size(selection, kind)]
        self._shares = [settings.kinds[kind].share for kind in self._kinds]
        self._a_step, self._shared = episodes_a_step, shared
        self._renderer = Renderer(tokenizer, describe=True)
        self._end = len(self._renderer.issue(Issue("")))
        self._rng = random.Random(seed)
        self._piles: dict[str, list[int]] = {}
        self.dealt: dict[str, set[int]] = {PEOPLE: set(), LARGE_MODEL: set(), PROJECTS: set()}

    def __next__(self) -> list[Part]:
        parts: list[Part] = []
        for _ in range(self._a_step):
            while not (found := self.encode(self.draw())):
                pass
            parts += found
        return self._laid(parts)

    def state(self) -> Any:
        return {"random": self._rng.getstate(), "piles": self._piles, "dealt": self.dealt}

    def restore(self, state: Any) -> None:
        self._rng.setstate(state["random"])
        self._piles, self.dealt = state["piles"], state["dealt"]

    def draw(self) -> Episode:
        """The next episode."""
        kind = self._rng.choices(self._kinds, self._shares)[0]
        variation = self._settings.kinds[kind]
        if kind in ("large", "public"):
            names, examples = self._of_ten(kind)
            shown = self._called(names)
        elif kind == "areas":
            shown, examples = self._of_areas()
        else:
            lists = getattr(self._selection, kind)
            place = self._deal(kind, range(len(lists)), 1)[0]
            examples = self._deal(f"{kind} {place}", lists[place].examples, self._settings.rows)
            shown = {label.name: label for label in lists[place].labels}
            self._note(PROJECTS, examples)
        labels = LabelSet(tuple(self._varied(list(shown.values()), variation)))
        issues = (self._shown(example, shown, labels, variation) for example in examples)
        return Episode(kind, labels, tuple(issues))

    def encode(self, episode: Episode, budget: int = 0) -> list[Part]:
        """Token ids; none where the list leaves too little room for any issue.

        Args:
            budget: tokens of an issue's text; 0: drawn for each.
        """
        grammar, prefix = Grammar(self._renderer.tokenizer, episode.labels.names), self._renderer.prefix(episode.labels)
        settings, rows = self._settings, []
        for shown in episode.issues:
            answer = grammar.encode(i for i, name in enumerate(grammar.names) if name in shown.labels)
            wanted = budget or self._rng.choices(settings.budgets, settings.budget_weights)[0]
            room = settings.longest - len(prefix) - len(answer) - self._end
            if room >= _LEAST_ROOM:
                renderer = replace(self._renderer, token_budget=min(wanted, room), plain=shown.is_plain)
                rows.append(Row(renderer.issue(shown.issue), answer))
        return split(prefix, rows, settings.batch_tokens)

    def prompts(self, count: int) -> list[list[int]]:
        """Prompts with their answers, token ids, for calibrated rounding: at most `_AN_EPISODE` of an episode."""
        found: list[list[int]] = []
        while len(found) < count:
            rows = [part.prefix + row.issue + row.answer for part in self.encode(self.draw()) for row in part.rows]
            found += self._rng.sample(rows, min(_AN_EPISODE, len(rows)))
        return found[:count]

    def validation(self) -> list[Part]:
        """The kept rows under the ten labels as they are, at the middle budget."""
        examples = self._selection.validation
        issues = (Shown(Issue(example.title, example.body), example.labels, False) for example in examples)
        budgets = sorted(self._settings.budgets)
        return self._laid(self.encode(Episode("large", self._ten, tuple(issues)), budgets[len(budgets) // 2]))

    def _laid(self, parts: list[Part]) -> list[Part]:
        if self._shared:
            return parts
        rows = [Row(part.prefix + row.issue, row.answer) for part in parts for row in part.rows]
        return split([], rows, self._settings.whole_tokens)

    def _of_ten(self, kind: str) -> tuple[Sequence[str], list[Example]]:
        """Names of the ten that the rows of an episode are labelled by, and the rows."""
        settings, selection = self._settings, self._selection
        if kind == "public":
            sizes = [len(source.examples) for source in selection.public.values()]
            name = self._rng.choices(list(selection.public), sizes)[0]
            source = selection.public[name]
            examples = self._deal(f"public {name}", source.examples, settings.rows)
            self._note(PEOPLE, examples)
            return source.names, examples
        piles = ((name, getattr(settings, name)) for name in ("large_more", "large", "written"))
        examples = [example for name, count in piles for example in self._deal(name, getattr(selection, name), count)]
        self._note(LARGE_MODEL, examples)
        return self._ten.names, examples

    def _of_areas(self) -> tuple[dict[str, Label], list[Example]]:
        """Some areas of a project, and commits, most of which are about one of them."""
        rng = self._rng
        place = self._deal("areas", range(len(self._selection.areas)), 1)[0]
        project = self._selection.areas[place].commits
        names = list(project)
        count = rng.randint(_FEWEST_AREAS, min(_MOST_AREAS, len(names) - 1))
        listed = rng.sample(names, count)
        style = rng.choice(_STYLES)
        shown = {name: Label(style.format(name)) for name in listed}
        others = [name for name in names if name not in shown]
        examples = []
        for _ in range(self._settings.rows):
            name = rng.choice(listed if rng.random() < _OF_LISTED else others)
            examples += self._deal(f"areas {place} {name}", project[name], 1)
        return shown, examples

    def _called(self, names: Sequence[str]) -> dict[str, Label]:
        """The labels of those names, sometimes under other names and descriptions; by their own names."""
        rng, settings = self._rng, self._settings
        own = {name: Label(name, label.description) for name in names if (label := self._ten.find(name))}
        if rng.random() >= settings.other_names:
            return own
        habit = rng.randrange(HABITS) if rng.random() < settings.one_style else None
        other = {}
        for name in names:
            new = NAMES[name][rng.randrange(HABITS) if habit is None else habit]
            described = rng.choice(DESCRIPTIONS[name]) if rng.random() < _DESCRIBED else ""
            other[name] = Label(new if rng.random() < _RENAMED else name, described)
        # Two labels of one name would be one label: then as they are.
        return other if len({label.name.casefold() for label in other.values()}) == len(other) else own

    def _varied(self, labels: list[Label], variation: Variation) -> list[Label]:
        rng = self._rng
        if rng.random() < variation.subset:
            kept = [label for label in labels if rng.random() >= variation.drop]
            labels = kept if len(kept) >= variation.least else labels
        if rng.random() < variation.shuffle:
            rng.shuffle(labels)
        if rng.random() < variation.hide:
            labels = [Label(label.name) for label in labels]
        return labels

    def _shown(self, example: Example, called: dict[str, Label], labels: LabelSet, variation: Variation) -> Shown:
        body, listed = example.body, frozenset(labels.names)
        if not example.is_formed and self._rng.random() < variation.form:
            body = formed(body, self._rng)
        true = frozenset(called[name].name for name in example.labels if name in called) & listed
        return Shown(Issue(example.title, body), true, self._rng.random() < variation.plain)

    def _deal(self, key: str, rows: Sequence[T], count: int) -> list[T]:
        """So many of a pile; used up, it is shuffled anew."""
        pile = self._piles.setdefault(key, [])
        places = []
        for _ in range(count if rows else 0):
            if not pile:
                pile.extend(range(len(rows)))
                self._rng.shuffle(pile)
            places.append(pile.pop())
        return [rows[place] for place in places]

    def _note(self, whose: str, examples: Sequence[Example]) -> None:
        self.dealt[whose].update(example.row for example in examples if example.row >= 0)


def _size(selection: Selection, kind: str) -> int:
    if kind == "public":
        return len(selection.public)
    return len(selection.large) + len(selection.large_more) if kind == "large" else len(getattr(selection, kind))
