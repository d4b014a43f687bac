"""The scoreboard's results as tables: for README, card and terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eval.reports.sections import cell
from eval.starter.board import SYSTEMS
from labeler.base.markdown_table import markdown_table

Results = Mapping[str, Any]
MAIN_ROWS = {  # (set, figure) -> what a table calls it
    ("dev", "micro_f1"): "issues of the training sources (dev), micro-F1",
    ("dev", "macro_f1"): "the same, macro-F1",
    ("five", "macro_f1"): "five repositories, three labels, macro-F1",
    ("five", "macro_f1_balanced"): "the same, balanced",
    ("five", "unseen_macro_f1_balanced"): "those of them without a public training row, balanced",
    ("ten", "micro_f1"): "unseen issues of seen projects, all ten labels, micro-F1",
    ("ten", "macro_f1"): "the same, macro-F1",
    ("ten", "exact_match"): "the same, exactly the right set",
    ("lists", "micro_f1"): "label lists never seen, micro-F1",
    ("lists", "areas_micro_f1"): "of these, areas and owners told by descriptions",
    ("lists", "components_micro_f1"): "of these, components by their names alone",
    ("forms", "set_changed"): "inside issue forms: label sets changed (best 0)",
    ("forms", "main_kept"): "inside issue forms: likeliest label kept",
    ("forms_unseen", "set_changed"): "inside forms never seen: label sets changed (best 0)",
    ("forms_unseen", "main_kept"): "inside forms never seen: likeliest label kept",
    ("junk", "left_alone"): "junk left alone",
    ("junk", "kept"): "thin but real issues that get a label",
    ("fresh", "left_alone"): "junk never seen left alone",
    ("fresh", "kept"): "thin issues never seen that get a label",
    ("languages", "micro_f1"): "twelve other languages, ten labels, micro-F1",
}
_COMPARED = {
    ("dev", "micro_f1"): "dev, micro-F1",
    ("five", "macro_f1"): "five repositories, macro-F1",
    ("five", "macro_f1_balanced"): "balanced",
    ("ten", "micro_f1"): "ten labels, micro-F1",
    ("lists", "micro_f1"): "label lists, micro-F1",
}
_ABOUT = {
    "dev": "*dev* are held-out issues under their sources' labels; what a source does not use counts nowhere.",
    "five": "The *five repositories* are the training half of NLBSE'24: one of bug, enhancement and question each;"
    ' "balanced" divides each label\'s probability by its mean over the set.',
    "ten": "*All ten labels* were set by a large language model that read the issue.",
    "lists": "*Label lists never seen* are of invented and of real projects, labelled by a large language model.",
    "forms": "*Forms* are twelve layouts with attestations, drop-downs and empty fields around the same issues.",
    "forms_unseen": "*Forms never seen* are eighteen others, in eleven languages, by which no rule was chosen.",
}


@dataclass(frozen=True)
class Line:
    """One figure of every system: its title, how many issues, and role -> figure."""

    title: str
    n: int
    figures: Mapping[str, Mapping[str, Any]]


def lines(results: Results) -> Iterator[Line]:
    """The figures of `MAIN_ROWS` that the results have."""
    for (key, name), title in MAIN_ROWS.items():
        systems = results["sets"].get(key, {}).get("figures", {})
        found = {role: figures[name] for role, figures in systems.items() if name in figures}
        if "model" in found:
            yield Line(title, found["model"]["n"], found)


def main_table(results: Results, intervals: bool = False) -> str:
    """The main figures of all systems; the model's always with intervals, the others' if `intervals`."""
    roles = _roles(results)
    heads = [cell(results["systems"][role]["name"]) for role in roles]
    rows = [
        (line.title, f"{line.n:,}", *(figure(line.figures.get(role), intervals or role == "model") for role in roles))
        for line in lines(results)
    ]
    return markdown_table(("", "n", *heads), rows, "lrl")


def readme_block(results: Results) -> str:
    """Table and explanation, as they stand between the marks in README."""
    return f"{main_table(results)}\n\n{explanation(results)}\n"


def explanation(results: Results) -> str:
    """What the sets are, how intervals were computed, which sets the model was tuned on, and how to do it again."""
    sets = results["sets"]
    parts = [text for key, text in _ABOUT.items() if key in sets]
    for by, what in (("repository", "by repository (an issue without one by itself)"), ("issue", "by issue")):
        if names := [_short(key) for key, one in sets.items() if one["intervals_by"] == by]:
            parts.append(f"95 % intervals of {_joined(names)} are clustered {what}.")
    parts += _differences(results)
    for tuned_on, what in ((True, "was tuned on"), (None, "may have been tuned on (its record does not say)")):
        if names := [_short(key) for key, one in sets.items() if one["tuned_on"] is tuned_on]:
            parts.append(
                f"**The model {what} {_joined(names)}**: those figures show what it learnt, not what is new to it."
            )
    if results["limit"]:
        parts.append(
            f"**At most {results['limit']:,} issues of each set, seed {results['seed']}: a trial, no measurement.**"
        )
    parts.append(f"Measured on {results['date']} by `{results['command']}`.")
    return textwrap.fill(" ".join(parts), 120, break_long_words=False, break_on_hyphens=False)


def label_table(results: Results) -> str:
    """F1 of each label on dev and on ten, model beside linear model."""
    columns = [
        (f"{key}, {cell(results['systems'][role]['name'])}", results["sets"][key]["figures"][role]["labels"])
        for key in ("dev", "ten")
        if key in results["sets"]
        for role in ("model", "linear")
        if role in results["sets"][key]["figures"]
    ]
    if not columns:
        return ""
    rows = [
        (cell(label), *(f"{figure(found[label], True)} (n = {found[label]['true']})" for _, found in columns))
        for label in columns[0][1]
    ]
    return markdown_table(("F1", *(head for head, _ in columns)), rows)


def part_table(results: Results, key: str, part: str) -> str:
    """The parts of a set, such as its lists, with every system's figure."""
    systems = results["sets"].get(key, {}).get("figures", {})
    roles = [role for role in _roles(results) if part in systems.get(role, {})]
    if not roles:
        return ""
    heads = [cell(results["systems"][role]["name"]) for role in roles]
    rows = [
        (cell(name), f"{first['n']:,}", *(figure(systems[role][part].get(name), role == "model") for role in roles))
        for name, first in systems[roles[0]][part].items()
    ]
    return markdown_table(("", "n", *heads), rows, "lrl")


