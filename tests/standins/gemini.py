"""A loopback Gemini API, by the published REST schema (https://ai.google.dev/api): generateContent, batches,
cached contents, countTokens. It labels by simple keywords, so that results can be checked, and can be told to fail.

    with GeminiServer() as server:
        server.fault("busy", times=2, seconds=0.1)
        access = GeminiAccess(key=server.key, base_url=server.url)

A label is given where a word of its name stands in the message. `compose`, where set, writes the answer instead: it
takes the request (`Asked`) and returns what is to become the answer's JSON.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOO_MANY_STATES = (
    "The specified schema produces a constraint that has too many states for serving. Typical causes of this error are "
    "schemas with lots of text, schemas with long array length limits, or schemas using complex value matchers."
)
KEY = "AIza" + "StandIn-key-that-opens-nothing-000000"
FAULTS = (
    "busy",  # 429 with RetryInfo of `seconds`, by default none
    "daily",  # 429, the day's quota
    "no quota",  # 429, a quota of 0: the key has no access to the model
    "refused",  # `refusal`: a status with what it says, and Google's reason
    "error",  # 500
    "overloaded",  # 503
    "cut",  # the connection ends in the middle of the answer
    "malformed",  # 200 with a body that is not JSON
    "prose",  # text that is not JSON
    "outside",  # a label that is not in the enum
    "safety",  # the prompt is blocked
    "stopped",  # the answer is blocked: finishReason SAFETY
    "empty",  # no candidates
    "silent",  # finishReason STOP, and no text
    "max tokens",  # cut off at maxOutputTokens
    "no usage",  # no token counts
    "wrong usage",  # token counts that cannot be
    "slow",  # answers after `seconds`
    "bad key",  # 400 API_KEY_INVALID
)
_REQUEST = {"model", "contents", "systemInstruction", "generationConfig", "cachedContent", "safetySettings"}
_CONFIG = {
    *("responseMimeType", "responseJsonSchema", "responseSchema", "maxOutputTokens", "temperature", "topP", "topK"),
    *("seed", "candidateCount", "thinkingConfig", "stopSequences"),
}


@dataclass(frozen=True)
class Asked:
    """A request that reached a model: `body` as sent, `text` the message, `instruction` the system's, cached or not."""

    model: str
    body: Mapping[str, Any]
    text: str
    instruction: str

    @property
    def schema(self) -> Mapping[str, Any]:
        return self.body["generationConfig"]["responseJsonSchema"]


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose message holds `text`; of `model` only, where given."""

    kind: str
    times: int = 1
    text: str = ""
    model: str = ""
    seconds: float | None = None
    refusal: tuple[int, str, str] = (403, "No.", "")


@dataclass
class Job:
    """A batch: its requests, and what became of it. `items`: key -> a status or response, once it is done."""

    name: str
    model: str
    display_name: str
    requests: list[dict[str, Any]]
    state: str = "BATCH_STATE_PENDING"
    responses: list[dict[str, Any]] = field(default_factory=list)


class Unacceptable(Exception):  # noqa: N818 - named for what it says
    """A request that the service refuses: `code`, and what it says."""

    def __init__(self, said: str, code: int = 400, reason: str = "") -> None:
        super().__init__(said)
        self.said, self.code, self.reason = said, code, reason


class GeminiServer:
    """`answered` counts what was answered with labels (and so paid); `seen` holds headers and raw bodies of everything.

    Batches stay pending for `polls` looks at them; `finish(state)` ends them at once. `thoughts` tokens are used for
    each answer. `minimum` is the least that can be cached. A schema with an enum longer than `longest_enum` is refused,
    by `late_refusals` not when a batch is submitted, but in its results. `edit` changes a batch's results at its end.
    """

    def __init__(self, key: str = KEY, *, polls: int = 0, thoughts: int = 0, minimum: int = 1024) -> None:
        self.key, self.polls, self.thoughts, self.minimum = key, polls, thoughts, minimum
        self.redirect = ""  # where set, every request is sent on to this address
        self.compose: Callable[[Asked], object] | None = None
        self.edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
        self.trouble: tuple[int, str, str] | None = None  # where set, every request is refused by it
        self.longest_enum, self.late_refusals = math.inf, False
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []  # method, path, headers, body
        self.asked: list[Asked] = []
        self.answered: list[Asked] = []
        self.faults: list[Fault] = []
        self.jobs: dict[str, Job] = {}
        self.caches: dict[str, dict[str, Any]] = {}
        self.deleted_caches: list[str] = []
        self.most_at_once = 0
        self._now = 0
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fault(self, kind: str, **facts: Any) -> None:
        assert kind in FAULTS, kind
        self.faults.append(Fault(kind, **facts))

    def finish(self, state: str = "BATCH_STATE_SUCCEEDED", *, failing: str = "") -> None:
        """Ends all pending batches. Requests whose message holds `failing` fail by themselves."""
        for job in self.jobs.values():
            if job.state == "BATCH_STATE_PENDING":
                self._end(job, state, failing)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, object, Fault | None]:
        """Status, JSON body and the fault to act out while sending."""
        with self._lock:
            self.seen.append((method, path, headers, raw))
        try:
            if self.trouble:
                raise Unacceptable(self.trouble[1], self.trouble[0], self.trouble[2])
            parts = urlsplit(path)
            if "key" in parse_qs(parts.query):
                raise Unacceptable("The key stands in the address.")
            if headers.get("x-goog-api-key") != self.key:
                raise Unacceptable("API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID")
            body = json.loads(raw) if raw else {}
            match = re.fullmatch(r"/v1(?:beta)?/(.+)", parts.path)
            if not match:
                raise Unacceptable("Not found.", 404)
            return self._route(method, match[1], body)
        except Unacceptable as error:
            return error.code, _status(error.code, error.said, error.reason), None

    def _route(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object, Fault | None]:
        if match := re.fullmatch(r"models/([^:/]+):(\w+)", path):
            model, action = match[1], match[2]
            if not model.startswith("gemini-"):
                raise Unacceptable(f"models/{model} is not found for API version v1beta.", 404)
            if method == "POST" and action == "generateContent":
                return self._generate(model, body)
            if method == "POST" and action == "batchGenerateContent":
                return 200, self._submit(model, body), None
            if method == "POST" and action == "countTokens":
                return 200, {"totalTokens": _count(_text_of(body.get("contents", [])))}, None
        if path == "batches" and method == "GET":
            return 200, {"operations": [_operation(job) for job in reversed(self.jobs.values())]}, None
        if path in self.jobs and method == "GET":
            return 200, self._looked_at(self.jobs[path]), None
        if path == "cachedContents" and method == "POST":
            return 200, self._cache(body), None
        if path in self.caches and method == "DELETE":
            self.deleted_caches.append(path)
            del self.caches[path]
            return 200, {}, None
        raise Unacceptable("Not found.", 404)

    def _generate(self, model: str, body: dict[str, Any]) -> tuple[int, object, Fault | None]:
        asked = self._checked(model, body)
        self._check_schema(asked)
        with self._lock:
            self.asked.append(asked)
            fault = self._due(asked)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            if fault is not None and fault.kind == "slow":
                self._stop.wait(fault.seconds if fault.seconds is not None else 1.0)
            status, answer = self._answer(asked, fault.kind if fault else "", fault)
        finally:
            with self._lock:
                self._now -= 1
        return status, answer, fault

    def _due(self, asked: Asked) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.text in asked.text and fault.model in ("", asked.model):
                fault.times -= 1
                return fault
        return None

    def _checked(self, model: str, body: dict[str, Any]) -> Asked:
        """The request, by https://ai.google.dev/api/generate-content, and as this project makes them."""
        if unknown := set(body) - _REQUEST:
            raise Unacceptable(f"Invalid JSON payload received. Unknown name {sorted(unknown)[0]!r}")
        config = body.get("generationConfig", {})
        if unknown := set(config) - _CONFIG:
            raise Unacceptable(f"Invalid JSON payload received. Unknown name {sorted(unknown)[0]!r}")
        contents = body.get("contents")
        if not isinstance(contents, list) or not contents or any(not one.get("parts") for one in contents):
            raise Unacceptable("contents is not specified")
        if config.get("responseMimeType") != "application/json" or "responseJsonSchema" not in config:
            raise Unacceptable("The stand-in wants structured output.")
        instruction = _text_of([body["systemInstruction"]]) if "systemInstruction" in body else ""
        if name := body.get("cachedContent"):
            if name not in self.caches or self.caches[name]["model"] != f"models/{model}":
                raise Unacceptable("CachedContent not found (or permission denied)", 403)
            if instruction:
                raise Unacceptable(
                    "CachedContent can not be used with GenerateContent request setting system_instruction"
                )
            instruction = _text_of([self.caches[name]["systemInstruction"]])
        return Asked(model, body, _text_of(contents), instruction)

    def _check_schema(self, asked: Asked) -> None:
        if self._longest(asked.schema) > self.longest_enum:
            raise Unacceptable(TOO_MANY_STATES)

    def _longest(self, schema: Any) -> int:
        if not isinstance(schema, Mapping):
            return 0
        return max([len(schema.get("enum", ())), *(self._longest(one) for one in schema.values())])

    def _answer(self, asked: Asked, kind: str, fault: Fault | None) -> tuple[int, dict[str, Any]]:
        if kind in ("busy", "daily", "no quota", "error", "overloaded", "bad key"):
            return _failure(kind, fault.seconds if fault else None)
        if kind == "refused" and fault:
            return fault.refusal[0], _status(*fault.refusal)
        if kind == "safety":
            usage = {"promptTokenCount": _count(asked.instruction + asked.text)}
            return 200, {
                "promptFeedback": {"blockReason": "SAFETY"},
                "usageMetadata": usage,
                "modelVersion": asked.model,
            }
        text = json.dumps(self.compose(asked) if self.compose else keyword_answer(asked), ensure_ascii=False)
        if kind == "prose":
            text = "I would say that this is a bug."
        if kind == "outside":
            text = json.dumps({"labels": ["no such label"]})
        finish = {"stopped": "SAFETY", "max tokens": "MAX_TOKENS"}.get(kind, "STOP")
        content = {"role": "model", "parts": [{"text": text}]} if finish == "STOP" else {"role": "model"}
        if kind == "silent":
            content, text = {"role": "model", "parts": [{"text": ""}]}, ""
        candidates = [] if kind == "empty" else [{"content": content, "finishReason": finish, "index": 0}]
        answer: dict[str, Any] = {"candidates": candidates, "modelVersion": asked.model, "responseId": "standin"}
        if kind != "no usage":
            answer["usageMetadata"] = self._usage(asked, text, wrong=kind == "wrong usage")
        with self._lock:
            self.answered.append(asked)
        return 200, answer

    def _usage(self, asked: Asked, text: str, *, wrong: bool) -> dict[str, Any]:
        prompt, output = _count(asked.instruction) + _count(asked.text), _count(text)
        usage = {"promptTokenCount": prompt, "candidatesTokenCount": output}
        if wrong:
            return {"promptTokenCount": -prompt, "candidatesTokenCount": output, "totalTokenCount": -1}
        if self.thoughts:
            usage["thoughtsTokenCount"] = self.thoughts
        if asked.body.get("cachedContent"):
            usage["cachedContentTokenCount"] = _count(asked.instruction)
        return usage | {"totalTokenCount": prompt + output + self.thoughts}

    def _submit(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        """By https://ai.google.dev/api/batch-api."""
        batch = body.get("batch", {})
        requests = batch.get("inputConfig", {}).get("requests", {}).get("requests", [])
        if not batch.get("displayName") or not requests:
            raise Unacceptable("batch.displayName and inputConfig.requests are required")
        for one in requests:
            asked = self._checked(model, one["request"])
            if not self.late_refusals:
                self._check_schema(asked)
        with self._lock:
            job = Job(f"batches/b{next(self._numbers)}", model, batch["displayName"], requests)
            self.jobs[job.name] = job
        return _operation(job)

    def _looked_at(self, job: Job) -> dict[str, Any]:
        if job.state == "BATCH_STATE_PENDING" and self.polls > 0:
            self.polls -= 1
            if self.polls == 0:
                self._end(job, "BATCH_STATE_SUCCEEDED", "")
        return _operation(job, whole=True)

    def _end(self, job: Job, state: str, failing: str) -> None:
        job.state = state
        if state != "BATCH_STATE_SUCCEEDED":
            return
        for one in job.requests:
            asked = self._checked(job.model, one["request"])
            named = {"metadata": one.get("metadata", {})}
            fault = self._due(asked)
            if failing and failing in asked.text:
                job.responses.append({"error": {"code": 13, "message": "Internal error encountered."}, **named})
            elif self._longest(asked.schema) > self.longest_enum:
                job.responses.append({"error": {"code": 3, "message": TOO_MANY_STATES}, **named})
            else:
                job.responses.append({"response": self._answer(asked, fault.kind if fault else "", fault)[1], **named})
        if self.edit:
            job.responses = self.edit(job.responses)

    def _cache(self, body: dict[str, Any]) -> dict[str, Any]:
        """By https://ai.google.dev/api/caching."""
        tokens = _count(_text_of([body.get("systemInstruction", {})]))
        if tokens < self.minimum:
            said = f"Cached content is too small. total_token_count={tokens}, min_total_token_count={self.minimum}"
            raise Unacceptable(said)
        name = f"cachedContents/c{next(self._numbers)}"
        self.caches[name] = body
        return {"name": name, "model": body["model"], "usageMetadata": {"totalTokenCount": tokens}}


def keyword_answer(asked: Asked) -> object:
    """What fits the schema: of an enum the names that share a word with the message, else text made of the message."""
    return _fitting(asked.schema, asked.text.lower())


def _fitting(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "object":
        return {name: _fitting(one, text) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        names = schema["items"].get("enum")
        if names is None:
            return [_fitting(schema["items"], text) for _ in range(schema.get("minItems", 1))]
        return [name for name in names if any(w in text for w in re.findall(r"[^\W_]{3,}", name.lower()))]
    return f"written for {text[:40]}" if kind == "string" else 0


def _count(text: str) -> int:
    return math.ceil(len(text) / 4)


def _text_of(contents: list[Any]) -> str:
    return "\n".join(part.get("text", "") for one in contents for part in one.get("parts", []))


def _operation(job: Job, *, whole: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": f"models/{job.model}",
        "displayName": job.display_name,
        "state": job.state,
        "createTime": "2026-11-20T00:00:00Z",
        "name": job.name,
    }
    if whole and job.responses:
        metadata["output"] = {"inlinedResponses": {"inlinedResponses": job.responses}}
    return {"name": job.name, "metadata": metadata} | ({"done": True} if job.state != "BATCH_STATE_PENDING" else {})


def _failure(kind: str, seconds: float | None) -> tuple[int, dict[str, Any]]:
    if kind == "busy":
        answer = _status(429, "You exceeded your current quota, please check your plan and billing details.")
        if seconds is not None:
            hint = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
            answer["error"]["details"] = [hint]
        return 429, answer
    if kind == "daily":
        answer = _status(429, "You exceeded your current quota.")
        violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250"}
        answer["error"]["details"] = [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"},
        ]
        return 429, answer
    if kind == "no quota":
        said = (
            "You exceeded your current quota, please check your plan.\n* Quota exceeded for metric: "
            "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-x\n"
            "Please retry in 34.07s."
        )
        answer = _status(429, said)
        violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
        answer["error"]["details"] = [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"},
        ]
        return 429, answer
    if kind == "bad key":
        return 400, _status(400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID")
    code, said = (500, "An internal error has occurred.") if kind == "error" else (503, "The model is overloaded.")
    return code, _status(code, said)


def _status(code: int, said: str, reason: str = "") -> dict[str, Any]:
    names = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
    error: dict[str, Any] = {"code": code, "message": said, "status": names.get(code, "INTERNAL")}
    if reason:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return {"error": error}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(server: GeminiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # header and body are two writes

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            """The record is enough."""

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer, fault = server.serve(self.command, self.path, headers, raw)
            body = json.dumps(answer).encode()
            kind = fault.kind if fault is not None else ""
            if kind == "malformed":
                body = b"<html>a proxy's page</html>"
            self.send_response(307 if server.redirect else status)
            if server.redirect:
                self.send_header("Location", server.redirect + self.path)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if kind == "cut" else body)
            self.close_connection = self.close_connection or kind == "cut"

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # a client that was killed

    return Handler
