"""What the stand-in GitHub's parts share: a request, an answer, a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """`body` is sent as JSON, or as it is where it is bytes. `hang` seconds pass first; `cut` ends it in mid-answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    body: Any
    headers: dict[str, str]
    at: float

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


def user(login: str) -> Json:
    here = f"https://api.github.com/users/{login}"
    links = ("followers", "following", "gists", "starred", "subscriptions", "repos", "events", "received_events")
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {
        "login": login,
        "id": sum(login.encode()),
        "node_id": f"U_{login}",
        "avatar_url": f"https://avatars.githubusercontent.com/{login}",
        "gravatar_id": "",
        "url": here,
        "html_url": f"https://github.com/{login}",
        "organizations_url": f"{here}/orgs",
        "type": kind,
        "site_admin": False,
        **{f"{link}_url": f"{here}/{link}" for link in links},
    }
