"""From an issue on GitHub to its labels there: the glue between the event, the model, the decision and the report."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

from labeler.config import Files, Settings, read_files, read_settings
from labeler.decision.abstain import Judgement
from labeler.decision.decide import Policy, Present, decide
from labeler.decision.outcome import NOTHING, Outcome
from labeler.errors import LabelerError
from labeler.github.actions import Log, write_outputs, write_summary
from labeler.github.client import GitHub
from labeler.github.event import Skip, read_event, reason_of_event, skip_rules, subject
from labeler.github.history import LabelEvent, standing
from labeler.github.refusals import TOKEN_REMEDY, BadToken
from labeler.github.summary import render, render_failure
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue, from_rest

TITLE = "Issue labeler"
BUG_REMEDY = "This is a fault of the labeler: please report it with the lines above."


class Prediction(Protocol):
    @property
    def probabilities(self) -> Mapping[str, float]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def judgement(self) -> Judgement | None: ...


class Card(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


class Predictor(Protocol):
    """What is needed of labeler.model.predict.Labeler."""

    @property
    def labels(self) -> LabelSet: ...
    @property
    def thresholds(self) -> Mapping[str, float]: ...
    @property
    def card(self) -> Card: ...
    def predict(self, issue: Issue) -> Prediction: ...


class Repository(Protocol):
    """What is needed of labeler.github.client.GitHub."""

    def issue(self, repository: str, number: int) -> dict[str, Any]: ...
    def labels(self, repository: str) -> tuple[Label, ...]: ...
    def history(self, repository: str, number: int) -> tuple[LabelEvent, ...]: ...
    def add_labels(self, repository: str, number: int, names: tuple[str, ...]) -> None: ...
    def remove_label(self, repository: str, number: int, name: str) -> None: ...
    def login(self) -> str: ...


LoadLabeler = Callable[[Settings], Predictor]
Connect = Callable[[Settings, Callable[[str], None]], Repository]


def never_skip(issue: Issue) -> str:
    return "it is a pull request" if issue.is_pull_request else ""


def apply_issue(
    github: Repository,
    labeler: Predictor,
    repository: str,
    number: int,
    policy: Policy,
    *,
    dry_run: bool = False,
    login: str = "",
    skip: Skip = never_skip,
) -> Outcome:
    """Labels one issue as it stands on GitHub now. `skip` gives the reason to leave an issue alone, or nothing.

    `login` is whose labels count as this program's own; empty: those of the token's account.
    """
    started = time.perf_counter()
    found = github.issue(repository, number)
    issue = from_rest(found)
    repository, number = issue.repository or repository, issue.number or number  # new ones after a transfer
    if reason := skip(issue):
        return Outcome(repository, number, issue.title, skipped=reason)
    live = tuple(label.name for label in github.labels(repository))
    prediction = labeler.predict(issue)
    present, removed = _standing(github, found, issue, repository, number, login)
    decision = decide(
        prediction.probabilities,
        labeler.labels,
        labeler.thresholds,
        policy,
        present,
        removed,
        repository=live,
        judgement=prediction.judgement,
    )
    if not dry_run:
        if decision.add:
            github.add_labels(repository, number, decision.add)
        for name in decision.remove:
            github.remove_label(repository, number, name)
    return Outcome(
        repository,
        number,
        issue.title,
        probabilities=prediction.probabilities,
        decision=decision,
        applied=() if dry_run else decision.add,
        removed=() if dry_run else decision.remove,
        dry_run=dry_run,
        model=f"{labeler.card.name} {labeler.card.version}".strip(),
        predict_seconds=prediction.seconds,
        total_seconds=time.perf_counter() - started,
    )


def run_action(
    environ: Mapping[str, str],
    *,
    load_labeler: LoadLabeler,
    out: TextIO,
    connect: Connect | None = None,
) -> int:
    """The action's last step. Returns the exit code, which is 0 whatever happens unless `fail-on-error` is true."""
    files = read_files(environ)
    log = Log(out, files.secrets)
    try:
        settings = read_settings(environ)
        if settings.warm_up:
            labeler = load_labeler(settings)
            ready = f"{labeler.card.name} {labeler.card.version} is ready for {len(labeler.labels)} labels."
            log.notice(ready, TITLE)
            write_outputs(files.output, {**NOTHING, "ready": "true"})
            return 0
        _report(act(settings, connect or _connect, load_labeler, log), files, log)
    except LabelerError as error:
        return _fail(error, files, log)
    except Exception as error:
        # A bug must not turn the check of the person who opened the issue red, and must not pass unseen either.
        with log.group("Traceback"):
            for line in traceback.format_exc().splitlines():
                log.line(line)
        return _fail(LabelerError(f"{type(error).__name__}: {log.clean(str(error))[:300]}", BUG_REMEDY), files, log)
    return 0


