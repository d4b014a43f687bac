from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eval.cli import main
from eval.live.agreement import Agreement, suggest_thresholds
from eval.live.corrections import correction_rows
from eval.live.drift import confidence_drift, difference_ends, share_drift
from eval.live.survey import Survey, applied_labels, survey
from eval.metrics.intervals import wilson
from labeler.data.dataset_folder import open_dataset
from labeler.github.client import GitHub
from labeler.github.refusals import Invalid
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from labeler.verdicts.judging import Judged, Verdict, Window, judge
from labeler.verdicts.stories import Cast, Change, Field, Story, read_stories
from tests.standins.github import ACTION, TOKEN, Answer, Request, serving
from tests.standins.github import GitHub as StandIn

ROOT = Path(__file__).parents[3]
REPO = "octo/hello"
LABELS = LabelSet((Label("bug"), Label("docs", aliases=("documentation",)), Label("question")))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=31)
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as github:
        github.clock = int(NOW.timestamp()) - 30 * DAY
        github.add_repository(REPO, LABELS.names)
        yield github


def do(standin: StandIn, number: int, *deeds: str | int) -> None:
    """ "+bug alice" sets a label, "-bug alice" takes it off, "closed alice" is another deed, a number a pause."""
    for deed in deeds:
        if isinstance(deed, int):
            standin.clock += deed
            continue
        what, _, login = deed.rpartition(" ")
        by = {"action": ACTION, "ghost": None}.get(login, login)
        if what[0] == "+":
            standin.set_label(REPO, number, what[1:], by)
        elif what[0] == "-":
            standin.take_label(REPO, number, what[1:], by)
        else:
            standin.act(REPO, number, what, by)


def read(standin: StandIn, since: datetime = SINCE, cast: Cast | None = None) -> Field:
    events = GitHub(TOKEN, standin.url).repository_events(REPO)
    return read_stories(events, cast or Cast(ACTION), since)


def window(**given: Any) -> Window:
    return Window(**({"since": SINCE, "until": NOW, "now": NOW, "settle": timedelta(days=3)} | given))


def surveyed(standin: StandIn, labels: LabelSet = LABELS) -> Survey:
    return survey(REPO, ACTION, read(standin), labels, window())


def verdicts(standin: StandIn) -> dict[str, Verdict]:
    (judged,) = judge(read(standin).stories, LABELS, window())
    return dict(zip(LABELS.names, judged.verdicts, strict=True))


@pytest.mark.parametrize(
    ("deeds", "verdict"),
    [
        (["+bug action"], Verdict.KEPT),
        (["+bug action", "closed alice"], Verdict.KEPT),
        (["+bug action", HOUR, "-bug alice"], Verdict.REMOVED),
        (["+bug action", HOUR, "-bug alice", "+bug alice"], Verdict.RESTORED),
        (["+bug action", HOUR, "-bug alice", "+bug action"], Verdict.REMOVED),
        (["+bug action", HOUR, "-bug alice", "+bug other[bot]"], Verdict.REMOVED),
        (["+bug action", HOUR, "-bug other[bot]"], Verdict.UNCLEAR),
        (["+bug action", HOUR, "-bug other[bot]", "+bug alice"], Verdict.RESTORED),
        (["+bug action", HOUR, "-bug ghost"], Verdict.UNCLEAR),
        (["+bug action", HOUR, "-bug action"], Verdict.TAKEN_BACK),
        (["+bug action", HOUR, "-bug action", "+bug alice"], Verdict.ADDED),
        (["+bug alice", HOUR, "-bug alice", "+bug action"], Verdict.KEPT),
        (["+docs action", HOUR, "+bug alice"], Verdict.ADDED),
        (["+docs action", HOUR, "+bug other[bot]"], Verdict.UNCLEAR),
        (["+docs action", HOUR, "+bug ghost"], Verdict.UNCLEAR),
        (["+docs action", HOUR, "+bug alice", "-bug alice"], Verdict.ABSENT),
        (["+bug reporter", 30, "+docs action"], Verdict.GIVEN),
        (["+bug reporter", 30, "+docs action", HOUR, "-bug alice", "+bug alice"], Verdict.GIVEN),
        (["+bug reporter", HOUR], Verdict.GIVEN),
        ([HOUR, "+bug alice"], Verdict.ADDED),
    ],
)
def test_the_last_word_of_a_person_decides_what_became_of_a_label(
    standin: StandIn, deeds: Sequence[str | int], verdict: Verdict
) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, *deeds)
    assert verdicts(standin)["bug"] is verdict


