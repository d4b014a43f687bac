"""The pictures of README show what the programs print today: with this model's labels, in this layout.

Probabilities, and what hangs on them, may differ in the last place from one kind of CPU to another: they are not
compared. The commands that README shows are run for this, on the shipped model.
"""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labeler.model.bundle import read_manifest
from labeler.model.predict import STARTER
from tests.labeler.github.test_summary import outcome
from tests.summary_picture import picture

if sys.platform == "win32":
    pytest.skip("pseudo-terminals", allow_module_level=True)

from labeler.github.summary import render
from tests.draw_pictures import SUMMARY, TERMINAL, draw_summary, draw_terminal, shown_commands

AGAIN = "run: python -m tests.draw_pictures"
MANIFEST = read_manifest(STARTER)
NAMES = MANIFEST.labels.names
SVG = "{http://www.w3.org/2000/svg}"


def lines(svg: str) -> list[str]:
    """The text of a picture, line by line."""
    found: dict[float, str] = {}
    for text in ElementTree.fromstring(svg).iter(SVG + "text"):
        y = float(text.get("y", "0"))
        found[y] = found.get(y, "") + "\N{NO-BREAK SPACE}" + (text.text or "")
    return [unescape(found[y]).replace("\N{NO-BREAK SPACE}", " ").strip() for y in sorted(found)]


def skeleton(svg: str) -> list[str]:
    """The lines without bars, numbers and ticks; of a list of issues only their names and titles."""
    kept = []
    for line in lines(svg):
        listed = re.fullmatch(r"(\d+) {2,}\S.*? {2,}(.*)", line)
        text = (
            f"{listed[1]} {listed[2]}" if listed else re.sub(r"[█▏▎▍▌▋▊▉░·│✓✅]|(?<![\w.])[\d.]+%?(?![\w.])", "", line)
        )
        kept.append(" ".join(text.split()))
    return kept


def test_the_terminal_is_drawn_as_it_looks_today(tmp_path: Path) -> None:
    drawn = TERMINAL.read_text(encoding="utf-8")
    assert f"{MANIFEST.name} {MANIFEST.version}," in "\n".join(lines(drawn)), AGAIN
    assert skeleton(drawn) == skeleton(draw_terminal(tmp_path)), AGAIN
    text = "\n".join(lines(drawn))
    assert len(shown_commands()) == text.count("$ ") == 2
    assert [name for name in NAMES if not re.search(rf"(?m)^{re.escape(name)} .*\d\.\d\d", text)] == []


def test_the_jobs_summary_is_drawn_as_it_looks_today(tmp_path: Path) -> None:
    drawn, today = SUMMARY.read_text(encoding="utf-8"), draw_summary(tmp_path)
    assert f"Model {MANIFEST.name} {MANIFEST.version} " in lines(drawn)[-1], AGAIN
    assert sorted(labels_of(drawn)[-len(NAMES) :]) == sorted(labels_of(today)[-len(NAMES) :]) == sorted(NAMES), AGAIN
    for at in (0, 2, -1):  # the title, the heads of the columns, and what stands below
        assert skeleton(drawn)[at] == skeleton(today)[at], AGAIN
    assert len(lines(drawn)) == len(lines(today)) == 3 + len(NAMES) + 1


def labels_of(svg: str) -> list[str]:
    return [
        text.text or "" for text in ElementTree.fromstring(svg).iter(SVG + "text") if "label" in text.get("class", "")
    ]


def test_a_summary_is_drawn_with_every_row_and_its_reason() -> None:
    told = lines(picture(render(outcome(title="<b>It</b> & crashes"))))
    assert told[0] == "Issue 42: <b>It</b> & crashes"
    assert told[1].split() == ["Added", "bug"]
    rows = {
        name: next(line for line in told[3:] if line.lstrip("✋☑️ ").startswith(name)) for name in ("security", "ci/cd")
    }
    assert rows["security"].endswith("88% 50% a person took it off this issue")
    assert rows["ci/cd"].endswith("2% 50%")
