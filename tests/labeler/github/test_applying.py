from __future__ import annotations

import html
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from labeler.config import Settings
from labeler.decision.abstain import Judgement, Reason
from labeler.decision.decide import Policy
from labeler.errors import BundleError
from labeler.github.applying import apply_issue, run_action
from labeler.github.client import GitHub
from labeler.github.graphql import GraphQL
from labeler.labels.form_rules import Rule
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from tests.standins.github import ACTION, TOKEN, Answer, serving
from tests.standins.github import GitHub as StandIn
from tests.standins.runner import command, key_values

REPO = "octo/hello"


LABELS = LabelSet(tuple(map(Label, ("bug", "documentation", "security"))))


@dataclass(frozen=True)
class Prediction:
    probabilities: Mapping[str, float]
    seconds: float = 0.1
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Card:
    name: str = "fake"
    version: str = "1"


@dataclass
class Labeler:
    """Gives every issue the same probabilities, and remembers what it was shown."""

    probabilities: Mapping[str, float]
    labels: LabelSet = LABELS
    thresholds: Mapping[str, float] = field(default_factory=dict)
    card: Card = Card()
    judgement: Judgement | None = None
    seen: list[Issue] = field(default_factory=list)
    strangers: Mapping[str, str] = field(default_factory=dict)
    ready_for: list[tuple[str, ...]] = field(default_factory=list)

    def showing(self, labels: LabelSet) -> Labeler:
        return replace(self, labels=labels)  # one list of what was seen

    def make_ready(self) -> None:
        self.ready_for.append(self.labels.names)

    def predict(self, issue: Issue) -> Prediction:
        self.seen.append(issue)
        known = {name: p for name, p in self.probabilities.items() if self.labels.find(name)}
        return Prediction(known, judgement=self.judgement)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as github:
        github.add_repository(REPO, ("bug", "documentation", "security", "needs-triage"))
        github.add_issue(REPO, 1, "It crashes", "Always")
        yield github


@pytest.fixture
def labeler() -> Labeler:
    return Labeler({"bug": 0.9, "documentation": 0.2, "security": 0.6})


@dataclass
class Job:
    """One run of the action's last step in this process."""

    standin: StandIn
    labeler: Labeler
    folder: Path
    log: str = ""

    def run(self, event: Mapping[str, Any] | None = None, **inputs: str) -> int:
        if event is None:
            event = {"action": "opened"}
        (self.folder / "event.json").write_text(json.dumps(self.payload(event)))
        for name in ("output", "summary"):
            (self.folder / name).write_text("")
        environ = {
            "LABELER_TOKEN": TOKEN,
            "GITHUB_API_URL": self.standin.url,
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_EVENT_NAME": "issues",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_WORKSPACE": str(self.folder),
            **{"LABELER_" + name.upper(): value for name, value in inputs.items()},
        }
        out = io.StringIO()
        code = run_action(environ, load_labeler=self.load, out=out, connect=self.connect)
        self.log = out.getvalue()
        return code

    def payload(self, event: Mapping[str, Any]) -> dict[str, Any]:
        if "issue" in event or "nothing" in event:
            return dict(event)
        document = self.standin.repositories[REPO].issues[1].document
        return {"issue": document, "repository": {"full_name": REPO}, **event}

    def load(self, settings: Settings) -> Labeler:
        return self.labeler

    def connect(self, settings: Settings, on_wait: Any) -> GraphQL:
        sleep: Any = lambda seconds: None  # noqa: E731
        return GraphQL(settings.token, settings.api_url, sleep=sleep, on_wait=on_wait, timeout_seconds=2)

    @property
    def outputs(self) -> dict[str, str]:
        return key_values((self.folder / "output").read_text(encoding="utf-8"))

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text(encoding="utf-8")

    @property
    def commands(self) -> list[str]:
        return [found[0] for line in self.log.split("\n") if (found := command(line))]


@pytest.fixture
def job(standin: StandIn, labeler: Labeler, tmp_path: Path) -> Job:
    return Job(standin, labeler, tmp_path)


def asked(standin: StandIn) -> list[str]:
    return [f"{request.method} {request.path.removeprefix('/repos/' + REPO)}" for request in standin.requests]


