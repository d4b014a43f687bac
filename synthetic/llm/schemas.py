"""The answer's schema without what some models refuse: a long enum and bounds of lists become plain strings.

Whoever asks checks the answer against its own list anyway, so nothing that is not in the list gets through.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from synthetic.llm.messages import Request

_STRICT = ("enum", "maxItems", "minItems")
NOTE = "refuses the schema with the list of labels: it is asked for plain strings, and its answers are checked here"


def plain(request: Request) -> Request:
    """The request for plain strings; the same one where its schema has nothing else."""
    loose = _plain(request.schema)
    return request if loose == request.schema else replace(request, schema=loose)


class Schemas:
    """Which schemas which model refused in this run. Safe for threads. `tell` is told of each model once."""

    def __init__(self, tell: Callable[[str], None] = lambda text: None) -> None:
        self._tell = tell
        self._refused: set[tuple[str, str]] = set()
        self._told: set[str] = set()

    def fitting(self, request: Request) -> Request:
        """The request as the model is to be asked it."""
        return plain(request) if self._refused and _key(request) in self._refused else request

    def refuse(self, sent: Request) -> bool:
        """Notes that the model refused the schema of `sent`; returns whether plain strings are left to try."""
        if plain(sent) is sent:
            return False
        self._refused.add(_key(sent))
        if sent.model not in self._told:
            self._told.add(sent.model)
            self._tell(f"{sent.model} {NOTE}")
        return True


def _key(request: Request) -> tuple[str, str]:
    return request.model, json.dumps(request.schema, sort_keys=True)


def _plain(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {name: _plain(one) for name, one in schema.items() if name not in _STRICT}
    return schema
