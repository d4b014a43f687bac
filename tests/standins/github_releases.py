"""Releases of the stand-in GitHub: drafts, tags, assets, uploads to another host where the API's is called api.…"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.standins.github_wire import Answer, Json, Request, user

if TYPE_CHECKING:
    from tests.standins.github import GitHub


@dataclass
class Releases:
    """Those of one repository. `immutable`: what is published takes no more assets. `digests`: they tell a sha256."""

    documents: list[Json] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    immutable: bool = False
    digests: bool = True

    def of(self, tag: str) -> list[Json]:
        return [one for one in self.documents if one["tag_name"] == tag]


def upload_url(github: GitHub) -> str:
    return github.url.replace("//api.", "//uploads.", 1)


def add_release(github: GitHub, name: str, tag: str, *, draft: bool = False, body: str = "", title: str = "") -> Json:
    """Somebody makes a release; with GitHub a draft has no tag in its address yet."""
    releases = github.repositories[name.lower()].releases
    number = 1 + sum(len(one.releases.documents) for one in github.repositories.values())
    here, page = f"{github.url}/repos/{name}/releases/{number}", f"https://github.com/{name}/releases"
    document: Json = {
        "url": here, "assets_url": f"{here}/assets", "id": number, "node_id": f"RE_{number}", "tag_name": tag,
        "upload_url": f"{upload_url(github)}/repos/{name}/releases/{number}/assets{{?name,label}}", "name": title,
        "html_url": f"{page}/tag/{'untagged-1' if draft else tag}", "tarball_url": None, "zipball_url": None,
        "target_commitish": "main", "body": body, "draft": draft, "prerelease": False, "author": user(github.login),
        "immutable": releases.immutable and not draft, "created_at": github.now(), "assets": [],
        "published_at": None if draft else github.now(),
    }  # fmt: skip
    releases.documents.insert(0, document)
    return document


def add_asset(github: GitHub, name: str, release: Json, asset: str, body: bytes, state: str = "uploaded") -> Json:
    releases = github.repositories[name.lower()].releases
    number = 1000 + len(releases.bodies)
    releases.bodies[number] = body
    digest = "sha256:" + hashlib.sha256(body).hexdigest() if releases.digests and state == "uploaded" else None
    release["assets"].append({
        "url": f"{github.url}/repos/{name}/releases/assets/{number}", "id": number, "node_id": f"RA_{number}",
        "browser_download_url": f"https://github.com/{name}/releases/download/{release['tag_name']}/{asset}",
        "name": asset, "label": "", "state": state, "content_type": "application/gzip", "size": len(body),
        "digest": digest, "download_count": 0, "created_at": github.now(), "updated_at": github.now(),
        "uploader": user(github.login),
    })  # fmt: skip
    added: Json = release["assets"][-1]
    return added


def operate(github: GitHub, operation: str, name: str, request: Request, given: dict[str, str]) -> Answer | None:
    """The answer to an operation on releases; None for any other."""
    releases = github.repositories[name.lower()].releases
    missing = Answer(404, {"message": "Not Found"})
    by_number = {one["id"]: one for one in releases.documents}
    match operation:
        case "repos/list-releases":
            return github.page(request, [one for one in releases.documents if github.may_write or not one["draft"]])
        case "repos/get-release-by-tag":
            found = [one for one in releases.of(given["tag"]) if not one["draft"]]
            return Answer(200, found[0]) if found else missing
        case "repos/create-release":
            return _create(github, name, releases, request.body)
        case "repos/update-release":
            release = by_number.get(int(given["release_id"]))
            return missing if release is None else _update(github, name, releases, release, request.body)
        case "repos/upload-release-asset":
            release = by_number.get(int(given["release_id"]))
            if release is None or request.headers["Host"] != urlsplit(upload_url(github)).netloc:
                return missing
            return _upload(github, name, release, request)
        case "repos/get-release-asset" | "repos/delete-release-asset":
            return _asset(releases, int(given["asset_id"]), request)
    return None


def _create(github: GitHub, name: str, releases: Releases, asked: Json) -> Answer:
    if not asked["draft"] and any(not one["draft"] for one in releases.of(asked["tag_name"])):
        return Answer(422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]})
    made = add_release(github, name, asked["tag_name"], draft=asked["draft"], body=asked["body"], title=asked["name"])
    return Answer(201, made)


def _update(github: GitHub, name: str, releases: Releases, release: Json, asked: Json) -> Answer:
    if release["draft"] and asked.get("draft") is False:
        page = f"https://github.com/{name}/releases/tag/{release['tag_name']}"
        release |= {"published_at": github.now(), "html_url": page, "immutable": releases.immutable}
    release |= {key: value for key, value in asked.items() if key in ("draft", "name", "body")}
    return Answer(200, release)


def _upload(github: GitHub, name: str, release: Json, request: Request) -> Answer:
    asset = parse_qs(urlsplit(request.target).query)["name"][0]
    if release["immutable"]:
        return Answer(422, {"message": "Cannot upload assets to an immutable release."})
    if any(one["name"] == asset for one in release["assets"]):
        return Answer(422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]})
    assert isinstance(request.body, bytes)
    return Answer(201, add_asset(github, name, release, asset, request.body))


def _asset(releases: Releases, number: int, request: Request) -> Answer:
    for release in releases.documents:
        for asset in release["assets"]:
            if asset["id"] == number and request.method == "DELETE":
                release["assets"].remove(asset)
                return Answer(204, b"")
            if asset["id"] == number and asset["state"] == "uploaded":
                return Answer(200, releases.bodies[number], {"Content-Type": "application/octet-stream"})
    return Answer(404, {"message": "Not Found"})
