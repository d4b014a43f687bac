"""GraphQL of the stand-in GitHub: files and folders of a repository, as `Repository.object(expression:)` gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.standins.github_wire import Json

_BLOB = "... on Blob { text }"
_FILE = '(\\w+): object\\(expression: "HEAD:([^"]+)"\\) { ' + _BLOB + " }"
_FOLDER = _FILE.replace(_BLOB, "... on Tree { entries { name object { " + _BLOB + " } } }")


def graphql_answer(repositories: Mapping[str, Any], body: Json) -> Json:
    """Answers a query for blobs and trees of one repository's default branch; any other is refused, as GitHub would."""
    query, given = " ".join(body["query"].split()), body["variables"]
    rest = query.replace("query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {", "", 1)
    for shape in (_FOLDER, _FILE):
        rest = re.sub(shape.replace("{", "\\{").replace("...", "\\.\\.\\."), "", rest)
    if rest == query or rest.strip(" }") or query.count("{") != query.count("}"):
        return {"errors": [{"message": f"Parse error on {rest!r}"}]}
    found = repositories.get(f"{given['owner']}/{given['name']}".lower())
    if found is None:
        said = f"Could not resolve to a Repository with the name '{given['owner']}/{given['name']}'."
        return {
            "data": {"repository": None},
            "errors": [{"type": "NOT_FOUND", "path": ["repository"], "message": said}],
        }
    answer: Json = {}
    for name, path in re.findall(_FOLDER.split(" {")[0], query):
        below = [one for one in found.templates if one.startswith(path + "/")]
        entries = [{"name": one[len(path) + 1 :], "object": {"text": found.templates[one]}} for one in below]
        answer[name] = {"entries": entries} if below else _blob(found.templates, path)
    return {"data": {"repository": answer}}


def _blob(files: Mapping[str, str | None], path: str) -> Json | None:
    return {"text": files[path]} if path in files else None
