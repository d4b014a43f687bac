"""The one place that talks to a large language model: Google's Gemini API, by its own client (google-genai).

`Gemini` sends requests for structured output, one by one or as batches, and says what went wrong in
synthetic.llm.failures' terms; it never tries again by itself. `Annotator` is one model that labels issues, one at a
time, patiently.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labeler.base.retry import NO_NETWORK, NO_NETWORK_REMEDY, unresolved
from labeler.config import GeminiAccess
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue
from synthetic.annotating.instruction import parse_labels, prompt_for, user_message
from synthetic.llm.asking import Asker, Outcome
from synthetic.llm.cost import Price
from synthetic.llm.failures import KEY_REMEDY, LATER_REMEDY, BadKey, CacheGone, NoNetwork, busy, refusal, safe
from synthetic.llm.messages import Batch, Reply, Request, read_batch, read_reply, read_state
from synthetic.workspace.records import Answer

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

API_VERSION = "v1beta"  # batches and caches are documented for it, and it knows every model's name
TIMEOUT_SECONDS = 120.0


class Gemini:
    """Google's client for one key, which appears in no error and no log. Safe for threads."""

    def __init__(self, access: GeminiAccess, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        if not access.key:
            raise BadKey("There is no key for the Gemini API.", KEY_REMEDY)
        if not re.fullmatch(r"[!-~]+", access.key):
            # Checked here because an HTTP library that refuses a header prints it, key and all.
            raise BadKey("The key for the Gemini API holds a space, a line end or a strange character.", KEY_REMEDY)
        self._access, self._timeout = access, timeout_seconds

    def __repr__(self) -> str:
        return f"Gemini(base_url={self._access.base_url!r})"

    def generate(self, request: Request) -> Reply:
        """The model's answer to one request, made once.

        Raises:
            GeminiError: of the kinds in synthetic.llm.failures; its `tokens` say what was used all the same.
        """
        with self._translated(f"a request to {request.model}"):
            found = self._client.models.generate_content(
                model=request.model, contents=_contents(request), config=_config(request)
            )
        return read_reply(found)

    def submit(self, requests: Sequence[tuple[str, Request]], display_name: str) -> str:
        """Starts a batch job of (key, request) pairs, all to the first one's model; returns the job's name."""
        from google.genai import types

        model = requests[0][1].model
        inlined = [
            types.InlinedRequest(contents=_contents(one), metadata={"key": key}, config=_config(one))
            for key, one in requests
        ]
        with self._translated(f"a batch for {model}"):
            config = types.CreateBatchJobConfig(display_name=display_name)
            job = self._client.batches.create(model=model, src=inlined, config=config)
        if not job.name:
            raise busy("The service gave the batch no name.", paid=True)
        return job.name

    def batch(self, name: str) -> Batch:
        """How a job stands, with its results once it has ended."""
        with self._translated(f"for batch {name}"):
            return read_batch(self._client.batches.get(name=name), self._access.key)

    def batches(self) -> Iterator[Batch]:
        """All jobs of this key, newest first, without their results."""
        with self._translated("for the list of batches"):
            for job in self._client.batches.list(config={"page_size": 100}):
                yield Batch(job.name or "", job.display_name or "", *read_state(job, self._access.key))

    def cache(self, model: str, system: str, seconds: int) -> str:
        """Keeps an instruction with the service for some time; returns its name for Request.cached."""
        with self._translated("to cache the instruction"):
            config = {"system_instruction": system, "ttl": f"{seconds}s"}
            made = self._client.caches.create(model=model, config=config)  # type: ignore[arg-type]
        return made.name or ""

    def drop_cache(self, name: str) -> None:
        with suppress(CacheGone), self._translated("to delete the cached instruction"):
            self._client.caches.delete(name=name)

    @functools.cached_property
    def _client(self) -> genai.Client:
        return _connect(self._access, self._timeout)

    @contextmanager
    def _translated(self, asked: str) -> Iterator[None]:
        import httpx2
        from google.genai import errors

        key = self._access.key
        try:
            yield
        except errors.APIError as error:
            headers = {name.lower(): value for name, value in getattr(error.response, "headers", {}).items()}
            said = safe(str(error.message or error.status or ""), key)
            raise refusal(error.code, said, error.details, headers, asked) from None
        except httpx2.TimeoutException:
            raise busy(f"The service did not answer {asked} within {self._timeout:g} s.", paid=True) from None
        except httpx2.ConnectError as error:
            if unresolved(error):
                host = urlsplit(self._access.base_url).hostname
                what = f"The service was not asked for {asked}: {NO_NETWORK.format(host=host)}."
                raise NoNetwork(what, f"{NO_NETWORK_REMEDY} {LATER_REMEDY}") from None
            raise busy(f"The service was out of reach for {asked}: {safe(str(error), key)}") from None
        except httpx2.RequestError as error:
            reason = safe(str(error), key) or type(error).__name__
            raise busy(f"The connection broke at {asked}: {reason}", paid=True) from None
        except ValueError as error:  # of json and of pydantic
            what = f"The service's answer to {asked} makes no sense: {safe(str(error), key)}"
            raise busy(what, paid=True) from None


class Annotator:
    """One model that labels issues: `Annotator("gemini-…", labels, price, Asker(gemini)).label(issue)`.

    Args:
        asker: shares pace and budget with others.
        sample: asks the same model with another seed: a further opinion of its own, called "gemini-…/2".
    """

    def __init__(
        self, model: str, labels: LabelSet, price: Price, asker: Asker, *, sample: int = 1, thinking: str = ""
    ) -> None:
        self.name = model if sample == 1 else f"{model}/{sample}"
        self.model, self.price, self.prompt = model, price, prompt_for(labels)
        self._sample, self._thinking, self._asker = sample, thinking, asker

    def request(self, issue: Issue, cached: str = "") -> tuple[Request, int]:
        """The request for an issue, and how many of its characters were cut away. `cached`: as Request has it."""
        user, cut = user_message(issue)
        options = {"seed": self._sample, "thinking": self._thinking, "cached": cached}
        return Request(self.model, self.prompt.system, user, self.prompt.schema, **options), cut  # type: ignore[arg-type]

    def label(self, issue: Issue, cached: str = "") -> Answer:
        """What the model says of one issue, or why there is no answer.

        Raises:
            GeminiError: it makes no sense to go on: no key, a refused request, a quota or a budget used up.
        """
        request, cut = self.request(issue, cached)
        try:
            outcome = self._asker.ask(request, self.price, self.parse)
        except CacheGone:
            outcome = self._asker.ask(replace(request, cached=""), self.price, self.parse)
        return self.answer(issue.id, outcome, cut)

    def parse(self, text: str) -> tuple[str, ...]:
        """The labels of an answer's text. Raises OffSchema."""
        return parse_labels(text, self.prompt.names)

    def answer(self, identity: str, outcome: Outcome[tuple[str, ...]], cut: int) -> Answer:
        return Answer(
            id=identity,
            annotator=self.name,
            labels=outcome.value,
            prompt=self.prompt.hash,
            error=outcome.error,
            cut_characters=cut,
            tokens=outcome.tokens,
            cost=outcome.cost,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def wire(request: Request) -> dict[str, Any]:
    """The request as it would be sent: method, address and body, made by Google's client. Nothing is sent."""
    import httpx2

    sent: dict[str, Any] = {}

    def keep(asked: httpx2.Request) -> httpx2.Response:
        sent.update(method=asked.method, url=str(asked.url), body=json.loads(asked.content))
        return httpx2.Response(200, json={})

    client = _connect(GeminiAccess(key="none"), 1.0, httpx2.MockTransport(keep))
    client.models.generate_content(model=request.model, contents=_contents(request), config=_config(request))
    return sent


def _contents(request: Request) -> Any:
    from google.genai import types

    return [types.Content(role="user", parts=[types.Part(text=request.user)])]


def _config(request: Request) -> types.GenerateContentConfig:
    from google.genai import types

    thinking = None
    if request.thinking.isdigit():
        thinking = types.ThinkingConfig(thinking_budget=int(request.thinking))
    elif request.thinking:
        thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel(request.thinking.upper()))
    return types.GenerateContentConfig(
        system_instruction=None if request.cached else request.system,
        cached_content=request.cached or None,
        response_mime_type="application/json",
        response_json_schema=dict(request.schema),
        max_output_tokens=request.max_output_tokens,
        seed=request.seed,
        thinking_config=thinking,
    )


def _connect(access: GeminiAccess, timeout_seconds: float, transport: Any = None) -> genai.Client:
    from google import genai
    from google.genai import types

    # A redirect would carry the key to another host.
    arguments: dict[str, Any] = {"follow_redirects": False}
    if transport is not None:
        arguments["transport"] = transport
    options = types.HttpOptions(
        base_url=access.base_url,
        api_version=API_VERSION,
        timeout=round(timeout_seconds * 1000),
        client_args=arguments,
    )
    # Said outright, so that no variable in the environment sends the issues to another service.
    return genai.Client(vertexai=False, api_key=access.key, http_options=options)
