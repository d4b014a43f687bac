"""Frozen settings, and the only place that reads the environment.

The action's inputs arrive as LABELER_<NAME> variables (action.yml sets them by `env:`, never inside shell text); the
rest is what GitHub's runner and the usual tools set.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from labeler.decision.decide import Policy
from labeler.errors import UsageError
from labeler.text.language import codes_of

STARTER = "starter"
API_URL = "https://api.github.com"
GEMINI_URL = "https://generativelanguage.googleapis.com"
# One string for the restoring and the saving side: GitHub hashes a cache's path as it is written, `~` and all.
CACHE_PATH = "~/.cache/issue-labeler"
TemplateSource = Literal["checkout", "fetch", "off"]
T = TypeVar("T")


@dataclass(frozen=True)
class Machine:
    """What every command takes from the environment."""

    github_token: str = field(default="", repr=False)
    hub_token: str = field(default="", repr=False)
    hub_endpoint: str = "https://huggingface.co"
    github_api_url: str = API_URL
    cache: Path = Path(CACHE_PATH)
    offline: bool = False
    color: bool = True


@dataclass(frozen=True)
class GeminiAccess:
    """The key to the large language model that labels datasets, and another address than Google's own."""

    key: str = field(default="", repr=False)
    base_url: str = GEMINI_URL


@dataclass(frozen=True)
class Settings:
    """The action's inputs, checked, and the files of the run."""

    token: str = field(repr=False)
    repository: str
    machine: Machine
    model: str = STARTER
    labels: Path | None = None
    threshold: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    max_labels: int | None = None
    fallback: str = ""
    needs_info: str = ""
    abstain: bool = True
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    dry_run: bool = False
    relabel_on_edit: bool = False
    skip_authors: tuple[str, ...] = ()
    skip_languages: tuple[str, ...] = ()
    skip_labelled: bool = False
    issue_number: int | None = None
    login: str = ""
    warm_up: bool = False
    templates: TemplateSource = "checkout"
    workspace: Path | None = None
    api_url: str = API_URL
    patience_seconds: int = 120
    event_name: str = ""
    event_path: Path | None = None

    def policy(self, *, relabel: bool) -> Policy:
        """The rules of the decision. `relabel`: labels that the action itself put there may be taken back."""
        return Policy(
            threshold=self.threshold,
            thresholds=self.thresholds,
            max_labels=self.max_labels,
            allow=self.allow,
            block=self.block,
            fallback=self.fallback,
            needs_info=self.needs_info,
            abstain=self.abstain,
            skip_languages=self.skip_languages,
            relabel=relabel,
        )


@dataclass(frozen=True)
class Files:
    """Where a step of a workflow leaves its results, and whether its failures count. Never fails to be read."""

    output: Path | None = None
    summary: Path | None = None
    fail_on_error: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


def environment() -> Mapping[str, str]:
    """The process's environment."""
    return os.environ


def read_machine(environ: Mapping[str, str]) -> Machine:
    default = Machine()
    base = environ.get("XDG_CACHE_HOME", "")
    cache = environ.get("LABELER_CACHE") or (str(Path(base) / "issue-labeler") if base else CACHE_PATH)
    return Machine(
        github_token=environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN", ""),
        hub_token=environ.get("HF_TOKEN", ""),
        hub_endpoint=(environ.get("HF_ENDPOINT") or default.hub_endpoint).rstrip("/"),
        github_api_url=(environ.get("GITHUB_API_URL") or default.github_api_url).rstrip("/"),
        cache=Path(cache).expanduser(),
        offline=environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"),
        color=not environ.get("NO_COLOR"),
    )


def read_gemini(environ: Mapping[str, str]) -> GeminiAccess:
    """Of two keys GOOGLE_API_KEY counts, as with Google's own client."""
    return GeminiAccess(
        key=(environ.get("GOOGLE_API_KEY") or environ.get("GEMINI_API_KEY", "")).strip(),
        base_url=(environ.get("GOOGLE_GEMINI_BASE_URL") or GEMINI_URL).rstrip("/"),
    )


