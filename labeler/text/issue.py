"""Issue: what there is to know about one issue, from an event, a REST object, a dataset row or a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

from labeler.data.dataset import Row
from labeler.data.label_names import names_of
from labeler.data.textfile import clean_text, integer_of
from labeler.errors import InputError

AuthorKind = Literal["user", "bot", ""]

_REPOSITORY = re.compile(r"([^/\s]+/[^/\s]+)/?\Z")


@dataclass(frozen=True)
class Issue:
    """One issue; any text is accepted and lone surrogates in it are replaced, so that all of it encodes as UTF-8.

    `repository` is "owner/name"; `labels` are the names on it now; `id` is its name in a file or dataset; `state` is
    "open", "closed" or empty; `transferred_to` is "owner/name#7" where the event says that the issue has moved there.
    """

    title: str
    body: str = ""
    number: int | None = None
    repository: str = ""
    labels: tuple[str, ...] = ()
    author: str = ""
    author_kind: AuthorKind = ""
    is_pull_request: bool = False
    state: str = ""
    id: str = ""
    transferred_to: str = ""

    def __post_init__(self) -> None:
        for field in ("title", "body", "repository", "author", "state", "id", "transferred_to"):
            object.__setattr__(self, field, clean_text(getattr(self, field)))
        object.__setattr__(self, "labels", tuple(clean_text(name) for name in self.labels))


def from_event(payload: Mapping[str, Any], where: str = "the event") -> Issue:
    """The issue of a webhook payload (`issues`, `issue_comment`). Raises InputError where it has none."""
    found = payload.get("issue") if isinstance(payload, Mapping) else None
    if not isinstance(found, Mapping):
        remedy = "Start the workflow by `on: issues`, or give the input issue-number."
        _wrong(where, "issue", "missing", remedy)
    issue = from_rest(found, _repository_of(_mapping(payload)), where)
    changes = _mapping(payload.get("changes"))
    moved = _mapping(changes.get("new_issue"))
    if not moved:
        return issue
    home = _repository_of({"repository": changes.get("new_repository")}) or _repository_of(moved)
    return replace(issue, transferred_to=f"{home}#{_number(moved.get('number'), where)}")


def from_rest(obj: Mapping[str, Any], repository: str = "", where: str = "the issue") -> Issue:
    """The issue of a REST object, or of an object with this module's own keys.

    Null or absent fields are empty, except the title, which must be there. Errors begin with `where`.
    """
    if not isinstance(obj, Mapping):
        _wrong(where, "issue", "not an object", 'Write it like {"title": "…", "body": "…"}.')
    user = _mapping(obj.get("user"))
    author = user.get("login") if isinstance(user.get("login"), str) else obj.get("author")
    identity = obj.get("id")
    return Issue(
        title=_title(obj, where),
        body=_text(obj, "body", where),
        number=_number(obj.get("number"), where),
        repository=repository or _repository_of(obj),
        labels=_labels(obj.get("labels"), where),
        author=author if isinstance(author, str) else "",
        author_kind=_author_kind(user.get("type") or obj.get("author_kind"), author),
        is_pull_request=bool(_mapping(obj.get("pull_request"))) or str(obj.get("is_pull_request")).lower() == "true",
        state=_text(obj, "state", where),
        id=str(identity) if isinstance(identity, (str, int)) else "",
    )


def from_row(row: Row) -> Issue:
    """The issue of a dataset's row; the row's labels become the issue's."""
    return Issue(row.title, row.body, row.number, row.repo, row.labels, id=row.id)


def _wrong(where: str, field: str, what: str, remedy: str) -> NoReturn:
    raise InputError(f"{where}: {field}: {what}", remedy)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _title(obj: Mapping[str, Any], where: str) -> str:
    title = obj.get("title")
    if not isinstance(title, str):
        _wrong(where, "title", "missing" if title is None else "not text", "Give the issue a title, at least empty.")
    return title


def _text(obj: Mapping[str, Any], field: str, where: str) -> str:
    value = obj.get(field)
    if value is not None and not isinstance(value, str):
        _wrong(where, field, "not text", "Write text in quotes, or null.")
    return value or ""


def _number(value: object, where: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18):
        return value
    try:
        if isinstance(value, str):
            return integer_of(value)
    except ValueError:
        pass
    _wrong(where, "number", "no positive integer", "Write the issue's number or leave it out.")


def _labels(value: object, where: str) -> tuple[str, ...]:
    """Names from a list of label objects or of names, or from text that lists them ("bug, ci/cd")."""
    if value is None or isinstance(value, str):
        try:
            return names_of(value or "")
        except ValueError as error:
            _wrong(where, "labels", f"{value!r:.90} {error}", 'Write it like ["bug", "ci/cd"].')
    if not isinstance(value, (list, tuple)):
        _wrong(where, "labels", "not a list", 'Write it like ["bug", "ci/cd"].')
    names = [item.get("name") if isinstance(item, Mapping) else item for item in value]
    for position, name in enumerate(names, 1):
        if name is not None and not isinstance(name, str):
            _wrong(where, "labels", f"item {position} is no name", 'Write it like ["bug", "ci/cd"].')
    return tuple(name for name in names if name)


def _author_kind(kind: object, author: object) -> AuthorKind:
    name = kind.lower() if isinstance(kind, str) else ""
    if name == "bot" or (isinstance(author, str) and author.endswith("[bot]")):
        return "bot"
    return "user" if name in ("user", "organization", "mannequin") else ""


def _repository_of(obj: Mapping[str, Any]) -> str:
    """ "owner/name" from wherever an object says it: its repository (a name or an object), or the API's address."""
    repository = obj.get("repository") or obj.get("repo")
    name = _mapping(repository).get("full_name", repository) or obj.get("repository_url")
    found = _REPOSITORY.search(name) if isinstance(name, str) else None
    return found[1] if found else ""
