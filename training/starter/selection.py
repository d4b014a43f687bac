"""Which rows of the material are trained on, which are kept for calibration, and which are never touched.

Kept apart, and part of no pile: every `held_out_step`th row that a large model labelled, in the order of rows (the
scoreboard measures on those), rows of the split dev, rows whose title is that of a held-out one, and the lists that are
marked for validation, with their issues.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from eval.starter.files import PublicIssue
from training.starter.material import Commit, Example, ListExamples, Material, example_of
from training.starter.recipe import DataSettings

PEOPLE, LARGE_MODEL, PROJECTS = "people", "large model", "project lists"
_LEAST_AREAS = 5  # of a project: with fewer, its lists would be all alike


@dataclass(frozen=True)
class Source:
    """Rows of one public source, with the labels of the ten that it uses: the list they are shown under."""

    names: tuple[str, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Areas:
    """A project's areas, as authors of commits name them, most used first, and the commits of each."""

    commits: dict[str, tuple[Example, ...]]


@dataclass(frozen=True)
class Selection:
    """The piles to train on, and what is kept from them.

    Attributes:
        public: people's labels, by source.
        large, large_more: all of the ten labels by a large model; two files, since one is dealt more often.
        written: written issues under the ten.
        label_lists, project_lists: lists for training, with their issues.
        areas: of projects, with commits.
        validation: large-model rows kept for calibration and thresholds.
        held_out: rows for the scoreboard, those of the lists for validation among them.
    """

    names: tuple[str, ...]
    public: dict[str, Source]
    large: tuple[Example, ...]
    large_more: tuple[Example, ...]
    written: tuple[Example, ...]
    label_lists: tuple[ListExamples, ...]
    project_lists: tuple[ListExamples, ...]
    areas: tuple[Areas, ...]
    validation: tuple[Example, ...]
    held_out: frozenset[int] = field(repr=False)

    def rows(self) -> dict[str, list[int]]:
        """Lines of `material.ISSUES` that can be trained on, sorted, by whose labels they carry."""
        listed = (example for one in self.project_lists for example in one.examples)
        public = (example for source in self.public.values() for example in source.examples)
        return {
            PEOPLE: _rows(public),
            LARGE_MODEL: _rows((*self.large, *self.large_more)),
            PROJECTS: _rows(listed),
        }


def held_out_rows(material: Material, step: int) -> frozenset[int]:
    """The scoreboard's: every `step`th row of the first file of large-model labels; rows of lists for validation."""
    listed = (example for one in material.project_lists if not one.is_train for example in one.examples)
    return frozenset(sorted(material.large)[::step]) | {example.row for example in listed}