def read_files(environ: Mapping[str, str]) -> Files:
    """What is needed to report that the other settings are wrong."""
    return Files(
        output=_optional_path(environ, "GITHUB_OUTPUT"),
        summary=_optional_path(environ, "GITHUB_STEP_SUMMARY"),
        fail_on_error=environ.get("LABELER_FAIL_ON_ERROR", "").strip().lower() == "true",
        secrets=tuple(
            filter(None, (environ.get("LABELER_TOKEN"), environ.get("GITHUB_TOKEN"), environ.get("HF_TOKEN")))
        ),
    )


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The action's settings. Raises UsageError naming the input and the accepted form."""
    workspace = Path(environ.get("GITHUB_WORKSPACE") or ".")
    unset: tuple[float | None, dict[str, float]] = (None, {})
    threshold, thresholds = _input(environ, "threshold", _thresholds, unset)
    default = Settings(token="", repository="", machine=read_machine(environ))
    _input(environ, "fail-on-error", _boolean, False)
    return Settings(
        token=environ.get("LABELER_TOKEN", ""),
        repository=environ.get("GITHUB_REPOSITORY", ""),
        machine=default.machine,
        model=_input(environ, "model", lambda text: _model(text, workspace), STARTER),
        labels=_input(environ, "labels", lambda text: _labels_file(text, workspace), None),
        threshold=threshold,
        thresholds=MappingProxyType(thresholds),
        max_labels=_input(environ, "max-labels", _positive, None),
        fallback=_input(environ, "fallback-label", _label_name, ""),
        needs_info=_input(environ, "needs-info-label", _label_name, ""),
        abstain=_input(environ, "abstain", _boolean, True),
        allow=_input(environ, "allow", _list, ()),
        block=_input(environ, "block", _list, ()),
        dry_run=_input(environ, "dry-run", _boolean, False),
        relabel_on_edit=_input(environ, "relabel-on-edit", _boolean, False),
        skip_authors=_input(environ, "skip-authors", _list, ()),
        skip_languages=_input(environ, "skip-languages", codes_of, ()),
        skip_labelled=_input(environ, "skip-labelled", _boolean, False),
        issue_number=_input(environ, "issue-number", _positive, None),
        login=_input(environ, "login", str, ""),
        warm_up=_input(environ, "warm-up", _boolean, False),
        templates=_input(environ, "issue-templates", _templates, default.templates),
        workspace=_optional_path(environ, "GITHUB_WORKSPACE"),
        api_url=_input(environ, "github-api-url", _url, default.machine.github_api_url),
        patience_seconds=_input(environ, "patience", _positive, 120),
        event_name=environ.get("GITHUB_EVENT_NAME", ""),
        event_path=_optional_path(environ, "GITHUB_EVENT_PATH"),
    )


def cache_plan(model: str, system: str) -> tuple[str, str]:
    """Key and path of the bundle's entry in GitHub's cache; two empty strings where nothing is to be cached.

    The key names the content: a commit or a release asset. A branch moves, and an entry can never be replaced, so a
    model named by its branch is not cached. `system` is the runner's (RUNNER_OS).
    """
    commit = re.fullmatch(r"[^\s@:/]+/[^\s@:/]+@([0-9a-f]{40})", model)
    if commit:
        return f"issue-labeler-{system}-{commit[1]}", CACHE_PATH
    if re.fullmatch(r"github:[^\s@:/]+/[^\s@:/]+@[^\s@]+", model):
        return f"issue-labeler-{system}-{hashlib.sha256(model.encode()).hexdigest()[:40]}", CACHE_PATH
    return "", ""


def in_workspace(environ: Mapping[str, str], model: str, labels: str) -> tuple[str, Path | None]:
    """The model and the labels file as the action finds them in the workspace, whether they are there or not."""
    workspace = Path(environ.get("GITHUB_WORKSPACE") or ".")
    return _model(model, workspace), workspace / labels if labels else None


def _input(environ: Mapping[str, str], name: str, read: Callable[[str], T], default: T) -> T:
    text = environ.get("LABELER_" + name.upper().replace("-", "_"), "").strip()
    if not text:
        return default
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"Input '{name}' is {text[:100]!r}.", f"Accepted: {error}.") from error


def _boolean(text: str) -> bool:
    if text not in ("true", "True", "TRUE", "false", "False", "FALSE"):
        raise ValueError("true or false")
    return text.lower() == "true"


def _templates(text: str) -> TemplateSource:
    for source in get_args(TemplateSource):
        if text == source:
            return cast(TemplateSource, source)
    raise ValueError("checkout, fetch or off")


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ValueError("a whole number from 1 up")
    return int(text)


def _probability(text: str) -> float:
    if not re.fullmatch(r"[0-9]*\.?[0-9]+|[0-9]+\.", text) or float(text) > 1:
        raise ValueError("a number from 0 to 1 for all labels, or label=number, or both, separated by commas")
    return float(text)


def _thresholds(text: str) -> tuple[float | None, dict[str, float]]:
    overall: float | None = None
    single: dict[str, float] = {}
    for part in _list(text):
        name, equals, number = part.rpartition("=")
        if not equals:
            overall = _probability(number)
        elif name.strip():
            single[name.strip()] = _probability(number.strip())
        else:
            raise ValueError("a label's name before each equals sign, for instance security=0.9")
    return overall, single


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for raw in re.split(r"[,\r\n]", text) if (part := raw.strip()))


def _label_name(text: str) -> str:
    if len(text) > 50 or re.search(r"[,\r\n]", text):
        raise ValueError("the name of one label, at most 50 characters")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("the address of a GitHub API, for instance https://github.example.com/api/v3")
    return text.rstrip("/")


def _labels_file(text: str, workspace: Path) -> Path:
    path = workspace / text
    if not path.is_file():
        raise ValueError("a file of the workspace; add a step with actions/checkout before this one")
    return path


def _model(text: str, workspace: Path) -> str:
    """The model, a folder made absolute: the action runs in its own folder, not in the caller's."""
    folder = workspace / text
    if text != STARTER and (PurePath(text).is_absolute() or text.startswith(".") or (folder / "bundle.json").is_file()):
        return str(folder)
    return text


def _optional_path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None