def act(settings: Settings, connect: Connect, load_labeler: LoadLabeler, log: Log) -> Outcome:
    """What the action does on its event. Raises LabelerError."""
    started = time.perf_counter()
    payload = read_event(settings.event_path)
    issue, number = subject(payload, settings)
    skip = skip_rules(settings)
    edited = issue is not None and payload.get("action") == "edited"
    reason = issue is not None and (reason_of_event(payload, issue) or skip(issue))
    if issue is not None and reason:
        return Outcome(settings.repository, number, issue.title, skipped=reason)
    github = connect(settings, log.line)
    labeler = load_labeler(settings)
    if unknown := labeler.labels.unknown(settings.thresholds):
        log.warning(f"Input 'threshold' names what is no label of the list: {', '.join(unknown)}.", TITLE)
    outcome = apply_issue(
        github,
        labeler,
        settings.repository,
        number,
        settings.policy(relabel=edited and settings.relabel_on_edit),
        dry_run=settings.dry_run,
        login=settings.login,
        skip=skip,
    )
    return _timed(outcome, time.perf_counter() - started)


def _standing(
    github: Repository, found: Mapping[str, Any], issue: Issue, repository: str, number: int, login: str
) -> tuple[tuple[Present, ...], frozenset[str]]:
    """Who labelled it and who took labels off. An issue untouched since it was opened has no history to ask for."""
    if not issue.labels and found.get("updated_at") and found.get("updated_at") == found.get("created_at"):
        return (), frozenset()
    history = github.history(repository, number)
    return standing(issue.labels, history, (login or github.login()) if history else login)


def _connect(settings: Settings, on_wait: Callable[[str], None]) -> GitHub:
    if not settings.token:
        raise BadToken("The input token is empty.", TOKEN_REMEDY)
    patience = float(settings.patience_seconds)
    return GitHub(
        settings.token, settings.api_url, timeout_seconds=min(20.0, patience), budget_seconds=patience, on_wait=on_wait
    )


def _timed(outcome: Outcome, seconds: float) -> Outcome:
    return Outcome(**(vars(outcome) | {"total_seconds": seconds}))


def _report(outcome: Outcome, files: Files, log: Log) -> None:
    write_outputs(files.output, outcome.outputs())
    name = f"Issue {outcome.number}"
    if outcome.decision is None:
        log.line(f"{name} was left alone: {outcome.skipped}.")
    else:
        added = ", ".join(outcome.decision.add) or "no label"
        removed = f"; took back {', '.join(outcome.removed)}" if outcome.removed else ""
        why = f" Left alone: {outcome.decision.left_alone}." if outcome.decision.left_alone else ""
        log.notice(f"{name}: {'would add' if outcome.dry_run else 'added'} {added}{removed}.{why}", TITLE)
    write_summary(files.summary, render(outcome))


def _fail(error: LabelerError, files: Files, log: Log) -> int:
    write_outputs(files.output, NOTHING)
    (log.error if files.fail_on_error else log.warning)(str(error), TITLE)
    safe = LabelerError(log.clean(error.what), error.remedy)
    write_summary(files.summary, render_failure(safe))
    return error.exit_code if files.fail_on_error else 0
