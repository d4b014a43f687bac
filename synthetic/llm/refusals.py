"""The error for an HTTP status that isn't 200: of what the service says itself, as the status alone would mislead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from labeler.base.retry import retry_after
from synthetic.llm.failures import (
    KEY_REMEDY,
    LATER_REMEDY,
    BadKey,
    CacheGone,
    Exhausted,
    GeminiError,
    NoAccess,
    NotThere,
    Refused,
    SchemaRefused,
    busy,
)

LONGEST_WAIT_SECONDS = 600.0
_INVALID_ARGUMENT = (400, 3)  # of HTTP, and of gRPC as the items of a batch have it
_KEYS = "https://console.cloud.google.com/apis/credentials"
# Looked for in google.rpc.ErrorInfo's reason (https://cloud.google.com/apis/design/errors) and in the message.
_BY_WORDS: tuple[tuple[str, type[GeminiError], str], ...] = (
    (r"API_KEY_INVALID|reported as leaked", BadKey, KEY_REMEDY),
    (
        r"SERVICE_DISABLED|has not been used in project",
        NoAccess,
        "Switch the Generative Language API on for the key's project, wait some minutes, and run this again.",
    ),
    (
        r"API_KEY_SERVICE_BLOCKED",
        NoAccess,
        f"The key is restricted to other APIs: add the Generative Language API to it at {_KEYS}, or take another key.",
    ),
    (
        r"API_KEY_(?:IP_ADDRESS|HTTP_REFERRER|ANDROID_APP|IOS_APP)_BLOCKED",
        NoAccess,
        f"The key is restricted to certain addresses or apps, not to this machine's: see {_KEYS}, or take another key.",
    ),
    (
        r"location is not supported",
        NoAccess,
        "The key is not the matter: the service does not answer from where this machine is. It does from these places: "
        "https://ai.google.dev/gemini-api/docs/available-regions",
    ),
    (r"BILLING_DISABLED|enable billing", NoAccess, "Switch billing on for the key's project."),
    (
        r"CONSUMER_SUSPENDED|has been suspended",
        NoAccess,
        "The key's project is suspended: see its owner's mail from Google.",
    ),
)
NO_QUOTA_REMEDY = (
    "This key has no access to the model: its quota is 0, so waiting helps nothing. Take another model, or switch "
    "billing on for the key's project: https://ai.google.dev/gemini-api/docs/rate-limits"
)
FEWER_LABELS = "The list is too much for this model: fewer labels, shorter names and descriptions, or another model."


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
    if code in (400, 401, 403):
        return _not_allowed(code, what, said, details)
    if code == 429 and _no_quota(details):
        return NoAccess(what, NO_QUOTA_REMEDY)
    if code == 429 or code == 408 or code >= 500:
        seconds = _hint(details, headers)
        quotas = [str(v.get("quotaId")) for one in _of_type(details, "QuotaFailure") for v in _list(one, "violations")]
        if any("PerDay" in quota for quota in quotas) or (seconds or 0.0) > LONGEST_WAIT_SECONDS:
            return Exhausted(what, f"The day's quota is used up. {LATER_REMEDY}")
        return busy(what, seconds=seconds)
    if code == 404:
        return NotThere(what, "Check the model's name: https://ai.google.dev/gemini-api/docs/models")
    return Refused(what, "The request is not accepted. --dry-run prints it.")


def refuses_schema(code: int | None, said: str) -> bool:
    """Whether a refusal is of the answer's schema: a long enum, `maxItems`, or both together."""
    words = r"schema|\benum\b|maxItems|too many states"
    return code in _INVALID_ARGUMENT and re.search(words, said, re.IGNORECASE) is not None


def _not_allowed(code: int, what: str, said: str, details: Any) -> GeminiError:
    reasons = [str(one.get("reason")) for one in _of_type(details, "ErrorInfo")]
    given = "\n".join([*reasons, said])
    for words, kind, remedy in _BY_WORDS:
        if re.search(words, given):
            return kind(what, remedy)
    if code == 401 or (code == 400 and "API key" in said):
        return BadKey(what, KEY_REMEDY)
    if code == 403:
        return NoAccess(what, "The key is known, and may not do this: another key or another model may.")
    if refuses_schema(code, said):
        return SchemaRefused(what, FEWER_LABELS)
    if "token count" in said and "exceeds" in said:
        return Refused(what, FEWER_LABELS)
    return Refused(what, "The request is not accepted. --dry-run prints it.")


def _no_quota(details: Any) -> bool:
    """Whether one of the quotas that are exceeded is none at all: in the message's words, or as a value."""
    return re.search(r'limit: 0(?![.0-9])|"quotaValue": (?:"0"|0)[,}]', json.dumps(details, default=str)) is not None


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
