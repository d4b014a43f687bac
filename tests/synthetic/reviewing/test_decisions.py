from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labeler.labels.label_set import LabelSet
from synthetic.annotating.consensus import read_decisions
from synthetic.cli import main
from synthetic.reviewing.decisions import Session, queue, visible
from synthetic.reviewing.screen import KEYS, HelpScreen, ReviewApp
from synthetic.workspace.jsonl import Appender, read_lines
from synthetic.workspace.records import DECISIONS, Decision, to_line
from tests.working_folder import Given, issue_id, make_folder

THREE: dict[int, Given] = {
    1: {"a": ["bug", "docs"], "b": ["bug"], "c": ["feature", "bug"]},  # agreement 0.44
    2: {"a": ["bug"], "b": ["bug"], "c": ["bug"]},
    3: {"a": ["bug"], "b": ["docs"], "c": ["question"]},  # 0
    4: {"a": ["docs"], "b": ["docs"], "c": ["question"]},  # 0.33
}
SIZE = (120, 36)


def _keys(folder: Path, labels: LabelSet, *keys: str, size: tuple[int, int] = SIZE) -> ReviewApp:
    """The screen after these keys, and after it was left."""

    async def press() -> ReviewApp:
        with Session(folder, queue(folder, labels), labels, "ada", clock=lambda: "2026-05-01T00:00:00Z") as session:
            app = ReviewApp(session, labels, "here")
            async with app.run_test(size=size) as pilot:
                await pilot.press(*keys)
                await pilot.pause()
                app.shown = _shown(app)  # type: ignore[attr-defined]
            return app

    return asyncio.run(press())


