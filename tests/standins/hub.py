"""A loopback Hugging Face Hub: revisions, trees, files with ETag, X-Repo-Commit and Range; and uploads.

Uploads are what huggingface_hub sends without Xet: create, validate-yaml, preupload, LFS batch, PUT, verify, commit.
A dataset's repository is kept under "datasets/owner/name", as the Hub writes it in addresses.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tests.standins import Answer, Loopback, Request, etag_of


@dataclass
class Repository:
    """commits: commit -> file name -> content; refs: branch or tag -> commit."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    messages: list[str] = field(default_factory=list)

    @property
    def files(self) -> dict[str, bytes]:
        """Those of the newest commit of main."""
        return self.commits[self.refs["main"]]


class HubServer(Loopback):
    """`token`, where set, is wanted with each request. `storage`, where set, is redirected to for file bodies.

    Uploading always wants a token, and one that may write: `readers` are those that may not.
    """

    def __init__(self, token: str = "", storage: Storage | None = None, readers: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.repositories: dict[str, Repository] = {}
        self.token = token
        self.storage = storage
        self.readers = readers
        self.objects: dict[str, bytes] = {}  # uploaded large files, by sha256

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
        given = request.headers.get("authorization", "")
        if request.method == "PUT" and (match := re.fullmatch(r"/objects/([0-9a-f]{64})", path)):
            return self._put(match[1], request.body, given)
        if self.token and given != f"Bearer {self.token}":
            return _error(401, "RepoNotFound")
        if request.method == "POST":
            if not given:
                return _error(401, "", "Invalid username or password.")
            if given.removeprefix("Bearer ") in self.readers:
                return _error(403, "", "You don't have the rights to create a model under the namespace")
            return self._upload(path, request.body)
        if match := re.fullmatch(r"/api/(?:models/|(datasets/))([^/]+/[^/]+)/(revision|tree)/(.+)", path):
            return self._api((match[1] or "") + match[2], match[3], match[4])
        if match := re.fullmatch(r"/api/(?:models/|(datasets/))([^/]+/[^/]+)", path):
            return self._api((match[1] or "") + match[2], "revision", "main")
        if match := re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
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
        identity = name.removeprefix("datasets/")
        if kind == "revision":
            siblings = [{"rfilename": file} for file in files]
            private = self.repositories[name].private
            whole = {"id": identity, "sha": commit, "private": private, "siblings": siblings, "tags": []}
            return _json(whole if name != identity else whole | {"modelId": identity})
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

    def _upload(self, path: str, body: bytes) -> Answer:
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return _validated(json.loads(body))
        if match := re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        if match := re.fullmatch(r"/objects/([0-9a-f]{64})/verify", path):
            return _json({}) if len(self.objects.get(match[1], b"")) == json.loads(body)["size"] else _error(404, "")
        match = re.fullmatch(r"/api/(?:models/|(datasets/))([^/]+/[^/]+)/(preupload|commit)/(.+)", path)
        if not match:
            return _error(404, "")
        name, kind, branch = (match[1] or "") + match[2], match[3], match[4]
        if name not in self.repositories:
            return _error(404, "RepoNotFound")
        return (
            self._preupload(name, branch, json.loads(body)) if kind == "preupload" else self._kept(name, branch, body)
        )

    def _create(self, asked: dict[str, str]) -> Answer:
        kind = {"dataset": "datasets/", "model": "", None: ""}[asked.get("type")]
        name = f"{kind}{asked['organization']}/{asked['name']}"
        if name in self.repositories:
            said = {"error": f"You already created this {asked.get('type')} repo", "url": f"{self.url}/{name}"}
            return Answer(409, {"Content-Type": "application/json"}, json.dumps(said).encode())
        self.commit(name, {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"})
        self.repositories[name].private = asked.get("visibility") == "private"
        return _json({"url": f"{self.url}/{name}", "name": name.removeprefix("datasets/")})

    def _preupload(self, name: str, branch: str, asked: dict[str, list[dict[str, object]]]) -> Answer:
        present = self.repositories[name].commits[self.repositories[name].refs[branch]]
        answers = []
        for file in asked["files"]:
            large = str(file["path"]).endswith(_LARGE) or int(str(file["size"])) > 10_000_000
            body = present.get(str(file["path"]))
            # Of a large file the Hub names the sha256, of another git's own hash.
            hashes = None if body is None else hashlib.sha256(body).hexdigest() if large else git_hash(body)
            mode = "lfs" if large else "regular"
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": hashes})
        return _json({"files": answers})

    def _batch(self, asked: dict[str, list[dict[str, object]]]) -> Answer:
        """By https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md."""
        objects = []
        for one in asked["objects"]:
            address = f"{self.url}/objects/{one['oid']}"
            actions = {"upload": {"href": address}, "verify": {"href": f"{address}/verify"}}
            objects.append(one if one["oid"] in self.objects else {**one, "actions": actions})
        return _json({"transfer": "basic", "objects": objects})

    def _put(self, oid: str, body: bytes, authorization: str) -> Answer:
        # In life this is another host, and the address is signed.
        if authorization or hashlib.sha256(body).hexdigest() != oid:
            return _error(400, "")
        self.objects[oid] = body
        return Answer(200)

    def _kept(self, name: str, branch: str, body: bytes) -> Answer:
        repository = self.repositories[name]
        lines = [json.loads(line) for line in body.splitlines()]
        header = lines[0]["value"]
        before = repository.refs[branch]
        if header.get("parentCommit") not in (None, before):
            return _error(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(repository.commits[before])
        for line in lines[1:]:
            value = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile" if value["oid"] in self.objects:
                    files[value["path"]] = self.objects[value["oid"]]
                case "deletedFile":
                    files.pop(value["path"], None)
                case "deletedFolder":
                    files = {path: kept for path, kept in files.items() if not path.startswith(value["path"])}
                case _:
                    return _error(400, "", f"{line['key']}: not understood")
        repository.messages.append(header["summary"])
        commit = self.commit(name, files, branch)
        return _json({"success": True, "commitOid": commit, "commitUrl": f"{self.url}/{name}/commit/{commit}"})


class Storage(Loopback):
    """What the Hub and GitHub redirect to for the bytes: another origin, which must see no token."""

    host = "localhost"  # another name than the Hub's, as in life

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        body = self.files.get(urlsplit(request.path).path)
        return Answer(404) if body is None else Answer(body=body, ranges=True)


def git_hash(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def _validated(asked: Mapping[str, str]) -> Answer:
    """What the Hub says of a card's head (https://huggingface.co/docs/hub/datasets-cards)."""
    import yaml

    found = re.match(r"---\n(.*?)\n---\n", asked["content"], re.DOTALL)
    errors = []
    head = yaml.safe_load(found[1]) if found else {}
    if not isinstance(head, dict):
        errors.append("YAML metadata is not a mapping")
    else:
        for key in ("tags", "task_categories", "size_categories", "configs"):
            if not isinstance(head.get(key, []), list):
                errors.append(f'"{key}" must be an array')
        sizes = head.get("size_categories", [])
        errors += [f'"size_categories[0]" must be one of […]: {size}' for size in sizes if size not in _SIZES]
        if head.get("license") not in (None, *_LICENSES):
            errors.append('"license" must be one of […]')
    body = {"errors": [{"message": error} for error in errors], "warnings": []}
    return Answer(400 if errors else 200, {"Content-Type": "application/json"}, json.dumps(body).encode())


_LARGE = (".bin", ".onnx", ".parquet", ".safetensors")  # of those that a new repository's .gitattributes names
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M")
_LICENSES = ("other", "apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "unknown")


def _error(status: int, code: str, said: str = "") -> Answer:
    body = json.dumps({"error": said} if said else {}).encode()
    return Answer(status, {"X-Error-Code": code, "X-Error-Message": said or code}, body)


def _json(document: object) -> Answer:
    return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())