def test_an_opened_issue_gets_its_labels_in_three_requests(job: Job) -> None:
    assert job.run() == 0
    assert job.standin.labels_of(REPO, 1) == ["bug", "security"]
    assert asked(job.standin) == ["GET /issues/1", "GET /labels", "POST /issues/1/labels"]
    assert job.outputs["labels"] == job.outputs["applied"] == "bug,security"
    assert json.loads(job.outputs["probabilities"]) == {"bug": 0.9, "documentation": 0.2, "security": 0.6}
    assert job.commands == ["notice"]


TYPED = LabelSet(
    (
        Label("bug", family="type", rules=(Rule("Type", "Bug"),)),
        Label("documentation", family="type", rules=(Rule("Type", "Docs"),)),
        Label("security", rules=(Rule("Impact", pattern="(a+)+$"),)),
        Label("crash", rules=(Rule(title="It crashes"),)),
    )
)


def test_the_answer_of_a_form_decides_before_the_model_and_log_and_summary_say_so(job: Job) -> None:
    job.labeler.labels = TYPED
    job.standin.add_issue(REPO, 1, "It crashes", "### Type\n\nDocs\n")
    assert job.run() == 0
    assert job.standin.labels_of(REPO, 1) == ["documentation", "security"]
    assert job.outputs["labels"] == "documentation,security"
    assert "documentation is told by a rule (form answer: Type = Docs)\n" in job.log
    assert "crash is told by a rule (title begins with It crashes); the repository has no such label" in job.log
    shown = html.unescape(job.summary)
    assert "form answer: Type = Docs" in shown
    assert "a rule tells another label of family type" in shown
    assert shown.index("<code>documentation</code>") < shown.index("<code>bug</code>")


def test_a_rule_that_takes_too_long_is_a_warning_and_the_model_decides(job: Job) -> None:
    job.labeler.labels = TYPED
    job.standin.add_issue(REPO, 1, "Help", f"### Impact\n\n{'a' * 5_000}!\n")
    assert job.run() == 0
    assert job.standin.labels_of(REPO, 1) == ["bug", "security"]
    assert job.commands == ["warning", "notice"]
    assert "the rule of security (form answer: Impact matches (a+)+$) was not answered within" in job.log
    assert "the rule of security" in html.unescape(job.summary)


FORM = """
body:
  - type: dropdown
    attributes: {label: Type, options: [Bug, Docs]}
  - type: textarea
    attributes: {label: Steps, value: Please number the steps here}
"""
FILLED = "### Type\n\nDocs\n\n### Steps\n\nPlease number the steps here\n"


def test_lines_of_the_checkouts_templates_are_not_shown_to_the_model_and_the_summary_says_how_many(job: Job) -> None:
    (job.folder / ".github/ISSUE_TEMPLATE").mkdir(parents=True)
    (job.folder / ".github/ISSUE_TEMPLATE/bug.yml").write_text(FORM)
    (job.folder / ".github/ISSUE_TEMPLATE/broken.yml").write_text("body: [")
    job.standin.add_issue(REPO, 1, "Help", FILLED)
    job.run()
    assert [issue.body for issue in job.labeler.seen] == ["### Type\n\nDocs"]
    assert asked(job.standin) == ["GET /issues/1", "GET /labels", "POST /issues/1/labels"]
    assert "1 template line, 1 template heading" in html.unescape(job.summary)
    assert ".github/ISSUE_TEMPLATE/broken.yml: not valid YAML" in job.log
    job.run(issue_templates="off")
    assert job.labeler.seen[1].body == FILLED


def test_templates_are_fetched_in_one_request_where_that_is_asked_for(job: Job) -> None:
    job.standin.repositories[REPO].templates[".github/ISSUE_TEMPLATE/bug.yml"] = FORM
    job.standin.add_issue(REPO, 1, "Help", FILLED)
    job.run(issue_templates="fetch", dry_run="true")
    assert [issue.body for issue in job.labeler.seen] == ["### Type\n\nDocs"]
    assert asked(job.standin) == ["GET /issues/1", "GET /labels", "POST /graphql"]
    job.standin.fail(Answer(403, {"message": "Resource not accessible by integration"}), "/graphql")
    assert job.run(issue_templates="fetch", dry_run="true") == 0
    assert job.labeler.seen[1].body == FILLED
    assert job.commands == ["warning", "notice"]
    assert job.log.count("contents: read") == 1


