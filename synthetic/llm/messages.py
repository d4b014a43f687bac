"""What goes to the Gemini API and what comes back: requests, texts, tokens used, why there is no text, batch jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.llm.failures import Blocked, CutOff, Empty, GeminiError, NoAnswer, NotServed, SchemaRefused, safe
from synthetic.llm.refusals import FEWER_LABELS, refuses_schema

if TYPE_CHECKING:
    from google.genai import types

MAX_OUTPUT_TOKENS = 4096  # thoughts count too
FINISHED, GONE = "succeeded", "gone"
_CUT_SHORT = ("MAX_TOKENS", "CONTINUATION")
_SAFETY = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "ESCALATION")


@dataclass(frozen=True)
class Request:
    """One request for structured output.

    Attributes:
        system: instruction, equal for all requests of a run.
        user: the message.
        schema: JSON schema of the answer.
        seed: of the sampling; another one for each further sample.
        thinking: "" for the model's own way; minimal, low, medium or high; or a number of tokens (models up to 2.5).
        cached: name of the cached content that holds `system`; then `system` is not sent.
    """

    model: str
    system: str
    user: str
    schema: Mapping[str, Any]
    seed: int = 1
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    thinking: str = ""
    cached: str = ""


@dataclass(frozen=True)
class Reply:
    """What the model wrote, and the tokens used: prompt (cached ones included), cached, thoughts, output.

    `tokens` is None where the service gave no counts, or none that can be.
    """

    text: str
    tokens: Mapping[str, int] | None


Result = Reply | GeminiError


@dataclass(frozen=True)
class Batch:
    """A batch job. `state`: "waiting", "succeeded" (also in part), or "gone": failed, cancelled or expired.

    `results` are the key of each request, "" where it did not come back, with its reply or what went wrong, in the
    service's order; None while the job waits.
    """

    name: str
    display_name: str
    state: str
    detail: str
    results: tuple[tuple[str, Result], ...] | None = None


def read_reply(found: types.GenerateContentResponse) -> Reply:
    """The text and the tokens of a response.

    Raises:
        NoAnswer: blocked, cut off, or without a text; with the tokens used.
    """
    tokens = _tokens(found.usage_metadata)
    try:
        return Reply(_text(found), tokens)
    except NoAnswer as error:
        error.tokens = tokens
        raise


def _text(found: types.GenerateContentResponse) -> str:
    feedback = found.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise Blocked(f"The service blocked the issue: {feedback.block_reason.name}.")
    if not found.candidates:
        raise Empty("The answer is empty.")
    candidate = found.candidates[0]
    reason = candidate.finish_reason.name if candidate.finish_reason is not None else "STOP"
    if reason in _SAFETY:
        raise Blocked(f"The service blocked the answer: {reason}.")
    if reason in _CUT_SHORT:
        raise CutOff("The answer is cut off at its limit of tokens.")
    parts = (candidate.content.parts if candidate.content is not None else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    if reason != "STOP":
        raise NoAnswer(f"The answer has no text ({reason}).")
    if not text.strip():
        raise Empty("The answer is empty.")
    return text


def _tokens(usage: types.GenerateContentResponseUsageMetadata | None) -> dict[str, int] | None:
    """The counts by kind; None where they are missing or cannot be: prompt and output are never empty."""
    if usage is None:
        return None
    prompt, output = usage.prompt_token_count or 0, usage.candidates_token_count or 0
    thoughts, cached = usage.thoughts_token_count or 0, usage.cached_content_token_count or 0
    # A total that is larger than its parts holds thoughts that were not counted by themselves: they are paid too.
    thoughts = max(thoughts, (usage.total_token_count or 0) - prompt - output)
    if prompt <= 0 or output < 0 or thoughts < 0 or not 0 <= cached <= prompt:
        return None
    return {"prompt": prompt, "cached": cached, "thoughts": thoughts, "output": output}


def read_state(job: types.BatchJob, key: str) -> tuple[str, str]:
    """A job's state, as Batch has it, and the service's own words."""
    name = job.state.name.removeprefix("JOB_STATE_").lower() if job.state is not None else ""
    said = safe(job.error.message or "", key) if job.error is not None else ""
    detail = f"{name}: {said}" if said else name
    if name in ("succeeded", "partially_succeeded"):
        return FINISHED, detail
    return (GONE if name in ("failed", "cancelled", "expired") else "waiting"), detail


def read_batch(job: types.BatchJob, key: str) -> Batch:
    """A job with its results; `key` is kept out of messages."""
    state, detail = read_state(job, key)
    results: list[tuple[str, Result]] = []
    for one in (job.dest.inlined_responses if job.dest is not None else None) or []:
        named = str((one.metadata or {}).get("key", ""))
        if one.error is not None or one.response is None:
            said = safe(one.error.message or "", key) if one.error is not None else "no response"
            what = f"The service failed on this issue in the batch: {said}"
            strict = one.error is not None and refuses_schema(one.error.code, said)
            results.append((named, SchemaRefused(what, FEWER_LABELS) if strict else NotServed(what)))
            continue
        try:
            results.append((named, read_reply(one.response)))
        except NoAnswer as error:
            results.append((named, error))
    return Batch(job.name or "", job.display_name or "", state, detail, tuple(results) if state != "waiting" else None)