def _shown(app: ReviewApp) -> str:
    """The characters on the screen, line by line."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


def _lines(folder: Path) -> list[tuple[str, list[str] | None, str]]:
    return [(one["id"], one["labels"], one["by"]) for one in read_lines(folder / DECISIONS)]


def test_the_queue_holds_the_disputed_issues_with_the_least_agreement_first(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    assert [item.issue.number for item in queue(tmp_path, labels)] == [3, 4, 1]


def test_only_names_other_issues_to_decide_answered_or_not(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE, more=[9])
    found = queue(tmp_path, labels, {issue_id(2), issue_id(9)})
    assert [(item.issue.number, item.proposal) for item in found] == [(2, ("bug",)), (9, ())]


def test_decided_issues_leave_the_queue_and_skipped_ones_come_last(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    with Session(tmp_path, queue(tmp_path, labels), labels, "ada") as session:
        session.skip()
        session.accept()
    assert [item.issue.number for item in queue(tmp_path, labels)] == [1, 3]


def test_accepting_takes_the_consensus_unless_something_else_is_ticked(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    _keys(tmp_path, labels, "3", "1", "a", "a")
    assert _lines(tmp_path) == [(issue_id(3), ["bug", "docs"], "ada"), (issue_id(4), ["docs"], "ada")]


def test_arrows_and_space_tick_as_well(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    _keys(tmp_path, labels, "down", "down", "space", "down", "enter", "up", "space", "a")
    assert _lines(tmp_path) == [(issue_id(3), ["question"], "ada")]


def test_a_decision_is_on_the_disk_before_the_next_key(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    with Session(tmp_path, queue(tmp_path, labels), labels, "ada", clock=lambda: "2026-05-01T00:00:00Z") as session:
        session.accept()
        [line] = read_lines(tmp_path / DECISIONS)
    assert line == to_line(Decision(issue_id(3), (), "ada", "2026-05-01T00:00:00Z")) | {"labels": []}


def test_undo_appends_a_line_and_returns_to_the_issue_with_its_ticks(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    app = _keys(tmp_path, labels, "2", "a", "u")
    assert _lines(tmp_path) == [(issue_id(3), ["feature"], "ada"), (issue_id(3), None, "ada")]
    assert app._session.ticked == {"feature"}
    assert len(queue(tmp_path, labels)) == 3


def test_undo_gives_back_what_somebody_else_had_said(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    items = queue(tmp_path, labels)
    with Appender(tmp_path / DECISIONS) as file:
        file.write(to_line(Decision(issue_id(3), ("docs",), "bob", "2026-04-01T00:00:00Z")))
    with Session(tmp_path, items, labels, "ada") as session:
        session.accept()
        assert session.undo()
        assert not session.undo()
    found = read_decisions(tmp_path, labels)[issue_id(3)]
    assert (found.labels, found.by) == (("docs",), "bob")


def test_undo_goes_back_several_steps_also_from_the_end(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    app = _keys(tmp_path, labels, "a", "s", "a", "u", "u", "u", "u")
    assert app._session.place == 0
    assert all(one.labels is None for one in read_decisions(tmp_path, labels).values())


def test_at_the_end_the_screen_says_what_was_done(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    app = _keys(tmp_path, labels, "a", "s", "a", "a", "1", "space")
    assert "2 decided, 1 skipped, 1 left" in app.shown  # type: ignore[attr-defined]
    assert len(_lines(tmp_path)) == 3


def test_the_screen_shows_issue_answers_consensus_and_progress(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE, own={4: ["feature"]})
    shown = _keys(tmp_path, labels, "s").shown  # type: ignore[attr-defined]
    for text in ("Title 4", "Body 4", "agreement 0.33", "1 of 3 done", "[x] 3 docs      ●●○", "[ ] 4 question  ○○●"):
        assert text in shown
    side = [line.split("│")[1].split() for line in shown.splitlines() if "│" in line]
    assert ["consensus", "docs"] in side
    assert ["repository", "feature"] in side


def test_a_narrow_terminal_has_the_labels_below_the_issue(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    shown = _keys(tmp_path, labels, size=(70, 24)).shown.splitlines()  # type: ignore[attr-defined]
    assert next(i for i, line in enumerate(shown) if "Body 3" in line) < next(
        i for i, line in enumerate(shown) if "[ ] 1 bug" in line
    )


def test_the_first_keys_after_help_do_nothing_but_close_it(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    assert "Any key closes this" in _keys(tmp_path, labels, "question_mark").shown  # type: ignore[attr-defined]
    app = _keys(tmp_path, labels, "question_mark", "a", "question_mark", "space", "question_mark", "1")
    assert not any(isinstance(screen, HelpScreen) for screen in app.screen_stack)
    assert _lines(tmp_path) == []
    assert app._session.ticked == set()


def test_hostile_text_neither_styles_nor_steers_the_terminal(tmp_path: Path) -> None:
    title = "\x1b]0;owned\x07[bold]markup[/bold] [@click=app.quit]x[/]"
    body = "\x1b[2J\x1b[31mred [red]red[/red] \u202eback\r\nnext\tline \ud800 [/oops"
    labels = make_folder(tmp_path, {1: {"[b]a\x1b[0m": ["bug"], "b": ["docs"]}}, texts={1: (title, body)})
    app = _keys(tmp_path, labels)
    shown: str = app.shown  # type: ignore[attr-defined]
    assert not any(c in shown for c in "\x1b\x07\u202e\r\ud800")
    for text in ("[bold]markup[/bold] [@click=app.quit]x[/]", "[red]red[/red]", "[/oops", "[b]a", "next    line"):
        assert text in shown


def test_visible_keeps_lines_and_spaces_and_marks_what_cannot_be_seen() -> None:
    assert visible("a\tb\r\nc\x00\x9b\u2028d") == "a   b\nc" + "\N{REPLACEMENT CHARACTER}" * 3 + "d"


def test_a_long_issue_scrolls(tmp_path: Path) -> None:
    body = "\n".join(f"line {n}." for n in range(200))
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": ["docs"]}}, texts={1: ("Long", body)})
    assert "line 0." in _keys(tmp_path, labels).shown  # type: ignore[attr-defined]
    down = _keys(tmp_path, labels, "pagedown", "j").shown  # type: ignore[attr-defined]
    assert "line 0." not in down
    assert "line 40." in down
    assert "line 0." in _keys(tmp_path, labels, "pagedown", "pageup").shown  # type: ignore[attr-defined]


def test_more_labels_than_keys_are_reached_by_arrows(tmp_path: Path) -> None:
    many = "\n".join(f"- label-{number}" for number in range(40))
    labels = make_folder(tmp_path, {1: {"a": ["label-1"], "b": ["label-2"]}}, listed=many)
    _keys(tmp_path, labels, "end", "space", KEYS[-1], "a")
    assert _lines(tmp_path)[0][1] == [f"label-{len(KEYS) - 1}", "label-39"]


def test_no_command_key_is_a_labels_key() -> None:
    commands = {binding.key for binding in ReviewApp.BINDINGS if not binding.action.startswith("tick_label")}  # type: ignore[union-attr]
    assert not commands & set(KEYS)
    assert len(set(KEYS)) == len(KEYS)


def test_the_description_of_the_present_label_is_shown(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    assert "Something is broken" in _keys(tmp_path, labels).shown  # type: ignore[attr-defined]
    assert "Manual & <examples>" in _keys(tmp_path, labels, "down", "down").shown  # type: ignore[attr-defined]


def test_a_full_disk_ends_the_screen_with_the_error(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, THREE)
    (tmp_path / DECISIONS).symlink_to("/dev/full")

    async def press() -> object:
        session = Session(tmp_path, queue(tmp_path, labels), labels, "ada")
        app = ReviewApp(session, labels, "here")
        async with app.run_test(size=SIZE) as pilot:
            await pilot.press("a")
        with pytest.raises(OSError):
            session.__exit__()
        return app.return_value

    assert isinstance(asyncio.run(press()), OSError)


def test_without_a_terminal_the_command_points_to_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, THREE)
    assert main(["review", str(tmp_path)]) == 2
    assert "3 issues to review, and this is no terminal" in capsys.readouterr().err


def test_with_nothing_to_review_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, {2: THREE[2]})
    assert main(["review", str(tmp_path)]) == 0
    assert "Nothing to review" in capsys.readouterr().err


def test_in_a_real_terminal_the_command_saves_who_decided_and_says_what_is_left(tmp_path: Path) -> None:
    make_folder(tmp_path, THREE)
    picked = tmp_path / "picked.json"
    picked.write_text(json.dumps([issue_id(2), issue_id(4)]))
    command = [sys.executable, "-m", "synthetic", "review", str(tmp_path), "--by", "Ada", "--only", str(picked)]
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=os.environ | {"TERM": "xterm"}, close_fds=True
    )
    os.close(follower)
    seen = _until(leader, b"of 2 done")
    os.write(leader, b"a")
    seen += _until(leader, b"", lambda: len(_lines(tmp_path)) == 1)
    os.write(leader, b"q")
    seen += _until(leader, b"1 left")
    assert process.wait(20) == 0
    os.close(leader)
    assert _lines(tmp_path) == [(issue_id(4), ["docs"], "Ada")]
    assert b"1 decided, 0 skipped, 1 left" in seen


def _until(leader: int, text: bytes, done: Callable[[], bool] = lambda: True) -> bytes:
    """Reads the terminal until it showed `text` and `done`."""
    seen, end = b"", time.monotonic() + 30
    while (text not in seen or not done()) and time.monotonic() < end:
        try:
            seen += os.read(leader, 65536)
        except OSError:  # Linux says so when the other side has closed
            break
    return seen