def test_the_rules_of_the_list_see_what_the_model_does_not(job: Job) -> None:
    (job.folder / "ISSUE_TEMPLATE.md").write_text("Kind: a bug of some sort or other\n")
    job.labeler.labels = LabelSet((Label("security", rules=(Rule(title="x"),)), Label("bug", rules=(Rule("k", "v"),))))
    job.standin.add_issue(REPO, 1, "Help", "**k:** v\n\nKind: a bug of some sort or other")
    job.run()
    assert job.labeler.seen[0].body == "**k:** v"
    assert "form answer: k = v" in html.unescape(job.summary)


def test_the_model_reads_the_issue_as_it_stands_now(job: Job) -> None:
    payload = job.payload({"action": "opened"})
    stale = {**payload, "issue": {**payload["issue"], "title": "old title"}}
    job.run(stale)
    assert [issue.title for issue in job.labeler.seen] == ["It crashes"]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(job: Job) -> None:
    job.run(dry_run="true")
    assert job.standin.writes() == []
    assert (job.outputs["labels"], job.outputs["applied"]) == ("bug,security", "")
    assert "Would add" in job.summary


def test_a_label_that_a_person_removed_is_not_put_back(job: Job) -> None:
    job.run()
    job.standin.take_label(REPO, 1, "bug", by="octocat")
    job.run({"action": "reopened"})
    assert job.standin.labels_of(REPO, 1) == ["security"]
    assert job.outputs["applied"] == ""
    assert "a person took it off this issue" in job.summary


def test_a_run_repeated_hours_later_still_honours_what_a_person_did_since(job: Job) -> None:
    event = job.payload({"action": "opened"})
    frozen = json.loads(json.dumps(event))
    job.run(frozen)
    for name in ("bug", "security"):
        job.standin.take_label(REPO, 1, name, by="octocat")
    job.run(frozen)
    assert job.standin.labels_of(REPO, 1) == []


def test_a_label_that_the_repository_lacks_is_never_created(job: Job) -> None:
    job.standin.repositories[REPO].labels = [
        label for label in job.standin.repositories[REPO].labels if label["name"] != "security"
    ]
    job.run()
    assert job.standin.labels_of(REPO, 1) == ["bug"]
    assert [label["name"] for label in job.standin.repositories[REPO].labels] == [
        "bug",
        "documentation",
        "needs-triage",
    ]


def test_labels_on_the_issue_stay_and_count_among_those_that_fit(job: Job) -> None:
    job.standin.set_label(REPO, 1, "bug", by="octocat")
    job.run()
    assert job.standin.labels_of(REPO, 1) == ["bug", "security"]
    assert (job.outputs["labels"], job.outputs["applied"]) == ("security,bug", "security")
    assert job.standin.writes()[0].body == {"labels": ["security"]}


EDITED = {"action": "edited", "changes": {"body": {"from": "before"}}}


def test_an_edit_takes_back_only_the_actions_own_labels_and_only_where_asked(job: Job) -> None:
    job.standin.set_label(REPO, 1, "documentation", by=ACTION)
    job.run(EDITED)
    assert "documentation" in job.standin.labels_of(REPO, 1)
    job.run({"action": "reopened"}, relabel_on_edit="true")
    assert "documentation" in job.standin.labels_of(REPO, 1)
    job.run(EDITED, relabel_on_edit="true")
    assert job.standin.labels_of(REPO, 1) == ["bug", "security"]
    assert "Took back" in job.summary


def test_an_edit_never_takes_a_persons_label(job: Job) -> None:
    job.standin.set_label(REPO, 1, "documentation", by="octocat")
    job.run(EDITED, relabel_on_edit="true")
    assert "documentation" in job.standin.labels_of(REPO, 1)


@pytest.mark.parametrize(
    ("event", "inputs", "reason"),
    [
        ({"action": "edited", "changes": {}}, {}, "neither its title nor its text"),
        ({"action": "edited"}, {"relabel_on_edit": "true"}, "neither its title nor its text"),
        ({"action": "deleted"}, {}, "it was deleted"),
        ({"action": "opened"}, {"skip_authors": "octocat, report*"}, "skip-authors"),
    ],
)
def test_some_events_are_left_alone_without_a_request(
    job: Job, event: dict[str, Any], inputs: dict[str, str], reason: str
) -> None:
    assert job.run(event, **inputs) == 0
    assert job.standin.requests == []
    assert job.labeler.seen == []
    assert job.outputs == {"labels": "", "probabilities": "{}", "applied": ""}
    assert reason in job.log
    assert "left alone" in job.summary.lower()