def figure(found: Mapping[str, Any] | None, interval: bool) -> str:
    """A figure as a cell; – where there is none."""
    if found is None or found["value"] is None:
        return "–"
    return f"{found['value']:.3f}" + (f" [{found['low']:.3f}, {found['high']:.3f}]" if interval else "")


def print_scores(results: Results) -> None:
    """The main figures on a terminal."""
    from rich.text import Text

    from labeler.console.tables import right, table
    from labeler.console.terminal import console

    output, roles = console(), _roles(results)
    numbers = right("n", *(results["systems"][role]["name"] for role in roles))
    rows = (
        (line.title, f"{line.n:,}", *(figure(line.figures.get(role), role == "model") for role in roles))
        for line in lines(results)
    )
    output.print(table(("", *numbers), rows))
    output.print(Text(explanation(results)), soft_wrap=True)


def _differences(results: Results) -> Iterator[str]:
    """The model beside each other system that a reader would compare it with, a sentence each."""
    for role in ("linear", "earlier"):
        found = {
            name: results["sets"][key]["model_minus"][role][figure_name]
            for (key, figure_name), name in _COMPARED.items()
            if figure_name in results["sets"].get(key, {}).get("model_minus", {}).get(role, {})
        }
        said = [
            f"{name} {much['value']:+.3f} [{much['low']:+.3f}, {much['high']:+.3f}]"
            for name, much in found.items()
            if much["value"] is not None
        ]
        if said:
            names = [results["systems"][one]["name"] for one in ("model", role)]
            yield f"On the same issues, {names[0]} minus {names[1]}: {'; '.join(said)}."


def _roles(results: Results) -> list[str]:
    return [role for role in SYSTEMS if role in results["systems"]]


def _short(key: str) -> str:
    return {
        "five": "the five repositories",
        "ten": "the ten labels",
        "lists": "the label lists",
        "forms_unseen": "the forms never seen",
    }.get(key, key)


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
