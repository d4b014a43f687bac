"""Loopback servers that stand in for the real ones; `Loopback` is what they share: faults, ranges, a record."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # with the query
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose path holds `path`.

    kind: "status" (answers `status`), "cut" (closes the connection after `at` bytes of the body),
    "truncate" (a shorter file, in good order), "corrupt" (flips the byte at `at`),
    "shift" (answers a range that starts `at` bytes after the one asked for),
    "stall" (sends `at` bytes, then nothing for `seconds`).
    """

    path: str
    kind: str
    at: int = 0
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    seconds: float = 60.0
    method: str = "GET"


@dataclass(frozen=True)
class Answer:
    """A body is sent with ETag and in the range asked for; without one only the headers are."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ranges: bool = False


class Loopback:
    """A server on 127.0.0.1 for the length of a `with`. Subclasses say what `answer` answers."""

    host = "127.0.0.1"  # as `url` names it

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.stalled = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self._server.server_address[1]}"

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def fault(self, path: str, kind: str, **facts: object) -> None:
        self.faults.append(Fault(path, kind, **facts))  # type: ignore[arg-type]

    def gets(self, part: str = "") -> list[Request]:
        """The GET requests so far whose path holds `part`."""
        return [request for request in self.requests if request.method == "GET" and part in request.path]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def due_fault(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times > 0 and fault.method == request.method and fault.path in request.path:
                    fault.times -= 1
                    return fault
        return None

    def stall(self, seconds: float) -> None:
        self.stalled.set()
        self._stop.wait(seconds)


def etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            """The record is enough."""

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self._body(headers))
            fault = server.due_fault(request)
            if fault is not None and fault.kind == "status":
                self._send(Answer(fault.status, fault.headers, b"{}"), None)
            else:
                self._send(server.answer(request), fault)

        def _body(self, headers: Mapping[str, str]) -> bytes:
            if headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(int(headers.get("content-length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _send(self, answer: Answer, fault: Fault | None) -> None:
            body, status, headers = answer.body, answer.status, dict(answer.headers)
            if answer.ranges:
                headers |= {"ETag": etag_of(body), "Accept-Ranges": "bytes"}
                if fault is not None and fault.kind == "truncate":
                    body = body[: fault.at]
                if fault is not None and fault.kind == "corrupt":
                    body = body[: fault.at] + bytes([body[fault.at] ^ 0xFF]) + body[fault.at + 1 :]
                shift = fault.at if fault is not None and fault.kind == "shift" else 0
                body, status, headers = self._ranged(body, headers, shift)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if fault is not None and fault.kind in ("cut", "stall"):
                self.wfile.write(body[: fault.at])
                self.wfile.flush()
                if fault.kind == "stall":
                    server.stall(fault.seconds)
                self.close_connection = True
                return
            self.wfile.write(body)

        def _ranged(self, body: bytes, headers: dict[str, str], shift: int) -> tuple[bytes, int, dict[str, str]]:
            """The part of `body` asked for by Range, unless If-Range names another version."""
            asked = self.headers.get("Range", "")
            if not asked or self.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
                return body, 200, headers
            start = int(asked.removeprefix("bytes=").removesuffix("-")) + shift
            if start >= len(body):
                return b"", 416, headers | {"Content-Range": f"bytes */{len(body)}"}
            return body[start:], 206, headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # a client that was killed, or has seen enough

    return Handler


def wait_until(event: threading.Event, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not event.wait(0.05):
        assert time.monotonic() < end, "what the test waits for did not happen"