def test_a_labelled_issue_is_left_alone_where_that_is_asked_for(job: Job) -> None:
    event = job.payload({"action": "opened"})
    stale = json.loads(json.dumps(event))
    job.standin.set_label(REPO, 1, "bug", by="octocat")
    job.run(stale, skip_labelled="true")
    assert asked(job.standin) == ["GET /issues/1"]
    assert "skip-labelled" in job.log


def test_a_pull_request_is_left_alone(job: Job) -> None:
    urls = dict.fromkeys(("diff_url", "html_url", "patch_url", "url"))
    job.standin.add_issue(REPO, 2, "A change", pull_request=urls)
    job.run({"nothing": True}, issue_number="2")
    assert "pull request" in job.log
    assert job.standin.writes() == []


def test_an_issue_transferred_in_the_meantime_is_left_to_its_new_repository(job: Job) -> None:
    job.standin.add_repository("octo/other")
    job.standin.add_issue("octo/other", 7, "It crashes")
    job.standin.fail(Answer(301, {}, {"Location": f"{job.standin.url}/repos/octo/other/issues/7"}))
    job.run()
    assert "transferred to octo/other" in job.log
    assert job.standin.writes() == []


def test_a_dispatched_run_labels_the_issue_it_is_given(job: Job) -> None:
    job.standin.add_issue(REPO, 42, "Another one")
    assert job.run({"nothing": True}, issue_number="42") == 0
    assert job.standin.labels_of(REPO, 42) == ["bug", "security"]
    assert job.standin.labels_of(REPO, 1) == []


def test_a_dispatched_run_without_a_number_says_what_to_do(job: Job) -> None:
    assert job.run({"nothing": True}) == 0
    assert job.commands == ["warning"]
    assert "issue-number" in job.log


REFUSED = Answer(403, {"message": "Resource not accessible by integration"})


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (REFUSED, "issues: write"),
        (Answer(401, {"message": "Bad credentials"}), "token"),
        (Answer(404, {"message": "Not Found"}), "private"),
        (Answer(410, {"message": "This issue was deleted"}), "deleted"),
        (Answer(500, b"<html>"), "githubstatus"),
        (Answer(200, b"{"), "not JSON"),
        (Answer(429, {}, {"Retry-After": "9000"}), "9000 s"),
    ],
)
def test_a_refusal_is_a_warning_by_default_and_a_failure_where_asked(job: Job, answer: Answer, hint: str) -> None:
    job.standin.fail(answer, times=999)
    assert job.run() == 0
    assert job.commands == ["warning"]
    assert hint in job.log
    assert job.outputs == {"labels": "", "probabilities": "{}", "applied": ""}
    assert "No label was set" in job.summary
    assert job.run(fail_on_error="true") == 1
    assert "error" in job.commands
    assert TOKEN not in job.log + job.summary


def test_the_lacking_permission_is_shown_as_yaml_to_copy(job: Job) -> None:
    job.standin.may_write = False
    job.run()
    assert "<pre>" in job.summary
    assert "permissions:\n  issues: write\n  contents: read" in job.summary


def test_a_wrong_input_is_a_warning_too(job: Job) -> None:
    assert job.run(threshold="high") == 0
    assert job.commands == ["warning"]
    assert "threshold" in job.log
    assert job.run(threshold="high", fail_on_error="true") == 2


def test_a_missing_token_is_a_clear_error(job: Job, tmp_path: Path) -> None:
    environ = {"GITHUB_REPOSITORY": REPO, "LABELER_ISSUE_NUMBER": "1"}
    out = io.StringIO()
    assert run_action(environ, load_labeler=job.load, out=out) == 0
    assert "token is empty" in out.getvalue()


def test_a_model_that_cannot_be_loaded_is_a_warning(job: Job) -> None:
    def load(settings: Settings) -> Labeler:
        raise BundleError("bundle.json: missing", "Check the path.")

    job.load = load  # type: ignore[method-assign]
    assert job.run() == 0
    assert "bundle.json: missing" in job.log
    assert job.standin.writes() == []