def select(material: Material, names: Sequence[str], settings: DataSettings, seed: int) -> Selection:
    """The piles, the same for the same material, settings and seed.

    Args:
        names: the ten labels.
    """
    rng = random.Random(seed)
    held_out = held_out_rows(material, settings.held_out_step)
    large = {row: labels for row, labels in material.large.items() if row not in held_out}
    more = {row: labels for row, labels in material.large_more.items() if row not in held_out}
    spare = sorted(row for row in more if material.issues[row].is_train)
    kept = set(rng.sample(spare, min(settings.validation_rows, len(spare) // 2)))
    apart = held_out | kept
    titles = {material.issues[row].folded_title for row in apart}

    def free(issue: PublicIssue) -> bool:
        return issue.is_train and issue.row not in apart and issue.folded_title not in titles

    def labelled(found: dict[int, frozenset[str]]) -> tuple[Example, ...]:
        return tuple(example_of(material.issues[row], found[row]) for row in found if free(material.issues[row]))

    return Selection(
        names=tuple(names),
        public=_public(filter(free, material.issues), names, large.keys() | more.keys(), settings, rng),
        large=labelled(large),
        large_more=labelled(more),
        written=tuple(material.written),
        label_lists=tuple(one for one in material.label_lists if one.is_train),
        project_lists=_without(material, free),
        areas=_areas(material.commits, settings),
        validation=tuple(example_of(material.issues[row], more[row]) for row in sorted(kept)),
        held_out=held_out,
    )


def unused_people(
    material: Material, names: Sequence[str], used: set[int], settings: DataSettings
) -> list[PublicIssue]:
    """Training rows of the sources for calibration that no pile holds, nor their titles.

    Args:
        used: lines that were trained on, or are kept apart for something else.
    """
    used = used | held_out_rows(material, settings.held_out_step)
    titles = {material.issues[row].folded_title for row in used}
    return [
        issue
        for issue in material.issues
        if issue.is_train
        and issue.source in settings.calibration_sources
        and not issue.is_pull_request
        and issue.row not in used
        and issue.folded_title not in titles
        and len(known(issue, names)) > 1
    ]


def unused_large(material: Material, used: set[int], settings: DataSettings) -> list[Example]:
    """Rows with all ten labels by the large model that were not trained on, nor their titles, sorted.

    Arguments as `unused_people`.
    """
    used = used | held_out_rows(material, settings.held_out_step)
    titles = {material.issues[row].folded_title for row in used}
    tables = material.large | material.large_more
    free = (material.issues[row] for row in sorted(tables) if row not in used)
    return [
        example_of(issue, tables[issue.row]) for issue in free if issue.is_train and issue.folded_title not in titles
    ]


def known(issue: PublicIssue, names: Sequence[str]) -> tuple[str, ...]:
    """The labels of `names` that the issue's source uses, in their own order."""
    return tuple(name for name in issue.space if name in names)


def _public(
    issues: Iterable[PublicIssue],
    names: Sequence[str],
    large: Iterable[int],
    settings: DataSettings,
    rng: random.Random,
) -> dict[str, Source]:
    """At most `caps` rows of each source that has a cap; what people say of rows that a large model read as well is
    wanted too, but only of a part of them: where the two differ, the large model is to be heard more often."""
    by_source: dict[str, list[PublicIssue]] = defaultdict(list)
    read = frozenset(large)
    for issue in issues:
        if issue.source not in settings.caps or (issue.is_pull_request and issue.source not in settings.with_pulls):
            continue
        if issue.row not in read or rng.random() < settings.read_twice:
            by_source[issue.source].append(issue)
    found = {}
    for source, rows in by_source.items():
        rng.shuffle(rows)
        if rare := settings.first.get(source):
            rows.sort(key=lambda issue: rare not in issue.labels)  # stable: all else stays as it was shuffled
        shown = known(rows[0], names)
        examples = (example_of(issue, issue.labels & set(shown)) for issue in rows[: settings.caps[source]])
        found[source] = Source(shown, tuple(examples))
    return found


def _without(material: Material, free: Callable[[PublicIssue], bool]) -> tuple[ListExamples, ...]:
    """The lists for training, without rows that are kept apart."""
    found = []
    for one in material.project_lists:
        examples = tuple(example for example in one.examples if free(material.issues[example.row]))
        if one.is_train and examples:
            found.append(ListExamples(one.labels, examples, True))
    return tuple(found)


def _areas(commits: Iterable[Commit], settings: DataSettings) -> tuple[Areas, ...]:
    """Projects with several areas that enough commits name; those that say nothing of the text are left out."""
    by_project: dict[str, dict[str, list[Example]]] = defaultdict(lambda: defaultdict(list))
    for commit in commits:
        for area in commit.areas - set(settings.no_areas):
            example = Example(commit.title, commit.body, commit.areas, is_formed=True)
            by_project[commit.repository][area].append(example)
    found = []
    for project in by_project.values():
        often = {area: tuple(rows) for area, rows in project.items() if len(rows) >= settings.area_commits}
        if len(often) > _LEAST_AREAS:
            found.append(Areas(dict(sorted(often.items(), key=lambda item: -len(item[1])))))
    return tuple(found)


def _rows(examples: Iterable[Example]) -> list[int]:
    return sorted({example.row for example in examples})
