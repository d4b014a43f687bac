"""What active learning found, for a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict

from synthetic.annotating.active_learning import LEAST_TRAINING, Active, Round

SHOWN = 20  # picked issues in the table; the file has all


def to_document(found: Active) -> dict[str, object]:
    """For JSON: the picks without their texts, and every round."""
    picks = [
        {"id": one.issue.id, "unsure": one.unsure, "label": one.label, "probability": one.probability}
        for one in found.picks
    ]
    return {"picks": picks, "unlabelled": found.unlabelled, "rounds": [asdict(one) for one in found.rounds]}


def show(found: Active) -> None:
    """Prints the picked issues, and what the labels were worth in each round."""
    _print_picks(found)
    _print_rounds(found.rounds)


def _print_picks(found: Active) -> None:
    from rich.table import Column

    from labeler.console.tables import right, table
    from labeler.console.terminal import console

    near = Column("nearest label", overflow="fold")
    title = Column("title", no_wrap=True, overflow="ellipsis", ratio=1)
    rows = (
        (
            one.issue.id,
            f"{one.unsure:.2f}",
            f"{one.label} {one.probability:.2f} / {one.threshold:.2f}",
            one.issue.title,
        )
        for one in found.picks[:SHOWN]
    )
    console().print(table((Column("issue", overflow="fold"), *right("unsure"), near, title), rows))
    if len(found.picks) > SHOWN:
        console().print(f"and {len(found.picks) - SHOWN:,} more", style="dim")


def _print_rounds(rounds: tuple[Round, ...]) -> None:
    from rich.table import Column

    from labeler.console.tables import right, styled, table
    from labeler.console.terminal import console

    current = rounds[-1]
    if current.head is None:
        said = (
            f"Nothing is measured yet: that needs {LEAST_TRAINING} training rows and some test rows. Label, then split."
        )
        console().print(said, style="dim")
        return
    output = console()
    output.print(
        "\nmicro-F1 on the test rows: the model as it is, and a head fitted on the training rows", style="bold"
    )
    columns = (
        *(Column(name, no_wrap=True) for name in ("when", "asked")),
        *right("training rows", "test rows", "model", "head", no_wrap=True),
        Column("which model", overflow="ellipsis"),
    )
    rows = []
    for one in rounds:
        if one.head is not None:
            comparable = one.test == current.test
            counts = (f"{one.labelled:,}", f"{one.tested:,}" if comparable else f"{one.tested:,} others")
            figures = (_figure(one.bundle), _figure(one.head))
            cells = (one.at[:16].replace("T", " "), one.asked, *counts, *figures, one.model)
            rows.append(styled("" if comparable else "dim", cells))
    output.print(table(columns, rows))
    if any(one.head is not None and one.test != current.test for one in rounds):
        output.print("Rounds on other test rows do not compare.", style="dim")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
