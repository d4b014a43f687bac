"""A GitHub on the loopback: repositories, issues, labels and their events in memory, and faults on request.

Every request is checked against GitHub's own API description; leaving the `with` block fails when one broke it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.standins import openapi
from tests.standins.github_graphql import graphql_answer
from tests.standins.github_releases import Releases, operate
from tests.standins.github_wire import Answer, Json, Request, user

TOKEN = "ghs_standInTokenThatMustNeverBePrinted"
ACTION = "github-actions[bot]"


@dataclass
class Fault:
    """`answer` instead of the true one, for the next `times` requests whose "METHOD path" holds `where`."""

    answer: Answer
    where: str = ""
    times: int = 1


@dataclass
class Issue:
    document: Json
    events: list[Json] = field(default_factory=list)


@dataclass
class Repository:
    labels: list[Json] = field(default_factory=list)
    issues: dict[int, Issue] = field(default_factory=dict)
    releases: Releases = field(default_factory=Releases)
    private: bool = False
    facts: Json = field(default_factory=dict)  # of the repository's own object, such as {"archived": True}
    templates: dict[str, str | None] = field(default_factory=dict)  # path -> text, None where it is binary


class GitHub:
    """The stand-in. `permissions` are the token's; `login` is whose name stands on what it does."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.login = ACTION
        self.may_write = True
        self.public = False  # whether it may be read without a token
        self.deepest = 10_000  # GitHub's own bound for pages by number in the list of issues
        self.charged = 0  # requests that count against the rate limit
        self.url = ""
        self._events = 0
        self.clock = 1_790_000_000  # seconds since 1970; whatever is done takes one

    def add_repository(self, name: str, labels: tuple[str, ...] = ("bug", "documentation")) -> Repository:
        repository = self.repositories[name.lower()] = Repository()
        for label in labels:
            self._label(name, label)
        return repository

    def add_issue(self, name: str, number: int, title: str, body: str | None = None, **more: Any) -> Issue:
        here = f"{self.url}/repos/{name}/issues/{number}"
        now = self.now()
        document = {
            "id": number, "node_id": f"I_{number}", "url": here, "repository_url": f"{self.url}/repos/{name}",
            "labels_url": f"{here}/labels{{/name}}", "comments_url": f"{here}/comments", "events_url": f"{here}/events",
            "html_url": f"https://github.com/{name}/issues/{number}", "number": number, "state": "open",
            "title": title, "body": body, "user": user("reporter"), "labels": [], "assignee": None, "assignees": [],
            "milestone": None, "locked": False, "comments": 0, "closed_at": None, "created_at": now, "updated_at": now,
        }  # fmt: skip
        issue = self.repositories[name.lower()].issues[number] = Issue(document | more)
        return issue

    def set_label(self, name: str, number: int, label: str, by: str | None) -> None:
        """Somebody puts a label on an issue; the repository gets it where it lacks it, as with GitHub."""
        issue = self.repositories[name.lower()].issues[number]
        if label.lower() not in {one["name"].lower() for one in issue.document["labels"]}:
            issue.document["labels"].append(self._label(name, label))
            self._event(issue, "labeled", label, by)

    def act(self, name: str, number: int, event: str, by: str | None) -> None:
        """Somebody does something else to an issue ("closed", "assigned"); `by` None is an account since deleted."""
        self._event(self.repositories[name.lower()].issues[number], event, "", by)

    def take_label(self, name: str, number: int, label: str, by: str | None) -> bool:
        issue = self.repositories[name.lower()].issues[number]
        kept = [one for one in issue.document["labels"] if one["name"].lower() != label.lower()]
        if len(kept) == len(issue.document["labels"]):
            return False
        issue.document["labels"] = kept
        self._event(issue, "unlabeled", label, by)
        return True

    def labels_of(self, name: str, number: int) -> list[str]:
        return [one["name"] for one in self.repositories[name.lower()].issues[number].document["labels"]]

    def fail(self, answer: Answer, where: str = "", times: int = 1) -> None:
        self.faults.append(Fault(answer, where, times))

    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.method != "GET"]

    def answer(self, request: Request, raw: bytes) -> Answer:
        self.requests.append(request)
        if request.path != "/graphql":  # has no description in OpenAPI
            self.violations += openapi.violations(request.method, request.target, request.headers, raw)
        for fault in self.faults:
            if fault.times > 0 and fault.where in f"{request.method} {request.path}":
                fault.times -= 1
                return fault.answer
        anonymous = self.public and request.method == "GET" and "Authorization" not in request.headers
        if not anonymous and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Answer(401, {"message": "Bad credentials"})
        if (request.method, request.path) == ("POST", "/graphql"):
            return Answer(200, graphql_answer(self.repositories, request.body))
        found = openapi.match(request.method, request.target)
        if found is None:
            return Answer(404, {"message": "Not Found"})
        if request.method != "GET" and not self.may_write:
            rights = "contents=write" if "/releases" in request.path else "issues=write; pull_requests=write"
            needed = {"X-Accepted-GitHub-Permissions": rights}
            return Answer(403, {"message": "Resource not accessible by integration"}, needed)
        answer = self._operation(found, request)
        self.charged += answer.status != 304
        if not 300 <= answer.status < 400:
            wrong = openapi.answer_violations(found, answer.status, answer.body)
            self.violations += [f"the stand-in's answer to {request.method} {request.path}: {one}" for one in wrong]
        return answer

    def _operation(self, found: openapi.Match, request: Request) -> Answer:
        given, name = found.parameters, "{owner}/{repo}".format(**{"owner": "", "repo": "", **found.parameters})
        operation = found.operation["operationId"]
        if operation == "rate-limit/get":
            core = {"limit": 1000, "remaining": 990, "reset": 2_000_000_000, "used": 10}
            return Answer(200, {"resources": {"core": core, "search": core}, "rate": core})
        if operation == "users/get-authenticated":
            return Answer(200, user(self.login)) if self.login != ACTION else Answer(403, {"message": "Resource not …"})
        repository = self.repositories.get(name.lower())
        issue = repository.issues.get(int(given["issue_number"])) if repository and "issue_number" in given else None
        if repository is None or ("issue_number" in given and issue is None):
            return Answer(404, {"message": "Not Found"})
        if operation == "repos/get":
            kept = {"private": repository.private} | repository.facts
            return Answer(200, {"full_name": name, "has_issues": True, "archived": False} | kept)
        if (answer := operate(self, operation, name, request, given)) is not None:
            return answer
        if operation == "issues/list-labels-for-repo":
            return self.page(request, repository.labels)
        if operation == "issues/create-label":
            asked = request.body
            if asked["name"].lower() in {one["name"].lower() for one in repository.labels}:
                return Answer(422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]})
            made = self._label(name, asked["name"])
            made |= {"color": asked["color"], "description": asked["description"]}
            return Answer(201, made)
        if operation == "issues/update-label":
            one = next((one for one in repository.labels if one["name"].lower() == given["name"].lower()), None)
            if one is None:
                return Answer(404, {"message": "Not Found"})
            one["name"] = request.body["new_name"]
            return Answer(200, one)
        if operation == "issues/list-for-repo":
            return self._list(request, repository)
        if operation == "issues/list-events-for-repo":
            events = [event | {"issue": one.document} for one in repository.issues.values() for event in one.events]
            return self.page(request, sorted(events, key=lambda event: -event["id"]))
        assert issue is not None
        return self._issue_operation(operation, name, issue, request, given)

    def _issue_operation(
        self, operation: str, name: str, issue: Issue, request: Request, given: dict[str, str]
    ) -> Answer:
        if operation == "issues/get":
            return Answer(200, issue.document)
        if operation == "issues/list-events":
            return self.page(request, issue.events)
        number = issue.document["number"]
        if operation == "issues/add-labels":
            labels = request.body["labels"]
            if not all(isinstance(label, str) and 0 < len(label) <= 50 for label in labels):
                return Answer(422, {"message": "Validation Failed"})
            for label in labels:
                self.set_label(name, number, label, self.login)
            return Answer(200, issue.document["labels"])
        assert operation == "issues/remove-label"
        if not self.take_label(name, number, given["name"], self.login):
            return Answer(404, {"message": "Label does not exist"})
        return Answer(200, issue.document["labels"])

    def _list(self, request: Request, repository: Repository) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        if int(query.get("page", "1")) * int(query.get("per_page", "30")) > self.deepest:
            return Answer(422, {"message": "Pagination with the page parameter is not supported for large datasets"})
        by, state = query.get("sort", "created") + "_at", query.get("state", "open")
        found = [one.document for one in repository.issues.values() if state in ("all", one.document["state"])]
        found = [one for one in found if one["updated_at"] >= query.get("since", "")]
        found.sort(key=lambda one: (one[by], one["number"]), reverse=query.get("direction", "desc") == "desc")
        return self.page(request, found)

    def page(self, request: Request, everything: list[Json]) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        pages = -(-len(everything) // size)
        there = {"next": page + 1, "last": pages} if page < pages else {}
        links = [
            f'<{self.url}{request.path}?{urlencode(query | {"page": at})}>; rel="{name}"' for name, at in there.items()
        ]
        items = everything[(page - 1) * size : page * size]
        etag = f'W/"{hashlib.sha256(json.dumps(items).encode()).hexdigest()}"'
        headers = {"ETag": etag} | ({"Link": ", ".join(links)} if links else {})
        if request.headers.get("If-None-Match") == etag:
            return Answer(304, None, headers)
        return Answer(200, items, headers)

    def _label(self, name: str, label: str) -> Json:
        repository = self.repositories[name.lower()]
        for known in repository.labels:
            if known["name"].lower() == label.lower():
                return known
        made = {
            "id": len(repository.labels) + 1, "node_id": f"L_{label}", "url": f"{self.url}/repos/{name}/labels/x",
            "name": label, "description": None, "color": "ededed", "default": False,
        }  # fmt: skip
        repository.labels.append(made)
        return made

    def _event(self, issue: Issue, change: str, label: str, by: str | None) -> None:
        now = issue.document["updated_at"] = self.now()
        self._events += 1
        issue.events.append({
            "id": self._events, "node_id": "E", "url": f"{self.url}/e", "actor": by and user(by), "event": change,
            "commit_id": None, "commit_url": None, "created_at": now, "performed_via_github_app": None,
        } | ({"label": {"name": label, "color": "ededed"}} if label else {}))  # fmt: skip

    def now(self) -> str:
        self.clock += 1
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock))


@contextmanager
def serving(github: GitHub | None = None) -> Iterator[GitHub]:
    """A running stand-in. Fails at the end when a request, or an answer of its own, broke GitHub's description."""
    github = github or GitHub()
    over = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(github, over))
    server.daemon_threads = True
    github.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield github
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
    assert not github.violations, "\n".join(github.violations)


def _handler(github: GitHub, over: threading.Event) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                request = Request(self.command, self.path, _parsed(raw), dict(self._titled()), time.monotonic())
                answer = github.answer(request, raw)
            if answer.hang:
                over.wait(answer.hang)
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            body = b"" if answer.status == 304 else body
            self.send_response(answer.status)
            for name, value in ({"Content-Type": "application/json; charset=utf-8"} | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # a client that was killed
                self.wfile.write(body[: len(body) // 2] if answer.cut else body)
            self.close_connection = self.close_connection or answer.cut

        def _titled(self) -> Iterator[tuple[str, str]]:
            special = {"x-github-api-version": "X-GitHub-Api-Version"}
            for name, value in self.headers.items():
                yield special.get(name.lower(), name.title()), value

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the requests are recorded."""

    return Handler


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw
