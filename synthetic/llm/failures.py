"""What the large language model's service may answer instead of labels, each with its remedy.

GeminiError         (labeler.errors.LabelerError) what went wrong with the service or its answer
├── BadKey          400, 401, 403: no key, or a wrong one: the run ends
├── NoAccess        400, 403, 429: the key is known, and may not have this: the run ends
├── Refused         another 4xx: the request is not accepted: the run ends
│   ├── NotThere        404: no such model, or no such batch
│   └── SchemaRefused   400: the answer's schema is too much for the model: asked again for plain strings
├── CacheGone       403, 404: the cached instruction has expired: asked again without it
├── Exhausted       429: the day's quota is used up, or the service asks for a long wait: the run ends
├── NoNetwork       the service's name cannot be resolved: the run ends
├── OutOfRetries    the service fails too often: the run ends
├── OverBudget      the next request could cost more than is left: the run ends
├── AllFailed       not one question of the run got an answer
├── Unmatched       a batch answered, and does not say which issues: nothing more is submitted
├── Busy            429, 5xx, no answer, a cut one, one that is not JSON: tried again
└── NoAnswer        there is an answer, but no labels in it: this issue fails
    ├── Blocked     a safety filter stopped prompt or answer
    ├── CutOff      the answer ran into its limit of tokens
    ├── Empty       the model has written nothing: tried again
    ├── NotServed   the service failed on this one of a batch, for nothing
    └── OffSchema   not JSON, or a name that is not in the list: tried again
"""

# ruff: noqa: N818 - named for what the service says
from __future__ import annotations

from collections.abc import Mapping

from labeler.data.textfile import one_line
from labeler.errors import LabelerError

KEY_REMEDY = "Put an API key (https://aistudio.google.com/apikey) into the environment variable GEMINI_API_KEY."
LATER_REMEDY = "Run the same command again later: what is answered already is kept and not paid again."


class GeminiError(LabelerError):
    """`tokens` is what the failed request used, by kind; None where the service did not say."""

    tokens: Mapping[str, int] | None = None


class BadKey(GeminiError):
    pass


class NoAccess(GeminiError):
    pass


class Refused(GeminiError):
    pass


class NotThere(Refused):
    pass


class SchemaRefused(Refused):
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


class AllFailed(GeminiError):
    pass


class Unmatched(GeminiError):
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


class Empty(NoAnswer):
    pass


class NotServed(NoAnswer):
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
