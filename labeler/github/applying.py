"""From an issue on GitHub to its labels there: the glue between the event, the model, the decision and the report."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TextIO

from labeler.config import Files, Settings, read_files, read_settings
from labeler.decision.abstain import Judgement
from labeler.decision.decide import Policy, Present, decide
from labeler.decision.outcome import NOTHING, Outcome
from labeler.decision.told import told_of
from labeler.errors import LabelerError
from labeler.github.actions import Log, write_outputs, write_summary
from labeler.github.event import Skip, read_event, reason_of_event, skip_rules, subject
from labeler.github.graphql import GraphQL
from labeler.github.history import LabelEvent, standing
from labeler.github.issue_templates import LoadTemplates, Queries, no_templates, templates_from
from labeler.github.issue_templates import said_of as said_of_stripped
from labeler.github.refusals import TOKEN_REMEDY, BadToken
from labeler.github.summary import render, render_failure
from labeler.labels.label_set import Label, LabelSet
from labeler.labels.part_lists import part_of
from labeler.labels.strangers import said_of
from labeler.text.issue import Issue, from_rest
from labeler.text.language import guess
from labeler.text.own_templates import strip_own_lines

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
    @property
    def strangers(self) -> Mapping[str, str]: ...
    def showing(self, labels: LabelSet) -> Predictor: ...
    def make_ready(self) -> None: ...
    def predict(self, issue: Issue) -> Prediction: ...


class Repository(Protocol):
    """What is needed of labeler.github.client.GitHub."""

    def issue(self, repository: str, number: int) -> dict[str, Any]: ...
    def labels(self, repository: str) -> tuple[Label, ...]: ...
    def history(self, repository: str, number: int) -> tuple[LabelEvent, ...]: ...
    def add_labels(self, repository: str, number: int, names: tuple[str, ...]) -> None: ...
    def remove_label(self, repository: str, number: int, name: str) -> None: ...
    def login(self) -> str: ...


class Connection(Repository, Queries, Protocol):
    """What is needed of labeler.github.graphql.GraphQL."""


LoadLabeler = Callable[[Settings], Predictor]
Connect = Callable[[Settings, Callable[[str], None]], Connection]


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
    labels_path: str = "",
    templates: LoadTemplates = no_templates,
) -> Outcome:
    """Labels one issue as it stands on GitHub now. `skip` gives the reason to leave an issue alone, or nothing.

    `login` is whose labels count as this program's own; empty: those of the token's account.
    What the repository's own `templates` left in the body is not shown to the model; rules of the list see all of it.
    """
    started = time.perf_counter()
    found = github.issue(repository, number)
    issue = from_rest(found)
    repository, number = issue.repository or repository, issue.number or number  # new ones after a transfer
    if reason := skip(issue):
        return Outcome(repository, number, issue.title, skipped=reason)
    live = tuple(label.name for label in github.labels(repository))
    part, told = part_of(labeler.labels, live), told_of(issue, labeler.labels)
    # What a rule tells is judged although the repository lacks it, so that the summary says why it is not set.
    judged = labeler.labels.only((*part.shown.names, *told.reasons))
    labeler = labeler.showing(part.shown)
    own = templates(repository) if issue.body else no_templates(repository)
    stripped = strip_own_lines(issue.body, own)
    prediction = labeler.predict(replace(issue, body=stripped.text))
    present, removed = _standing(github, found, issue, repository, number, login)
    decision = decide(
        prediction.probabilities,
        judged,
        labeler.thresholds,
        policy,
        present,
        removed,
        live,
        told.reasons,
        prediction.judgement,
        guess(issue.title, stripped.text) if policy.skip_languages else "",
    )
    notes = part.said(repository, labels_path), said_of(labeler.strangers), said_of_stripped(stripped.counts)
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
        notes=tuple(filter(None, notes)),
        warnings=(*told.warnings, *own.problems),
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
            labeler = _as_live(load_labeler(settings), settings, connect or _connect, log)
            labeler.make_ready()
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
        labels_path=settings.labels.name if settings.labels else "",
        templates=templates_from(settings.templates, settings.workspace, github),
    )
    return _timed(outcome, time.perf_counter() - started)


def _as_live(labeler: Predictor, settings: Settings, connect: Connect, log: Log) -> Predictor:
    """With the list that issues will be asked under; with all of it where the repository's labels cannot be read."""
    if not (settings.token and settings.repository):
        return labeler
    try:
        live = tuple(label.name for label in connect(settings, log.line).labels(settings.repository))
    except LabelerError as error:
        log.warning(f"The whole list is made ready: {error.what}", TITLE)
        return labeler
    return labeler.showing(part_of(labeler.labels, live).shown)


def _standing(
    github: Repository, found: Mapping[str, Any], issue: Issue, repository: str, number: int, login: str
) -> tuple[tuple[Present, ...], frozenset[str]]:
    """Who labelled it and who took labels off. An issue untouched since it was opened has no history to ask for."""
    if not issue.labels and found.get("updated_at") and found.get("updated_at") == found.get("created_at"):
        return (), frozenset()
    history = github.history(repository, number)
    return standing(issue.labels, history, (login or github.login()) if history else login)


def _connect(settings: Settings, on_wait: Callable[[str], None]) -> GraphQL:
    if not settings.token:
        raise BadToken("The input token is empty.", TOKEN_REMEDY)
    patience = float(settings.patience_seconds)
    return GraphQL(
        settings.token, settings.api_url, timeout_seconds=min(20.0, patience), budget_seconds=patience, on_wait=on_wait
    )


def _timed(outcome: Outcome, seconds: float) -> Outcome:
    return Outcome(**(vars(outcome) | {"total_seconds": seconds}))


def _report(outcome: Outcome, files: Files, log: Log) -> None:
    write_outputs(files.output, outcome.outputs())
    for note in outcome.notes:
        log.line(note)
    for warning in outcome.warnings:
        log.warning(warning, TITLE)
    name = f"Issue {outcome.number}"
    if outcome.decision is None:
        log.line(f"{name} was left alone: {outcome.skipped}.")
    else:
        for row in outcome.decision.rows:
            if row.told:
                log.line(f"{row.label} is told by a rule ({row.told})" + f"; {row.reason}" * (row.reason != row.told))
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
