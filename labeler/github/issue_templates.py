"""Where a repository's own issue templates are read: in a checkout, or with one query to GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from labeler.config import TemplateSource
from labeler.errors import LabelerError, UsageError
from labeler.text.own_templates import ENDINGS, FOLDER, SINGLE, OwnTemplates, own_templates

LoadTemplates = Callable[[str], OwnTemplates]  # of the repository of that name
OPTION_HELP = "a checkout: what stands in its issue templates is not shown to the model"
MOST_FILES = 100
MOST_CHARACTERS = 200_000  # of one file
# https://docs.github.com/graphql/reference/git: Tree.entries, Blob.text (null where it is binary)
QUERY = (
    "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { "
    f'folder: object(expression: "HEAD:{FOLDER}") '
    "{ ... on Tree { entries { name object { ... on Blob { text } } } } } "
    + " ".join(
        f'file{i}: object(expression: "HEAD:{path}") {{ ... on Blob {{ text }} }}' for i, path in enumerate(SINGLE)
    )
    + " } }"
)


class Queries(Protocol):
    """What is needed of labeler.github.graphql.GraphQL."""

    def query(self, query: str, variables: Mapping[str, str]) -> dict[str, Any]: ...


def no_templates(repository: str) -> OwnTemplates:
    return OwnTemplates()


def templates_from(source: TemplateSource, checkout: Path | None, github: Queries) -> LoadTemplates:
    """How to get at the templates. "fetch": those of the checkout where it has any, else from GitHub.

    What cannot be read is a problem of the templates and no error: the issue is then labelled with its form around it.
    """

    def load(repository: str) -> OwnTemplates:
        if source == "off":
            return OwnTemplates()
        found = in_folder(checkout) if checkout else {}
        if found or source == "checkout":
            return own_templates(found)
        try:
            return own_templates(fetched(github, repository))
        except LabelerError as error:
            remedy = "A private repository's job needs `contents: read`."
            return OwnTemplates(problems=(f"The issue templates could not be fetched: {error.what} {remedy}",))

    return load


def templates_in(checkout: Path | None, tell: Callable[[str], None]) -> OwnTemplates:
    """Those of a checkout that a person names; `tell` is told of files that are none. Raises UsageError."""
    if checkout is None:
        return OwnTemplates()
    if not checkout.is_dir():
        raise UsageError(f"--templates {checkout}: no folder", "Name the folder of a checkout, for instance a dot.")
    found = own_templates(in_folder(checkout))
    for problem in found.problems:
        tell(problem)
    return found


def in_folder(checkout: Path) -> dict[str, str]:
    """The template files of a checkout, text by path; what is no readable file is left out."""
    folder = checkout / FOLDER
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    except OSError:
        names = []
    found = {}
    for path in (*(f"{FOLDER}/{name}" for name in names if _is_template(name)), *SINGLE):
        try:
            if (checkout / path).is_file():
                found[path] = (checkout / path).read_text(encoding="utf-8", errors="replace")[:MOST_CHARACTERS]
        except OSError:
            continue
    return dict(list(found.items())[:MOST_FILES])


def fetched(github: Queries, repository: str) -> dict[str, str]:
    """The template files of the default branch, text by path, in one request. Raises GitHubError."""
    owner, _, name = repository.partition("/")
    answer = _mapping(github.query(QUERY, {"owner": owner, "name": name}).get("repository"))
    entries = _mapping(answer.get("folder")).get("entries")
    listed = [_mapping(one) for one in entries] if isinstance(entries, list) else []
    texts = {f"{FOLDER}/{one.get('name')}": _mapping(one.get("object")).get("text") for one in listed}
    texts = {path: text for path, text in texts.items() if _is_template(path)}
    texts |= {path: _mapping(answer.get(f"file{i}")).get("text") for i, path in enumerate(SINGLE)}
    given = {path: text[:MOST_CHARACTERS] for path, text in texts.items() if isinstance(text, str)}
    return dict(list(given.items())[:MOST_FILES])


def said_of(counts: Mapping[str, int]) -> str:
    """One sentence on what was stripped; empty where nothing was."""
    parts = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items()]
    return f"Not shown to the model, as the repository's own templates have it: {', '.join(parts)}." if parts else ""


def _is_template(path: str) -> bool:
    """By its ending; config.yml says where else to turn."""
    return path.endswith(ENDINGS) and path.rpartition("/")[2] not in ("config.yml", "config.yaml")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