def test_a_bug_is_reported_with_its_traceback_and_leaves_the_check_green(job: Job) -> None:
    def load(settings: Settings) -> Labeler:
        raise ZeroDivisionError(f"::set-output name=x::{TOKEN}")

    job.load = load  # type: ignore[method-assign]
    assert job.run() == 0
    assert job.commands == ["group", "endgroup", "warning"]
    assert "ZeroDivisionError" in job.log
    assert "please report" in job.log
    assert TOKEN not in job.log + job.summary
    assert job.run(fail_on_error="true") == 1


def test_a_broken_event_file_is_a_warning(job: Job, tmp_path: Path) -> None:
    environ = {"GITHUB_REPOSITORY": REPO, "LABELER_TOKEN": TOKEN, "GITHUB_EVENT_PATH": str(tmp_path / "none")}
    out = io.StringIO()
    assert run_action(environ, load_labeler=job.load, out=out) == 0
    assert "the event cannot be read" in out.getvalue()


def test_a_warm_up_fetches_the_model_and_looks_at_no_issue(job: Job) -> None:
    assert job.run({"nothing": True}, warm_up="true") == 0
    assert {request.path for request in job.standin.requests} == {f"/repos/{REPO}/labels"}
    assert "fake 1 is ready" in job.log


def test_a_wait_is_told_in_the_log(job: Job) -> None:
    job.standin.fail(Answer(502, b""))
    job.run()
    assert "Trying again" in job.log
    assert job.standin.labels_of(REPO, 1) == ["bug", "security"]


def test_labels_that_somebody_adds_while_the_model_loads_are_seen(job: Job) -> None:
    def load(settings: Settings) -> Labeler:
        job.standin.set_label(REPO, 1, "bug", by="octocat")
        return job.labeler

    job.load = load  # type: ignore[method-assign]
    job.run()
    assert [request.body for request in job.standin.writes()] == [{"labels": ["security"]}]


def test_one_issue_can_be_labelled_without_an_event(standin: StandIn, labeler: Labeler) -> None:
    outcome = apply_issue(GitHub(TOKEN, standin.url), labeler, REPO, 1, Policy(fallback="needs-triage", threshold=0.95))
    assert outcome.applied == ("needs-triage",)
    assert standin.labels_of(REPO, 1) == ["needs-triage"]


def test_with_a_personal_token_the_labels_of_that_account_are_its_own(standin: StandIn, labeler: Labeler) -> None:
    standin.set_label(REPO, 1, "documentation", by="octocat")
    outcome = apply_issue(
        GitHub(TOKEN, standin.url), labeler, REPO, 1, Policy(relabel=True), login="octocat", dry_run=True
    )
    assert outcome.decision is not None
    assert outcome.decision.remove == ("documentation",)


def test_a_threshold_for_a_label_that_is_none_is_said(job: Job) -> None:
    assert job.run(threshold="securty=0.9, bug=0.5") == 0
    assert "warning" in job.commands
    assert "securty" in job.log
    assert job.outputs["applied"]


def test_why_an_issue_is_left_alone_stands_in_log_and_summary_and_the_author_is_asked(job: Job) -> None:
    job.labeler.judgement = Judgement(-3.0, Reason.LITTLE_TEXT)
    assert job.run(needs_info_label="needs-triage") == 0
    assert job.standin.labels_of(REPO, 1) == ["needs-triage"]
    assert "Left alone: too little text." in job.log
    assert "too little text" in job.summary


def test_spam_is_left_alone_unless_every_issue_is_to_be_labelled(job: Job) -> None:
    job.labeler.judgement = Judgement(-3.0, Reason.CHATTER)
    assert job.run(needs_info_label="needs-triage") == 0
    assert job.standin.labels_of(REPO, 1) == []
    assert job.run(abstain="false") == 0
    assert job.standin.labels_of(REPO, 1) == ["bug", "security"]


def test_a_language_to_be_skipped_gets_the_fallback_alone_and_is_said(job: Job) -> None:
    body = "Das Programm ist nicht mehr offen, wenn ich auf den Knopf klicke"
    job.standin.repositories[REPO].issues[1].document.update(title="Absturz beim Speichern", body=body)
    assert job.run(skip_languages="fr, de", fallback_label="needs-triage", needs_info_label="documentation") == 0
    assert job.standin.labels_of(REPO, 1) == ["needs-triage"]
    assert "Left alone: language: German is to be skipped." in job.log
    assert "Left alone: language: German is to be skipped." in html.unescape(job.summary)
