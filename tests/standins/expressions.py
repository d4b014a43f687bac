"""The part of GitHub's expression language that action.yml uses: contexts, strings, ==, !=, &&, ||, !, parentheses.

https://docs.github.com/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

STATUS = re.compile(r"\b(success|failure|always|cancelled)\(\)")
_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(&&|\|\||==|!=|!|\(|\))|([A-Za-z_][\w.-]*(?:\(\))?))")


def interpolate(text: str, contexts: Mapping[str, Any]) -> str:
    """`text` with every `${{ … }}` replaced by its value."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _shown(evaluate(found[1], contexts)), text, flags=re.DOTALL)


def evaluate(expression: str, contexts: Mapping[str, Any]) -> Any:
    tokens = _tokens(expression)
    value = _or(tokens, contexts)
    assert not tokens, f"not understood: {expression!r} from {tokens}"
    return value


def condition(expression: str | None, contexts: Mapping[str, Any], *, failed: bool) -> bool:
    """An `if:`; without a status function in it, it also wants all steps so far to have succeeded."""
    text = re.sub(r"^\s*\$\{\{(.*)\}\}\s*$", r"\1", expression or "success()", flags=re.DOTALL)
    known = {**contexts, "success()": not failed, "failure()": failed, "always()": True, "cancelled()": False}
    value = _truth(evaluate(text, known))
    return value if STATUS.search(text) else value and not failed


def _tokens(expression: str) -> list[str]:
    tokens, at, expression = [], 0, expression.strip()
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        assert found, f"not understood: {expression!r} at {at}"
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


def _or(tokens: list[str], contexts: Mapping[str, Any]) -> Any:
    value = _and(tokens, contexts)
    while tokens[:1] == ["||"]:
        del tokens[0]
        other = _and(tokens, contexts)
        value = value if _truth(value) else other
    return value


def _and(tokens: list[str], contexts: Mapping[str, Any]) -> Any:
    value = _equality(tokens, contexts)
    while tokens[:1] == ["&&"]:
        del tokens[0]
        other = _equality(tokens, contexts)
        value = other if _truth(value) else value
    return value


def _equality(tokens: list[str], contexts: Mapping[str, Any]) -> Any:
    value = _unary(tokens, contexts)
    while tokens[:1] in (["=="], ["!="]):
        equal = tokens.pop(0) == "=="
        other = _unary(tokens, contexts)
        value = (_shown(value).lower() == _shown(other).lower()) is equal
    return value


def _unary(tokens: list[str], contexts: Mapping[str, Any]) -> Any:
    token = tokens.pop(0)
    if token == "!":
        return not _truth(_unary(tokens, contexts))
    if token == "(":
        value = _or(tokens, contexts)
        assert tokens.pop(0) == ")"
        return value
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    if token in contexts:
        return contexts[token]
    assert "." in token, f"unknown name: {token}"
    return _looked_up(token, contexts)


def _looked_up(path: str, contexts: Mapping[str, Any]) -> Any:
    """A missing property is empty, as on GitHub; a missing context, or an input that is not declared, is a mistake."""
    first, *rest = path.split(".")
    assert first in contexts, f"no such context: {path}"
    value: Any = contexts[first]
    for part in rest:
        assert first != "inputs" or part in value, f"no such input: {path}"
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _truth(value: Any) -> bool:
    return value not in (None, "", False, 0)


def _shown(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
