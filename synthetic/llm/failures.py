"""What the large language model's service may answer instead of labels, each with its remedy.

GeminiError         (labeler.errors.LabelerError) what went wrong with the service or its answer
├── BadKey          400, 401, 403: no key, or a wrong one: the run ends
├── Refused         another 4xx: the request is not accepted: the run ends
├── CacheGone       403, 404: the cached instruction has expired: asked again without it
├── Exhausted       429: the day's quota is used up, or the service asks for a long wait: the run ends
├── NoNetwork       the service's name cannot be resolved: the run ends
├── OutOfRetries    the service fails too often: the run ends
├── OverBudget      the next request could cost more than is left: the run ends
├── Busy            429, 5xx, no answer, a cut one, one that is not JSON: tried again
└── NoAnswer        there is an answer, but no labels in it: this issue fails
    ├── Blocked     a safety filter stopped prompt or answer
    ├── CutOff      the answer ran into its limit of tokens
    └── OffSchema   not JSON, or a name that is not in the list: tried again
"""

# ruff: noqa: N818 - named for what the service says
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labeler.base.retry import retry_after
from labeler.data.textfile import one_line
from labeler.errors import LabelerError

LONGEST_WAIT_SECONDS = 600.0
KEY_REMEDY = "Put an API key (https://aistudio.google.com/apikey) into the environment variable GEMINI_API_KEY."
LATER_REMEDY = "Run the same command again later: what is answered already is kept and not paid again."


class GeminiError(LabelerError):
    """`tokens` is what the failed request used, by kind; None where the service did not say."""

    tokens: Mapping[str, int] | None = None


class BadKey(GeminiError):
    pass


class Refused(GeminiError):
    pass


class CacheGone(GeminiError):
    pass


class Exhausted(GeminiError):
    pass


class NoNetwork(GeminiError):
    pass


class OutOfRetries(GeminiError):
    pass


class OverBudget(GeminiError):
    pass


class Busy(GeminiError):
    """`seconds` is how long the service asks to wait, None where it doesn't say; `paid`: it may have cost money."""

    seconds: float | None = None
    paid: bool = False


class NoAnswer(GeminiError):
    pass


class Blocked(NoAnswer):
    pass


class CutOff(NoAnswer):
    pass


class OffSchema(NoAnswer):
    pass


def safe(text: str, key: str) -> str:
    """A foreign message on one short line, without the key."""
    return one_line(text.replace(key, "***") if key else text)[:300]


def busy(what: str, *, seconds: float | None = None, paid: bool = False) -> Busy:
    error = Busy(what, LATER_REMEDY)
    error.seconds, error.paid = seconds, paid
    return error


def refusal(code: int, said: str, details: Any, headers: Mapping[str, str], asked: str) -> GeminiError:
    """The error for an HTTP status that isn't 200.

    Args:
        said: the service's message, already safe to print.
        details: the body, as parsed: {"error": {"details": [{"@type": …}]}} by Google's error model
            (https://google.aip.dev/193).
        headers: of the answer, for Retry-After.
        asked: what was asked for, to name in the message.
    """
    what = f"The service answered {asked} with {code}: {said}"
    if code in (403, 404) and "CachedContent" in said:
        return CacheGone(what, LATER_REMEDY)
    reasons = {str(one.get("reason")) for one in _of_type(details, "ErrorInfo")}
    if code in (401, 403) or "API_KEY_INVALID" in reasons or (code == 400 and "API key" in said):
        return BadKey(what, KEY_REMEDY)
    if code == 429 or code == 408 or code >= 500:
        seconds = _hint(details, headers)
        quotas = [str(v.get("quotaId")) for one in _of_type(details, "QuotaFailure") for v in _list(one, "violations")]
        if any("PerDay" in quota for quota in quotas) or (seconds or 0.0) > LONGEST_WAIT_SECONDS:
            return Exhausted(what, f"The day's quota is used up. {LATER_REMEDY}")
        return busy(what, seconds=seconds)
    if code == 404:
        return Refused(what, "Check the model's name: https://ai.google.dev/gemini-api/docs/models")
    return Refused(what, "The request is not accepted. --dry-run prints it.")


def _of_type(details: Any, name: str) -> Iterator[Mapping[str, Any]]:
    error = details.get("error", details) if isinstance(details, Mapping) else {}
    for one in _list(error, "details"):
        if str(one.get("@type", "")).endswith(f"google.rpc.{name}"):
            yield one


def _list(holder: Any, key: str) -> list[Mapping[str, Any]]:
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _hint(details: Any, headers: Mapping[str, str]) -> float | None:
    """Seconds the service asks to wait: google.rpc.RetryInfo ("12.5s"), else Retry-After."""
    for one in _of_type(details, "RetryInfo"):
        if match := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)s", str(one.get("retryDelay"))):
            return float(match[1])
    return retry_after(headers)
