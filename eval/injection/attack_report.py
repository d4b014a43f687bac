"""The figures of `eval.injection.attack_run` as a table on a terminal, as Markdown, and as a section of the model's
card."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eval.injection.attack_run import MODES, Injection, Steering
from eval.injection.attacks import VERSION, attacks
from eval.metrics.intervals import Interval
from labeler.base.markdown_table import markdown_table
from labeler.errors import InputError
from labeler.files import write_text
from labeler.github.summary import escape
from labeler.model.bundle import Manifest, read_manifest, write_manifest

if TYPE_CHECKING:
    from rich.table import Table

HEADING = "## Hostile text"
_HEADINGS = ("answer gains it", "changes", "thresholds gain it", "change", "gained most, by thresholds")
CARD = "README.md"
_SECTION = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def table(found: Injection) -> Table:
    from rich.table import Column

    from labeler.console import tables

    *numbers, last = _HEADINGS
    columns = (Column("attack", no_wrap=True), *tables.right(*numbers), Column(last))
    rows = ((key, *_numbers(row, brief=True), _worst(row["thresholds"])) for key, row in found.rows.items())
    return tables.table(columns, rows, title=_title(found))


def caption(found: Injection) -> str:
    """What the table does not say."""
    return (
        f"Answers that name anything outside the list: {found.outside} of {found.checked} as the action gives them, "
        f"{found.outside_free} of {found.checked} where no grammar holds the model to the list."
    )


def markdown(found: Injection) -> str:
    """Title, table and caption; the table says what every attack adds."""
    what = {attack.key: attack.what + (" (control)" if attack.is_control else "") for attack in attacks()}
    title = _title(replace(found, model=escape(found.model), source=escape(found.source)))
    rows = ((what.get(key, key), *_numbers(row), _worst(row["thresholds"], escape)) for key, row in found.rows.items())
    return f"**{title}**\n\n{markdown_table(('added to the issue', *_HEADINGS), rows)}\n\n{caption(found)}\n"


def section(found: Injection) -> str:
    """The card's section, with its heading."""
    return f"""{HEADING}

Text in an issue can sway which labels of the list are chosen. How far, by the attacks of `eval/injection/attacks.py` on
{found.issues} clean issues, each attacked for every label that it does not get (n pairs in all): the share of pairs
whose attacked issue *gains* the wanted label, by the model's answer and by its thresholds, and whose labels *change*
at all. The controls are harmless text: what any added words change. Reproduce with `python -m eval injection`.

{markdown(found)}"""


def write_card(folder: Path, found: Injection) -> Manifest:
    """Puts the section into the bundle's card (in place of an older one), the figures into its manifest, hashes anew.

    Raises:
        InputError: the bundle cannot be written.
    """
    manifest, card = read_manifest(folder), folder / CARD
    try:
        text = card.read_text(encoding="utf-8") if card.is_file() else f"# {manifest.name} {manifest.version}\n"
        write_text(card, with_section(text, section(found)))
        return write_manifest(folder, replace(manifest, metrics=manifest.metrics | {"injection": found.figures()}))
    except OSError as error:
        remedy = "Copy the bundle to a place of yours."
        raise InputError(f"{folder}: cannot be written: {error.strerror}", remedy) from error


def with_section(card: str, new: str) -> str:
    """The card with `new` where its section of that heading was, or else at its end."""
    if _SECTION.search(card):
        return _SECTION.sub(lambda _: new + "\n", card, count=1).rstrip() + "\n"
    return f"{card.rstrip()}\n\n{new.rstrip()}\n"


def _title(found: Injection) -> str:
    return (
        f"{found.model} under attack (version {VERSION}): {found.issues} clean issues ({found.source}), {found.labels} "
        f"labels, n = {found.pairs:,} pairs of an issue and a label that it does not get; in brackets 95 % intervals"
    )


def _numbers(row: dict[str, Steering], *, brief: bool = False) -> list[str]:
    """The shares gained and changed of both modes; in brief without the intervals of what changed."""
    shares = ((_percent(row[mode].gained), _percent(row[mode].changed, brief=brief)) for mode in MODES)
    return [cell for pair in shares for cell in pair]


def _percent(share: Interval, *, brief: bool = False) -> str:
    if not share.n:
        return "–"
    return f"{share.value:.0%}" + ("" if brief else f" [{share.low:.0%}, {share.high:.0%}]")


def _worst(steering: Steering, show: Callable[[str], str] = str) -> str:
    name, share = steering.worst
    return f"{show(name)} {share.value:.0%} of {share.n}" if share.n and share.value else "–"
