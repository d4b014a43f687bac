"""A loopback Hugging Face Hub for model repositories: revisions, trees, files with ETag, X-Repo-Commit and Range."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tests.standins import Answer, Loopback, Request, etag_of


@dataclass
class Repository:
    """commits: commit -> file name -> content; refs: branch or tag -> commit."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)


class HubServer(Loopback):
    """`token`, where set, is wanted with each request. `storage`, where set, is redirected to for file bodies."""

    def __init__(self, token: str = "", storage: Storage | None = None) -> None:
        super().__init__()
        self.repositories: dict[str, Repository] = {}
        self.token = token
        self.storage = storage

    def commit(self, name: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Adds a commit and moves `branch` to it. Returns its 40 hex digits."""
        repository = self.repositories.setdefault(name, Repository())
        text = json.dumps([name, len(repository.commits), sorted(files)])
        commit = hashlib.sha1(text.encode()).hexdigest()
        repository.commits[commit] = dict(files)
        repository.refs[branch] = commit
        return commit

    def answer(self, request: Request) -> Answer:
        path = unquote(urlsplit(request.path).path)
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "RepoNotFound")
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", path):
            return self._api(match[1], match[2], match[3])
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(request, match[1], match[2], match[3])
        return _error(404, "")

    def _files(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | Answer:
        repository = self.repositories.get(name)
        if repository is None:
            return _error(404, "RepoNotFound")
        commit = repository.refs.get(revision, revision)
        files = repository.commits.get(commit)
        return _error(404, "RevisionNotFound") if files is None else (commit, files)

    def _api(self, name: str, kind: str, revision: str) -> Answer:
        found = self._files(name, revision)
        if isinstance(found, Answer):
            return found
        commit, files = found
        if kind == "revision":
            siblings = [{"rfilename": file} for file in files]
            return _json(
                {"id": name, "modelId": name, "sha": commit, "private": False, "siblings": siblings, "tags": []}
            )
        entries = [
            {"type": "file", "path": file, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
            for file, body in files.items()
        ]
        return _json(entries)

    def _file(self, request: Request, name: str, revision: str, file: str) -> Answer:
        found = self._files(name, revision)
        if isinstance(found, Answer):
            return found
        commit, files = found
        body = files.get(file)
        if body is None:
            return _error(404, "EntryNotFound")
        if self.storage is None:
            return Answer(headers={"X-Repo-Commit": commit}, body=body, ranges=True)
        self.storage.files[f"/{file}"] = body
        linked = {"X-Repo-Commit": commit, "X-Linked-Etag": etag_of(body), "X-Linked-Size": str(len(body))}
        return Answer(302, {**linked, "Location": f"{self.storage.url}/{file}?signature=secret-signature"})


class Storage(Loopback):
    """What the Hub and GitHub redirect to for the bytes: another origin, which must see no token."""

    host = "localhost"  # another name than the Hub's, as in life

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        body = self.files.get(urlsplit(request.path).path)
        return Answer(404) if body is None else Answer(body=body, ranges=True)


def _error(status: int, code: str) -> Answer:
    return Answer(status, {"X-Error-Code": code, "X-Error-Message": code}, b"{}")


def _json(document: object) -> Answer:
    return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())
