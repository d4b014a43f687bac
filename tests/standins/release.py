"""A loopback GitHub that serves release assets: the API on one origin, the bytes by redirect from another."""

from __future__ import annotations

import hashlib
import json
import re
from urllib.parse import unquote, urlsplit

from tests.standins import Answer, Loopback, Request
from tests.standins.hub import Storage


class ReleaseServer(Loopback):
    """`token`, where set, is wanted with each request. `digests`: whether assets tell their sha256."""

    def __init__(self, storage: Storage, token: str = "", digests: bool = True) -> None:
        super().__init__()
        self.storage = storage
        self.token = token
        self.digests = digests
        self.releases: dict[tuple[str, str], dict[str, int]] = {}
        self.assets: dict[int, bytes] = {}

    def publish(self, repository: str, tag: str, name: str, body: bytes) -> None:
        """Adds or replaces an asset; a replaced one gets a new number, as on GitHub."""
        number = 1000 + len(self.assets)
        self.assets[number] = body
        self.releases.setdefault((repository, tag), {})[name] = number

    def answer(self, request: Request) -> Answer:
        path = unquote(urlsplit(request.path).path)
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return _json({"message": "Not Found"}, 404)
        if match := re.fullmatch(r"/repos/([^/]+/[^/]+)/releases/tags/(.+)", path):
            release = self.releases.get((match[1], match[2]))
            return _json({"message": "Not Found"}, 404) if release is None else self._release(match[2], release)
        if match := re.fullmatch(r"/repos/[^/]+/[^/]+/releases/assets/(\d+)", path):
            return self._asset(int(match[1]), request.headers.get("accept", ""))
        return _json({"message": "Not Found"}, 404)

    def _release(self, tag: str, release: dict[str, int]) -> Answer:
        assets = [self._facts(number, name) for name, number in release.items()]
        return _json({"id": 1, "tag_name": tag, "assets": assets})

    def _facts(self, number: int, name: str) -> dict[str, object]:
        body = self.assets[number]
        digest = "sha256:" + hashlib.sha256(body).hexdigest() if self.digests else None
        return {"id": number, "name": name, "size": len(body), "digest": digest, "state": "uploaded"}

    def _asset(self, number: int, accept: str) -> Answer:
        if number not in self.assets:
            return _json({"message": "Not Found"}, 404)
        if accept != "application/octet-stream":
            return _json(self._facts(number, "asset"))
        self.storage.files[f"/{number}"] = self.assets[number]
        return Answer(302, {"Location": f"{self.storage.url}/{number}?signature=secret-signature"})


def _json(document: object, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())
