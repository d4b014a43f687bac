"""Checks requests and answers against GitHub's own API description (tests/fixtures/openapi, see cut_openapi.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator

DESCRIPTION = Path(__file__).parent.parent / "fixtures" / "openapi" / "github.json"
MOST_PER_PAGE = 100  # said only in prose


@cache
def description() -> dict[str, Any]:
    loaded = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@dataclass(frozen=True)
class Match:
    """The operation that a request is for, with its path parameters decoded."""

    template: str
    method: str
    parameters: dict[str, str]

    @property
    def operation(self) -> dict[str, Any]:
        operation = description()["paths"][self.template][self.method]
        assert isinstance(operation, dict)
        return operation


def match(method: str, target: str) -> Match | None:
    path = urlsplit(target).path
    # As OpenAPI has it, a fixed path goes before a templated one: issues/events before issues/{issue_number}.
    for template, methods in sorted(description()["paths"].items(), key=lambda item: item[0].count("{")):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        if method.lower() in methods and (found := re.fullmatch(pattern, path)):
            return Match(template, method.lower(), {key: unquote(value) for key, value in found.groupdict().items()})
    return None


def violations(method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Everything in which a request breaks GitHub's description or its written rules."""
    found = match(method, target)
    if found is None:
        return [f"{method} {target}: not an operation of the description that the labeler is meant to use"]
    wrong = [*_parameters(found, target), *_headers(found.operation, headers, body), *_body(found.operation, body)]
    return [f"{method} {target}: {one}" for one in wrong]


def answer_violations(found: Match, status: int, answer: Any) -> list[str]:
    """Where an answer of the stand-in is not what GitHub would send."""
    content = found.operation["responses"].get(str(status), {}).get("content", {})
    if "application/json" in content and not isinstance(answer, bytes):
        return _errors(content["application/json"]["schema"], answer)
    return []


def strict(node: Any) -> Any:
    """A body's schema in which unknown keys are wrong; GitHub ignores them, so a misspelt one would pass unseen."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: strict(value) for key, value in node.items()}
    if isinstance(closed.get("properties"), dict) and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _errors(schema: Any, value: Any) -> list[str]:
    whole = {**schema, "components": description()["components"]}
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(whole).iter_errors(value)]


def _resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    named = description()["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    assert isinstance(named, dict)
    return named


def _parameters(found: Match, target: str) -> list[str]:
    known = {parameter["name"]: parameter for parameter in map(_resolved, found.operation.get("parameters", []))}
    query = parse_qsl(urlsplit(target).query, keep_blank_values=True)
    wrong = [f"unknown query parameter {name}" for name, _ in query if known.get(name, {}).get("in") != "query"]
    wrong += [f"query parameter {name} twice" for name in {n for n, _ in query} if sum(n == name for n, _ in query) > 1]
    for name, value in [*found.parameters.items(), *query]:
        wanted = known.get(name, {}).get("schema", {})
        given: object = int(value) if wanted.get("type") == "integer" and value.isdecimal() else value
        wrong += [f"{name}: {error}" for error in _errors(wanted, given)]
        if name == "per_page" and not (isinstance(given, int) and 1 <= given <= MOST_PER_PAGE):
            wrong.append(f"per_page {value} is not in 1..{MOST_PER_PAGE}")
    return wrong


def _headers(operation: dict[str, Any], headers: Mapping[str, str], body: bytes) -> list[str]:
    wrong = []
    # Said only in prose: an asset's bytes instead of its facts.
    bytes_wanted = operation["operationId"] == "repos/get-release-asset"
    if headers.get("Accept") != ("application/octet-stream" if bytes_wanted else "application/vnd.github+json"):
        wrong.append("Accept is not application/vnd.github+json")
    if headers.get("X-GitHub-Api-Version") not in ("2022-11-28", "2026-03-10"):
        wrong.append("no API version that GitHub knows")
    if not headers.get("User-Agent"):
        wrong.append("no User-Agent, which GitHub refuses")
    if not re.fullmatch(r"Bearer \S+", headers.get("Authorization", "Bearer none")):
        wrong.append("not a bearer token")
    if body and _reads_json(operation) != (headers.get("Content-Type") == "application/json"):
        wrong.append("a body that is not announced as what it is")
    return wrong


def _reads_json(operation: dict[str, Any]) -> bool:
    return "application/octet-stream" not in operation.get("requestBody", {}).get("content", {})


def _body(operation: dict[str, Any], body: bytes) -> list[str]:
    wanted = operation.get("requestBody")
    if not _reads_json(operation):
        return []
    if not body:
        return ["no body"] if wanted and wanted.get("required") else []
    if not wanted:
        return ["a body where none is read"]
    try:
        value = json.loads(body)
    except ValueError as error:
        return [f"the body is not JSON: {error}"]
    return _errors(strict(wanted["content"]["application/json"]["schema"]), value)
