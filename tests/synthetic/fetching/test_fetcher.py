from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import InputError, UsageError
from labeler.github.client import GitHub
from labeler.github.history import LabelEvent
from labeler.github.refusals import Gone, RateLimited, Unavailable
from synthetic.cli import main
from synthetic.fetching.fetcher import Fetched, Wanted, fetch, read_state
from synthetic.fetching.issues import Totals
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import FETCH, ISSUES, Record, from_line
from tests.standins.github import TOKEN, Answer, Request, serving
from tests.standins.github import GitHub as StandIn

ROOT = Path(__file__).parents[3]
REPO = "octo/hello"
PULL = {"url": "u", "html_url": "h", "diff_url": "d", "patch_url": "p"}
LIST = f"GET /repos/{REPO}/issues"


class Busy(StandIn):
    """A GitHub on which `meanwhile` happens after each page of issues; it is told how many there were."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0
        self.meanwhile: Callable[[int], object] = lambda page: None

    def answer(self, request: Request, raw: bytes) -> Answer:
        answer = super().answer(request, raw)
        if f"{request.method} {request.path}" == LIST:
            self.pages += 1
            self.meanwhile(self.pages)
        return answer

    def touch(self, number: int) -> None:
        """Somebody comments on an issue."""
        self.act(REPO, number, "assigned", by="octocat")


def add_issues(github: StandIn, count: int, first: int = 1, **more: Any) -> None:
    for number in range(first, first + count):
        state = "closed" if number % 3 == 0 else "open"
        github.add_issue(REPO, number, f"It crashes #{number}", f"Steps of {number}:\r\n1. ü", state=state, **more)


@pytest.fixture
def standin() -> Iterator[Busy]:
    with serving(Busy()) as github:
        assert isinstance(github, Busy)
        github.add_repository(REPO)
        yield github


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 1_795_000_000.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def get(standin: StandIn, folder: Path, time: Time | None = None, token: str = TOKEN, **more: Any) -> Fetched:
    time, wanted = time or Time(), Wanted(REPO, standin.url, **more)
    github = GitHub(token, standin.url, sleep=time.sleep, clock=lambda: time.now, jitter=lambda: 0.5)
    return fetch(github, wanted, folder, tell=lambda text: None, sleep=time.sleep, clock=lambda: time.now)


def records(folder: Path) -> list[Record]:
    return [from_line(Record, line) for line in read_lines(folder / ISSUES)]


def versions(folder: Path) -> dict[int, str]:
    found = {record.number: record.updated_at for record in records(folder)}
    assert len(found) == len(records(folder)), "an issue is there twice"
    return found


def true_versions(standin: StandIn) -> dict[int, str]:
    issues = standin.repositories[REPO].issues
    return {n: one.document["updated_at"] for n, one in issues.items() if "pull_request" not in one.document}


def test_every_issue_open_and_closed_is_fetched_once_in_the_order_of_numbers(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 250)
    standin.set_label(REPO, 7, "bug", by="octocat")
    fetched = get(standin, tmp_path)
    assert fetched == Fetched(REPO, 250, 0, True, Totals(open=167, closed=83))
    found = records(tmp_path)
    assert [record.number for record in found] == list(range(1, 251))
    document = standin.repositories[REPO].issues[7].document
    assert found[6] == Record(
        REPO, 7, "It crashes #7", "Steps of 7:\r\n1. ü", ("bug",), "reporter", "user", "open", False,
        document["created_at"], document["updated_at"], "",
    )  # fmt: skip
    assert found[6].changes is None


def test_a_thousand_issues_cost_little_more_than_a_request_a_hundred(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 1000)
    standin.deepest = 300  # page numbers beyond are refused, as GitHub does beyond 10,000 issues
    get(standin, tmp_path)
    assert versions(tmp_path) == true_versions(standin)
    assert standin.pages <= 11
    assert len(standin.requests) == standin.pages + 1  # and the repository itself


def test_an_unchanged_repository_costs_nothing_of_the_rate_limit(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 130)
    get(standin, tmp_path)
    before = (tmp_path / ISSUES).read_bytes()
    for _ in range(2):
        standin.charged = standin.pages = 0
        assert get(standin, tmp_path).new == 0
        assert (standin.charged, standin.pages) == (0, 1)
    assert (tmp_path / ISSUES).read_bytes() == before


def test_a_later_run_fetches_what_is_new_or_has_changed(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 250)
    get(standin, tmp_path)
    standin.set_label(REPO, 3, "bug", by="octocat")
    add_issues(standin, 2, first=251)
    standin.pages = 0
    fetched = get(standin, tmp_path)
    assert (fetched.new, fetched.changed, standin.pages) == (2, 1, 1)
    assert versions(tmp_path) == true_versions(standin)
    assert records(tmp_path)[2].labels == ("bug",)


def test_an_issue_after_a_full_last_page_is_found(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 100)
    get(standin, tmp_path)
    add_issues(standin, 1, first=101)
    assert get(standin, tmp_path).new == 1


def test_issues_that_change_while_the_list_is_read_are_not_lost_and_hide_no_others(
    standin: Busy, tmp_path: Path
) -> None:
    add_issues(standin, 450)
    chance = random.Random(4)
    standin.meanwhile = lambda page: page < 5 and [standin.touch(chance.randint(1, 450)) for _ in range(25)]
    get(standin, tmp_path)
    assert versions(tmp_path) == true_versions(standin)


def test_more_issues_of_one_second_than_fit_on_a_page_are_all_found_though_some_change_meanwhile(
    standin: Busy, tmp_path: Path
) -> None:
    add_issues(standin, 20)
    standin.clock += 60
    add_issues(standin, 380, first=21, updated_at="2026-09-21T15:00:00Z")  # an import
    standin.clock += 3600
    leaves = {2: 30, 3: 40, 5: 50}  # after page -> issue that somebody touches
    standin.meanwhile = lambda page: page in leaves and standin.touch(leaves[page])
    get(standin, tmp_path)
    assert versions(tmp_path) == true_versions(standin)


def test_an_empty_repository_gives_an_empty_file_and_later_its_first_issue(standin: Busy, tmp_path: Path) -> None:
    assert get(standin, tmp_path).totals == Totals()
    add_issues(standin, 1)
    assert get(standin, tmp_path).new == 1


def test_pull_requests_come_on_request_also_when_an_earlier_run_left_them_out(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 120)
    add_issues(standin, 5, first=121, pull_request=PULL)
    assert get(standin, tmp_path).new == 120
    fetched = get(standin, tmp_path, pull_requests=True)
    assert (fetched.new, fetched.changed, fetched.totals.pull_requests) == (5, 0, 5)
    add_issues(standin, 1, first=126, pull_request=PULL)
    assert get(standin, tmp_path).totals.pull_requests == 6  # once asked for, kept to


def test_label_changes_tell_who_did_what(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 3)
    standin.set_label(REPO, 2, "bug", by="triage[bot]")
    standin.take_label(REPO, 2, "bug", by="octocat")
    get(standin, tmp_path, events=True)
    times = [event["created_at"] for event in standin.repositories[REPO].issues[2].events]
    assert [record.changes for record in records(tmp_path)] == [
        (),
        (
            LabelEvent("bug", "labeled", "triage[bot]", "bot", times[0]),
            LabelEvent("bug", "unlabeled", "octocat", "user", times[1]),
        ),
        (),
    ]


def test_label_changes_are_added_to_issues_that_were_fetched_without(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 3)
    get(standin, tmp_path)
    assert get(standin, tmp_path, events=True).changed == 3
    standin.requests.clear()
    standin.set_label(REPO, 1, "bug", by="octocat")
    assert get(standin, tmp_path).changed == 1
    assert [record.changes is None for record in records(tmp_path)] == [False] * 3
    assert len(standin.requests) == 2  # the list, and the events of the one that changed


def test_a_limit_ends_a_run_and_the_next_goes_on(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 230)
    runs = [get(standin, tmp_path, limit=90) for _ in range(3)]
    assert [(run.new, run.complete) for run in runs] == [(90, False), (90, False), (50, True)]
    assert versions(tmp_path) == true_versions(standin)


def test_since_leaves_out_what_is_older_until_an_earlier_date_is_asked_for(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 2, updated_at="2025-01-01T00:00:00Z")
    add_issues(standin, 2, first=3, updated_at="2025-06-01T00:00:00Z")
    add_issues(standin, 2, first=5, updated_at="2026-01-01T00:00:00Z")
    held = []
    for date in ("2025-12-01", "2026-02-01", "2025-05-01", "", "2024-01-01"):
        get(standin, tmp_path, since=date and f"{date}T00:00:00Z")
        held.append(len(records(tmp_path)))
    assert held == [2, 2, 4, 4, 6]


def test_issues_are_fetched_again_where_their_file_is_gone(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 3)
    get(standin, tmp_path)
    (tmp_path / ISSUES).unlink()
    assert get(standin, tmp_path).new == 3


def test_a_deleted_state_reads_the_list_again_and_writes_only_what_differs(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 3)
    standin.set_label(REPO, 1, "bug", by="octocat")
    get(standin, tmp_path)
    standin.repositories[REPO].issues[1].document["labels"][0]["name"] = "defect"  # renaming touches no issue
    (tmp_path / FETCH).unlink()
    fetched = get(standin, tmp_path)
    assert (fetched.new, fetched.changed) == (0, 1)
    assert records(tmp_path)[0].labels == ("defect",)


def used_up(times: int) -> tuple[Answer, Answer]:
    """What GitHub says when the limit is used up for 40 minutes more, and what it says of the limit itself."""
    reset = 1_795_002_400
    refused = Answer(403, {"message": "API rate limit exceeded"}, {
        "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset),
    })  # fmt: skip
    core = {"limit": 5000, "remaining": 0, "reset": reset, "used": 5000}
    return refused, Answer(200, {"resources": {"core": core}, "rate": core})


def test_a_used_up_limit_is_waited_out(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 120)
    refused, limit = used_up(1)
    standin.fail(limit, "GET /rate_limit")
    standin.meanwhile = lambda page: page == 1 and standin.fail(refused, LIST)
    time = Time()
    get(standin, tmp_path, time)
    assert time.slept == [2401]
    assert versions(tmp_path) == true_versions(standin)


def test_without_waiting_a_used_up_limit_ends_the_run_and_keeps_what_there_is(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 120)
    standin.meanwhile = lambda page: page == 1 and standin.fail(used_up(1)[0], LIST)
    with pytest.raises(RateLimited):
        get(standin, tmp_path, waits=False)
    assert len(versions(tmp_path)) == 100
    assert get(standin, tmp_path).new == 20


def test_a_github_that_stops_answering_ends_the_run_and_keeps_what_there_is(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 120)
    standin.meanwhile = lambda page: page == 1 and standin.fail(Answer(502, b"<html>"), LIST, times=9)
    with pytest.raises(Unavailable, match="Gave up"):
        get(standin, tmp_path)
    state = read_state(tmp_path)
    assert state is not None
    assert not state.complete
    standin.faults.clear()
    assert get(standin, tmp_path).new == 20


def test_a_list_that_is_refused_from_the_start_is_githubs_error(standin: Busy, tmp_path: Path) -> None:
    standin.fail(Answer(410, {"message": "Issues are disabled for this repo"}), LIST)
    with pytest.raises(Gone, match="Issues are disabled"):
        get(standin, tmp_path)


def test_a_folder_keeps_to_its_repository(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 1)
    get(standin, tmp_path)
    standin.add_repository("octo/other")
    github = GitHub(TOKEN, standin.url)
    with pytest.raises(UsageError, match="holds octo/hello"):
        fetch(github, Wanted("octo/other", standin.url), tmp_path)
    assert get(standin, tmp_path).new == 0


@pytest.mark.parametrize(
    "text", ["", "{", '{"repository": "a/b"}', "[]", '{"repository": "a/b", "api_url": "", "x": 1}']
)
def test_a_damaged_state_is_named_with_what_to_do(standin: Busy, tmp_path: Path, text: str) -> None:
    (tmp_path / FETCH).write_text(text)
    with pytest.raises(InputError, match=r"fetch\.json.*\n?.*Delete"):
        get(standin, tmp_path)


# The command, and then its own peak memory: what the kernel says of a child begins with its parent's.
MEASURED = (
    "from eval.speed.cold import peak_megabytes; from synthetic.cli import main; "
    "code = main(); print(peak_megabytes()); raise SystemExit(code)"
)


def command(
    standin: StandIn,
    *more: str,
    folder: Path,
    token: str = TOKEN,
    stderr: int = subprocess.PIPE,
    program: tuple[str, str] = ("-m", "synthetic"),
) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("GITHUB_TOKEN", "GH_TOKEN")}
    return subprocess.Popen(
        [sys.executable, *program, "fetch", REPO, "--out", str(folder), "--api-url", standin.url, *more],
        cwd=ROOT,
        env=environment | ({"GITHUB_TOKEN": token} if token else {}),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def test_a_run_killed_at_any_moment_loses_and_doubles_nothing(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 900)
    chance, kills, number = random.Random(11), 0, 900
    for _ in range(12):
        run, pages = command(standin, folder=tmp_path), chance.randint(1, 2)
        delay, reached = chance.random() * 0.02, threading.Event()
        standin.pages = 0
        standin.meanwhile = lambda page, pages=pages, reached=reached: page >= pages and reached.set()  # type: ignore[misc]
        reached.wait(20)
        try:
            run.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.communicate()
            kills += 1
        if (tmp_path / FETCH).exists():
            json.loads((tmp_path / FETCH).read_text())
        number += 1
        add_issues(standin, 1, first=number)
        standin.touch(chance.randint(1, number))
    assert kills >= 10
    standin.meanwhile = lambda page: None
    last = command(standin, folder=tmp_path)
    out, complaint = last.communicate()
    assert (last.returncode, complaint) == (0, "")
    assert "new" in out
    assert versions(tmp_path) == true_versions(standin)
    assert [record.number for record in records(tmp_path)] == list(range(1, number + 1))
    assert sorted(one.name for one in tmp_path.iterdir()) == [FETCH, ISSUES]
    for record in records(tmp_path):
        assert record.title == f"It crashes #{record.number}"


def test_a_run_is_small_and_quick_and_tells_what_it_made_without_the_token(standin: Busy, tmp_path: Path) -> None:
    for number in range(1, 1001):
        standin.add_issue(REPO, number, "It crashes", "When I press the button, nothing happens. " * 40)
    run = command(standin, folder=tmp_path, program=("-c", MEASURED))
    out, complaint = run.stdout.read(), run.stderr.read()  # type: ignore[union-attr]
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    assert (run.returncode, complaint) == (0, "")
    assert "issues.jsonl: 1,000 open, 0 closed; 1,000 new, 0 changed" in out
    assert used.ru_utime + used.ru_stime < 3.0  # 10,000 issues in 30 s
    assert float(out.splitlines()[-1]) < 120
    for file in tmp_path.iterdir():
        assert TOKEN not in file.read_text()


@pytest.mark.parametrize("told", [True, False])
def test_on_a_terminal_a_bar_counts_towards_the_last_page_or_the_newest_number(
    standin: Busy, tmp_path: Path, told: bool
) -> None:
    add_issues(standin, 250)
    ours, theirs = pty.openpty()
    run = command(standin, folder=tmp_path, stderr=theirs)
    if not told:
        page = Answer(200, first_page(standin), {"Link": f'<{standin.url}/repos/{REPO}/issues?page=2>; rel="next"'})
        standin.fail(page, LIST)
    run.communicate()
    os.close(theirs)
    with open(ours, "rb") as terminal:
        shown = terminal.read1(1_000_000).decode()
    assert f"fetching {REPO}" in shown
    assert ("/300" if told else "/250") in shown
    assert versions(tmp_path) == true_versions(standin)


def first_page(standin: StandIn) -> list[Any]:
    return [issue.document for issue in list(standin.repositories[REPO].issues.values())[:100]]


def run_here(standin: StandIn, monkeypatch: pytest.MonkeyPatch, folder: Path, *more: str, token: str = "") -> int:
    monkeypatch.setenv("GITHUB_TOKEN", token)
    monkeypatch.delenv("GH_TOKEN", raising=False)
    return main(["fetch", REPO, "--out", str(folder), "--api-url", standin.url, *more])


def test_without_a_token_a_public_repository_is_fetched_and_told_what_a_token_changes(
    standin: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.public = True
    add_issues(standin, 2)
    assert run_here(standin, monkeypatch, tmp_path) == 0
    said = capsys.readouterr()
    assert "A token raises 60 requests an hour to 5,000" in said.err
    assert "1 open, 0 closed" not in said.out
    assert all("Authorization" not in request.headers for request in standin.requests)


def test_without_a_token_a_used_up_limit_ends_with_the_advice_to_set_one(
    standin: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.public = True
    add_issues(standin, 120)
    far = Answer(403, {"message": "API rate limit exceeded"}, {
        "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4000000000",
    })  # fmt: skip
    standin.meanwhile = lambda page: page == 1 and standin.fail(far, LIST)
    assert run_here(standin, monkeypatch, tmp_path) == 1
    assert capsys.readouterr().err.endswith(
        "set GITHUB_TOKEN, for instance to $(gh auth token).\n"
        "What was fetched is kept; the same command goes on from there.\n"
    )
    assert len(versions(tmp_path)) == 100


def test_the_token_is_in_no_error(
    standin: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.fail(Answer(401, {"message": f"Bad credentials {TOKEN}"}))
    assert run_here(standin, monkeypatch, tmp_path, token=TOKEN) == 1
    said = capsys.readouterr()
    assert "Bad credentials ***" in said.err
    assert TOKEN not in said.err + said.out


class Enterprise(StandIn):
    """A GitHub whose API lies under a path."""

    def answer(self, request: Request, raw: bytes) -> Answer:
        assert request.target.startswith("/api/v3/")
        answer = super().answer(replace(request, target=request.target.removeprefix("/api/v3")), raw)
        links = answer.headers.get("Link", "").replace(f"<{self.url}/", f"<{self.url}/api/v3/")
        return replace(answer, headers=answer.headers | {"Link": links})


def test_a_github_enterprise_is_read_at_its_own_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Enterprise()) as github:
        github.add_repository(REPO)
        add_issues(github, 150, updated_at="2026-09-21T15:00:00Z")
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        url = github.url + "/api/v3/"
        assert main(["fetch", f"https://github.example.com/{REPO}", "--out", str(tmp_path), "--api-url", url]) == 0
    assert len(versions(tmp_path)) == 150


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no repository"),
        (["octo"], "does not name a repository"),
        (["octo/hello", "--repo", "octo/hello"], "--repo goes with --from"),
        (["octo/hello", "--since", "yesterday"], "--since yesterday"),
        (["octo/hello", "--api-url", "github.example.com"], "--api-url"),
        (["octo/hello", "--limit", "0"], "--limit"),
        (["octo/hello", "--from", "x.csv"], "--from reads a file"),
        (["--from", "x.csv", "--since", "2024-01-01"], "since is for GitHub"),
    ],
)
def test_wrong_usage_is_refused(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert complaint in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["fetch", REPO, "--out", str(tmp_path / "file" / "deeper")]) == 1
    assert "Check the path of the working folder" in capsys.readouterr().err


@pytest.mark.parametrize("status", [404, 410, 502])
def test_one_issue_without_events_does_not_stop_the_others_and_is_asked_again(
    standin: Busy, tmp_path: Path, status: int
) -> None:
    add_issues(standin, 4)
    standin.set_label(REPO, 2, "bug", by="octocat")
    standin.fail(Answer(status, {"message": "no"}), "/issues/2/events", times=99)
    fetched = get(standin, tmp_path, events=True)
    assert (fetched.new, fetched.complete, fetched.without_events) == (4, True, (2,))
    assert {one.number: one.changes is None for one in records(tmp_path)} == {1: False, 2: True, 3: False, 4: False}
    assert json.loads((tmp_path / FETCH).read_text())["without_events"] == [2]
    standin.faults.clear()
    assert get(standin, tmp_path, events=True).without_events == ()
    assert [one.changes for one in records(tmp_path) if one.number == 2] == [
        (LabelEvent("bug", "labeled", "octocat", "user", true_versions(standin)[2]),)
    ]


def test_a_github_that_fails_at_every_issue_ends_the_run(standin: Busy, tmp_path: Path) -> None:
    add_issues(standin, 30)
    standin.fail(Answer(502, {"message": "no"}), "/events", times=9999)
    with pytest.raises(Unavailable):
        get(standin, tmp_path, events=True)
    standin.faults.clear()
    assert get(standin, tmp_path, events=True).without_events == ()
    assert all(one.changes is not None for one in records(tmp_path))
