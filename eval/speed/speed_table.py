"""What `eval.speed.timing` measured, in a terminal: each figure beside its goal, and where the time goes."""

from __future__ import annotations

from typing import Any

from labeler.console.tables import right, table
from labeler.console.terminal import console

# figure, what it is called, unit, goal
ROWS = (
    ("cold_seconds", "the README's command, start to finish", "s", "≤ 1.2"),
    ("peak_megabytes", "its peak memory", "MB", "≤ 400"),
    ("warm_seconds", "an issue, model loaded", "s", "≤ 0.25"),
    ("issues_a_second", "issues a second of a file", "/s", "≥ 6"),
    ("list_first_more_seconds", "20 labels of one's own, the first time: more", "s", "≤ 0.5"),
    ("list_again_more_seconds", "the same, after a warm-up: more", "s", ""),
    ("cold_issue_seconds", "process start to labels", "s", ""),
    ("transformers_seconds", "the same by transformers, fp32, whole vocabulary", "s", ""),
    ("transformers_times", "times as long", "×", "≥ 9"),
    ("transformers_peak_megabytes", "its peak memory", "MB", ""),
    ("transformers_trimmed_seconds", "the same, vocabulary cut", "s", ""),
    ("transformers_trimmed_times", "times as long", "×", ""),
    ("transformers_trimmed_peak_megabytes", "its peak memory", "MB", ""),
    ("decode_step_seconds", "a decode step", "s", ""),
    ("bundle_megabytes", "bundle", "MB", "≤ 80"),
    ("archive_megabytes", "what GitHub fetches for the action, tar.gz", "MB", ""),
    ("action_install_seconds", "the action: install, packages in uv's cache", "s", ""),
    ("action_label_seconds", "the action: label", "s", ""),
    ("action_seconds", "both", "s", "≤ 6"),
    ("export_seconds", "export of the checkpoint", "s", "≤ 60"),
    ("export_megabytes", "its peak memory", "MB", "≤ 3000"),
)


def show_speed(figures: dict[str, Any]) -> None:
    """Prints the figures of `eval.speed.timing.measure`; those that are absent are left out, with the reason."""
    what = f"{figures['model']}, {figures['issue_tokens']} tokens, {figures['labels']} labels"
    title = f"{what}, {figures['cores']} cores, median of {figures['runs']}; {figures['many']} issues in the file"
    rows = (
        (name, f"{figures[key]:.{3 if abs(figures[key]) < 10 else 0}f}", unit, goal)
        for key, name, unit, goal in ROWS
        if key in figures
    )
    measured = table(("", *right("measured"), "", "goal"), rows, title=title)
    stages = {**figures["stages"], "in all": sum(figures["stages"].values())}
    spent = ((name, f"{seconds:.3f}") for name, seconds in stages.items())
    console().print(measured, "", table(("", *right("seconds")), spent, title="Where it goes"))
    for name, why in figures["skipped"].items():
        console().print(f"not measured: {name.replace('_', ' ')}: {why}", markup=False)