def test_a_label_that_was_renamed_or_deleted_counts_for_nothing(standin: StandIn) -> None:
    issue = standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action", "+question alice")
    # GitHub renames on the issue and leaves the events; deleting a label makes no event either.
    issue.document["labels"] = [label | {"name": "docs"} for label in issue.document["labels"][:1]]
    assert verdicts(standin) == dict.fromkeys(LABELS.names, Verdict.UNCLEAR)


def test_labels_are_judged_under_the_name_of_the_list_in_any_case_and_by_alias(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "Manual")
    do(standin, 1, "+Documentation action", "+BUG action", HOUR, "-BUG alice")
    found = verdicts(standin)
    assert (found["docs"], found["bug"]) == (Verdict.KEPT, Verdict.REMOVED)


def test_a_machine_account_that_is_named_is_no_person(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action", "-bug ci-robot")
    by_default, named = (
        read(standin, cast=Cast(ACTION, bots)).stories[0].changes[1].who for bots in ((), ("CI-Robot",))
    )
    assert (by_default, named) == ("person", "other")


@pytest.mark.parametrize(
    ("deed", "handled"),
    [
        ("closed alice", True),
        ("-bug alice", True),
        ("closed reporter", False),
        ("closed stale[bot]", False),
        ("mentioned alice", False),
    ],
)
def test_an_issue_is_dealt_with_by_what_a_person_other_than_its_author_does(
    standin: StandIn, deed: str, handled: bool
) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action", HOUR, deed)
    (judged,) = judge(read(standin).stories, LABELS, window())
    assert judged.handled is handled


def test_who_assigned_an_issue_has_dealt_with_it_and_not_who_was_assigned(standin: StandIn) -> None:
    issue = standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action", HOUR, "assigned alice")
    issue.events[-1]["assigner"] = issue.document["user"]
    assert read(standin).stories[0].handled is None


def test_pull_requests_and_issues_that_are_gone_are_left_out_and_counted(standin: StandIn) -> None:
    for number in range(1, 6):
        standin.add_issue(REPO, number, "It crashes")
        do(standin, number, "+bug action")
    issues = standin.repositories[REPO].issues
    issues[1].document["pull_request"] = {"url": "x", "html_url": "x", "diff_url": "x", "patch_url": "x"}
    issues[2].document["repository_url"] = f"{standin.url}/repos/octo/elsewhere"
    events = [dict(event) for event in GitHub(TOKEN, standin.url).repository_events(REPO)]
    events[0]["issue"] = None
    field = read_stories(events, Cast(ACTION), SINCE)
    assert [story.number for story in field.stories] == [3, 4]
    assert (field.pull_requests, field.moved, field.orphans) == (1, 1, 1)


def test_no_page_is_asked_for_beyond_the_first_event_that_is_too_old(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    for _ in range(150):
        do(standin, 1, "+bug action", "-bug alice")
    middle = datetime.fromtimestamp(standin.clock - 120, UTC)
    assert read(standin, since=middle).events == 121
    assert len(standin.requests) == 2


def test_an_event_that_comes_on_two_pages_counts_once(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action", "-bug alice")
    events = list(GitHub(TOKEN, standin.url).repository_events(REPO))
    assert len(read_stories([events[0], *events], Cast(ACTION), SINCE).stories[0].changes) == 2


def test_a_renamed_repository_is_read_under_its_old_name(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action")
    there = f"{standin.url}/repos/{REPO}/issues/events?per_page=100"
    standin.fail(Answer(301, {"message": "Moved"}, {"Location": there}))
    field = read_stories(GitHub(TOKEN, standin.url).repository_events("octo/old"), Cast(ACTION), SINCE)
    assert (len(field.stories), field.moved) == (1, 0)


def test_where_github_goes_no_further_back_the_report_starts_there(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    for _ in range(100):
        do(standin, 1, "+bug action", "-bug alice")
    events = GitHub(TOKEN, standin.url).repository_events(REPO)
    told = [next(events)]
    standin.fail(Answer(422, {"message": "pagination is limited for this resource"}))
    told_and_rest = (event for part in (told, events) for event in part)
    field = read_stories(told_and_rest, Cast(ACTION), SINCE)
    assert field.events == 100
    assert field.reached == datetime.fromtimestamp(standin.clock - 99, UTC)
    assert field.cut_short == "GitHub shows no older ones"


LIMIT = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [(Answer(502, b"<html>"), "502"), (Answer(403, {"message": "API rate limit exceeded"}, LIMIT), "rate limit")],
)
def test_where_a_later_page_fails_what_was_read_by_then_is_reported(
    standin: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: Answer, why: str
) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    for _ in range(100):
        do(standin, 1, "+bug action", "-bug alice")
    monkeypatch.setenv("GITHUB_API_URL", standin.url)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setitem(GitHub.__init__.__kwdefaults__, "budget_seconds", 0.1)
    real = standin.answer

    def but_the_second_page(request: Request, raw: bytes) -> Answer:
        return answer if "page=2" in request.target else real(request, raw)

    monkeypatch.setattr(standin, "answer", but_the_second_page)
    assert main(["live", REPO, "--since", "2026-10-01", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["events"] == 100
    assert why in figures["cut_short"]
    assert figures["since"] == datetime.fromtimestamp(standin.clock - 99, UTC).isoformat()
    assert main(["live", REPO, "--since", "2026-10-01", "--markdown", "-"]) == 0
    report = capsys.readouterr().out
    assert why in report
    assert "nothing older is counted" in report


def test_a_very_busy_repository_is_read_to_a_bound_and_no_further(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeler.verdicts.stories.MOST_EVENTS", 3)
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action", "-bug alice", "+bug alice", "+docs alice")
    field = read(standin)
    assert (field.events, field.reached) == (3, datetime.fromtimestamp(standin.clock - 2, UTC))


def test_a_refusal_of_the_first_page_is_an_error(standin: StandIn) -> None:
    standin.fail(Answer(422, {"message": "no"}))
    with pytest.raises(Invalid):
        read(standin)


def test_labels_count_once_people_had_time_to_correct_them(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug action")
    standin.clock = int(NOW.timestamp()) - 2 * DAY
    standin.add_issue(REPO, 2, "It crashes too")
    do(standin, 2, "+bug action", "-bug alice")
    found = surveyed(standin)
    assert (found.all_issues.kept, found.all_issues.removed) == (1, 0)
    assert len(found.judged) - len(found.settled) == 1


def test_issues_older_than_the_window_count_only_where_the_action_labelled_them_in_it(standin: StandIn) -> None:
    standin.clock -= 90 * DAY
    standin.add_issue(REPO, 1, "Old")
    standin.add_issue(REPO, 2, "Old, edited")
    standin.clock += 95 * DAY
    do(standin, 1, "+bug alice")
    do(standin, 2, "+bug action")
    assert [one.story.number for one in judge(read(standin).stories, LABELS, window())] == [2]


def test_without_a_list_the_labels_are_those_that_the_action_set(standin: StandIn) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+question action", "+Area: UI action", "+one, two action", "+triage action", "+wontfix alice")
    standin.add_issue(REPO, 2, "It crashes")
    do(standin, 2, "+area: ui action")
    assert applied_labels(read(standin), "Triage").names == ("area: ui", "question")


def populate(standin: StandIn, issues: int) -> None:
    """`issues` issues of five events each, of which people corrected a fifth."""
    for number in range(1, issues + 1):
        standin.add_issue(REPO, number, f"Issue {number}", "It crashes when I save a file.")
        do(standin, number, 30, "+bug action", "+question action", "subscribed alice", HOUR // 2)
        do(standin, number, *(["-bug alice", "+docs alice"] if number % 5 == 0 else ["closed alice", "renamed alice"]))


def test_five_thousand_events_are_read_with_a_request_a_page(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.clock = int(time.time()) - 40 * DAY
    populate(standin, 1000)
    started = time.process_time()  # the server's share included
    found = command(standin, monkeypatch, capsys, "--out", str(tmp_path))
    assert time.process_time() - started < 20
    assert len(standin.requests) == 50
    assert found["events"] == 5000
    by_name = {one["name"]: one for one in found["labels"]}
    assert (by_name["bug"]["kept"], by_name["bug"]["removed"]) == (800, 200)
    assert (by_name["question"]["kept"], by_name["question"]["removed"]) == (1000, 0)
    assert len(list(open_dataset(tmp_path / "corrections.csv").rows())) == 200


def command(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> dict[str, Any]:
    """`eval live` on the stand-in's repository, since long ago; the JSON it prints."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", standin.url)
    assert main(["live", REPO, "--since", "2020-01-01", "--json", *options]) == 0
    figures = json.loads(capsys.readouterr().out, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert isinstance(figures, dict)
    return figures


def test_agreement_is_given_over_all_issues_and_over_those_that_a_person_dealt_with(standin: StandIn) -> None:
    for number, deeds in enumerate(([], [], ["closed alice"], ["-bug alice", "+docs alice"]), 1):
        standin.add_issue(REPO, number, "It crashes")
        do(standin, number, "+bug action", HOUR, *deeds)
    found = surveyed(standin)
    assert found.all_issues.right == wilson(3, 4)
    assert found.handled.right == wilson(1, 2)
    assert found.all_issues.found == wilson(3, 4)
    assert found.labels == (Agreement("bug", 3, 1, 0, 0), Agreement("docs", 0, 0, 1, 0), Agreement("question"))


def test_weeks_begin_on_monday_and_add_up(standin: StandIn) -> None:
    for number in range(1, 21):
        standin.add_issue(REPO, number, "It crashes")
        do(standin, number, "+bug action", HOUR, *(["-bug alice"] if number % 4 == 0 else []), DAY)
    found = surveyed(standin)
    assert len(found.weeks) == 4
    assert all(datetime.fromisoformat(week.name).weekday() == 0 for week in found.weeks)
    assert sum(week.kept for week in found.weeks) == found.all_issues.kept
    assert sum(week.removed for week in found.weeks) == found.all_issues.removed


def test_corrections_hold_what_people_decided_and_leave_open_what_nobody_touched(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    standin.clock = int(time.time()) - 30 * DAY
    standin.add_issue(REPO, 1, "Untouched")
    do(standin, 1, "+bug action", "closed alice")
    standin.add_issue(REPO, 2, "Replaced", 'the "manual",\nline two')
    do(standin, 2, "+bug action", HOUR, "-bug alice", "+docs alice")
    standin.add_issue(REPO, 3, "Completed")
    do(standin, 3, "+bug action", HOUR, "+docs alice")
    labels = tmp_path / "mine.yml"
    labels.write_text("- bug\n- docs\n- question\n", encoding="utf-8")
    command(standin, monkeypatch, capsys, "--out", str(tmp_path / "field"), "--labels", str(labels))
    dataset = open_dataset(tmp_path / "field" / "corrections.csv")
    rows = {row.number: row for row in dataset.rows()}
    assert {number: row.labels for number, row in rows.items()} == {2: ("docs",), 3: ("docs",)}
    assert dataset.space(rows[2]) == ("bug", "docs", "question")
    assert dataset.space(rows[3]) == ("docs", "question")
    assert rows[2].body == 'the "manual",\nline two'
    assert {(row.annotator, row.split, row.repo) for row in rows.values()} == {("human", "train", REPO)}
    assert "line two" not in (tmp_path / "field" / "live.json").read_text(encoding="utf-8")


deed = st.tuples(st.sampled_from(["bug", "docs"]), st.booleans(), st.sampled_from(["action", "person", "other"]))


@given(st.lists(deed, max_size=8), st.sets(st.sampled_from(["bug", "docs"])))
def test_no_label_of_the_action_ever_becomes_truth_to_train_on(
    deeds: list[tuple[str, bool, Any]], on_now: set[str]
) -> None:
    at = NOW - timedelta(days=20)
    changes = tuple(Change(name, on, who, at + timedelta(hours=i)) for i, (name, on, who) in enumerate(deeds, 1))
    story = Story(Issue("t", number=1, labels=tuple(on_now)), at, changes, handled=None)
    judged = judge([story], LABELS, window())
    rows, sources = correction_rows(judged, LABELS, REPO)
    for row in rows:
        for name in LABELS.names:
            by_people = [change for change in changes if change.name == name and change.who == "person"]
            told = name in sources[row.source]
            if name in row.labels:
                assert told
                assert by_people[-1].on
            elif told and any(c.name == name and c.on and c.who == "action" for c in changes):
                assert not by_people[-1].on


def a_judged(number: int, verdicts: Sequence[Verdict], handled: bool = True, settled: bool = True) -> Judged:
    at = NOW - timedelta(days=20) + timedelta(minutes=number)
    return Judged(Story(Issue("t", number=number), at, (), None), tuple(verdicts), at, settled, handled)


def test_thresholds_are_fitted_where_a_person_dealt_with_the_issue_and_nowhere_else() -> None:
    kept, removed, absent = Verdict.KEPT, Verdict.REMOVED, Verdict.ABSENT
    # In a person's sight the label holds from 0.6 on; the rest would say the contrary.
    sighted = [a_judged(i, [kept if i >= 60 else removed, absent]) for i in range(100)]
    unseen = [a_judged(i, [kept, absent], handled=False) for i in range(100)]
    fresh = [a_judged(i, [kept, absent], settled=False) for i in range(100)]
    judged = [*sighted, *unseen, *fresh]
    probabilities = np.zeros((300, 2))
    probabilities[:100, 0] = np.arange(100) / 100
    first, second = suggest_thresholds(judged, LABELS.only(["bug", "docs"]), probabilities, {"bug": 0.3})
    assert first.suggested == pytest.approx(0.595)
    assert (first.current, first.positives, first.n) == (0.3, 40, 100)
    assert (second.suggested, second.positives) == (None, 0)


def test_a_change_of_labels_over_time_is_told_from_chance() -> None:
    kept, absent = Verdict.KEPT, Verdict.ABSENT
    one, two = (kept, absent, absent), (absent, kept, absent)
    steady = share_drift([a_judged(i, one if i % 2 else two) for i in range(200)], LABELS)
    moved = share_drift([a_judged(i, one if i % 4 or i < 100 else two) for i in range(200)], LABELS)
    assert steady is not None
    assert steady.divergence < 1e-9
    assert steady.p > 0.9
    assert not any(label.is_clear for label in steady.labels)
    assert moved is not None
    assert moved.p < 0.01
    assert {label.name: round(label.difference, 2) for label in moved.labels} == {"bug": -0.25, "docs": 0.25}
    assert all(label.is_clear for label in moved.labels)


def test_opposite_halves_are_one_bit_apart_and_few_issues_say_nothing() -> None:
    halves = [a_judged(i, (Verdict.KEPT, Verdict.ABSENT)[:: 1 if i < 20 else -1]) for i in range(40)]
    drift = share_drift(halves, LABELS.only(["bug", "docs"]))
    assert drift is not None
    assert drift.divergence == pytest.approx(1.0)
    assert share_drift(halves[:10], LABELS.only(["bug", "docs"])) is None
    assert confidence_drift(np.full((10, 2), 0.5)) is None


def test_the_interval_of_a_difference_is_that_of_newcombe() -> None:
    # Newcombe 1998, table II, (a): 56/70 - 48/80, method 10.
    low, high = difference_ends(wilson(48, 80), wilson(56, 70))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_a_model_that_grew_unsure_shows() -> None:
    rng = np.random.default_rng(0)
    sure = np.concatenate([rng.uniform(0.8, 1.0, 60), rng.uniform(0.5, 0.9, 60)])
    drift = confidence_drift(np.stack([sure, 1 - sure], axis=1))
    assert drift is not None
    assert drift.high < 0
    assert drift.low < -0.2 < drift.high


def test_a_model_adds_its_sureness_and_thresholds(
    standin: StandIn, taught: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path))
    standin.clock = int(time.time()) - 40 * DAY
    populate(standin, 40)
    found = command(standin, monkeypatch, capsys, "--model", str(taught))
    assert found["confidence"]["n"] == 40
    assert 0 < found["confidence"]["before"] < 1
    suggested = {one["name"]: one["suggested"] for one in found["thresholds"]}
    assert 0 < suggested["question"] < 1
    assert suggested["security"] is None
    assert found["model"].startswith("taught")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--since", "last week"], 2, "--since last week: no date"),
        (["--since", "2999-01-01"], 2, "is not before"),
        (["--since", "2026-10-01", "--until", "2026-09-01"], 2, "is not before"),
        (["--since", "2026-10-01", "--json", "--markdown", "-"], 2, "both want stdout"),
        (["--since", "2026-10-01", "--settle", "-1"], 2, "number of days"),
        (["--since", "2026-10-01", "--labels", "nowhere.yml"], 1, "nowhere.yml"),
        (["--since", "2026-10-01", "--markdown", "nowhere/report.md"], 1, "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", standin.url)
    assert main(["live", REPO, *options]) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.splitlines()) > 1


def test_a_repository_that_is_not_there_is_named(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", standin.url)
    assert main(["live", "octo/nowhere", "--since", "2026-10-01"]) == 1
    assert "/repos/octo/nowhere/issues/events" in capsys.readouterr().err


def test_a_wrong_login_is_met_with_the_logins_that_set_labels(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    standin.add_issue(REPO, 1, "It crashes")
    do(standin, 1, "+bug my-labeler[bot]", "+docs ghost")
    found = command(standin, monkeypatch, capsys, "--out", str(tmp_path))
    said = "github-actions[bot] set no label. Set labels: my-labeler[bot] (1), deleted accounts (1)."
    assert any(note.startswith(said) for note in found["notes"])
    assert not (tmp_path / "corrections.csv").exists()


def test_hostile_label_names_stand_in_the_reports_as_text(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.clock = int(time.time()) - 30 * DAY
    names = ("<img src=x>", "@octocat |#7", "\x1b[31mred", "::set-output::")
    for number, name in enumerate(names, 1):
        standin.add_issue(REPO, number, "It crashes")
        standin.set_label(REPO, number, name, by=ACTION)
        do(standin, number, HOUR, "+bug alice")
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", standin.url)
    assert main(["live", REPO, "--since", "2020-01-01", "--markdown", "-"]) == 0
    written = capsys.readouterr().out
    assert not any(bad in written for bad in ("<img", "@octocat", "#7", "\x1b", "::set-output::"))
    assert all(line.count("|") == 7 for line in written.splitlines() if "octocat" in line)
    assert main(["live", REPO, "--since", "2020-01-01"]) == 0
    shown = capsys.readouterr().out
    assert not any(bad in shown for bad in ("\x1b", "::set-output::"))


@pytest.mark.skipif(sys.platform != "linux", reason="the example is for ubuntu's date")
def test_the_weekly_example_writes_summary_report_and_corrections(
    standin: StandIn, taught: Path, tmp_path: Path
) -> None:
    standin.clock = int(time.time()) - 30 * DAY
    populate(standin, 10)
    workflow = yaml.safe_load((ROOT / "examples" / "weekly.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in workflow["jobs"]["report"]["steps"] if "eval live" in step.get("run", "")]
    assert "--model starter " in step["run"]
    script = step["run"].replace("--model starter ", f"--model {taught} ")  # a small one: the starter takes longer
    here = tmp_path / step["working-directory"]
    for folder in ("eval", "labeler", "training"):
        here.mkdir(exist_ok=True)
        (here / folder).symlink_to(ROOT / folder)
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "labels.yml").write_text("- bug\n- docs\n", encoding="utf-8")
    (tmp_path / "venv").symlink_to(sys.prefix)
    environ = {
        "PATH": os.environ["PATH"],
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_REPOSITORY": REPO,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_API_URL": standin.url,
        "LABELER_CACHE": str(tmp_path / "cache"),
        **{name: value.replace("${{ github.token }}", TOKEN) for name, value in step["env"].items()},
    }
    ran = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script], cwd=here, env=environ, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "Of 10 labels that the action set, people kept 8" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert written == {"corrections.csv", "labels.yml", "sources.yml", "live.json", "report.md"}
