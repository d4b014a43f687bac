"""Values of a file (TOML, JSON) as the dataclasses and plain types that type hints name; misfits named by key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from labeler.errors import InputError, LabelerError

T = TypeVar("T")
_SHOWN = 200  # characters of a value in a message
_WORDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    date: "a date like 2026-01-31",
    dict: "keys with values",
    tuple: "a list",
}


@dataclass(frozen=True)
class Source:
    """Where values come from, and how a fault in them is told.

    Attributes:
        at: key -> its place for messages: the file, with the line where that is known.
        compare: what to do about a key that is missing or unknown; "" lists the keys that there are.
        named: key -> how it is called.
        error: what is raised.
    """

    at: Callable[[str], str]
    compare: str = ""
    named: Callable[[str], str] = str
    error: type[LabelerError] = InputError

    def whole(self, kind: type[T], given: Any, key: str = "") -> T:
        """The dataclass `kind` of all `given`; only keys with a default may be missing.

        Args:
            given: a mapping of its fields, or such a dataclass already.
            key: where in the file it stands: "" at the top, "tuning" in a section.

        Raises:
            self.error: a key is missing or unknown, or a value is of another type.
        """
        if isinstance(given, kind):
            return given
        return kind(**self._fields(kind, given, key, whole=True))

    def some(self, kind: type, given: Any, key: str = "") -> dict[str, Any]:
        """Like `whole` where any field may be missing: the fields that there are, to be laid over others."""
        return self._fields(kind, given, key, whole=False)

    def value(self, kind: Any, given: Any, key: str) -> Any:
        """`given` as a dataclass, dict[str, X], tuple[X, ...], tuple[X, Y], Literal, X | None, or a plain type."""
        if dataclasses.is_dataclass(kind):
            return self.whole(kind, given, key)  # type: ignore[arg-type]
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            (one,) = (arm for arm in inner if arm is not NoneType)
            return None if given is None else self.value(one, given, key)
        if origin is dict and isinstance(given, Mapping):
            return {name: self.value(inner[1], one, _joined(key, name)) for name, one in given.items()}
        if origin is tuple and isinstance(given, (list, tuple)):
            kinds = inner[:1] * len(given) if inner[-1] is ... else inner
            if len(kinds) == len(given):
                parts = enumerate(zip(kinds, given, strict=True))
                return tuple(self.value(one, part, f"{key}[{i}]") for i, (one, part) in parts)
        if origin is Literal and type(given) is str and given in inner:
            return given
        if kind is float and type(given) is int:
            return float(given)
        if type(given) is kind:
            return given
        raise self._misfit(given, key, _words(kind))

    def _fields(self, kind: type, given: Any, key: str, whole: bool) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            raise self._misfit(given, key, _WORDS[dict])
        hints = get_type_hints(kind)
        needed = {field.name for field in dataclasses.fields(kind) if _is_needed(field)} if whole else set()
        missing = [_joined(key, name) for name in hints if name in needed and name not in given]
        unknown = [_joined(key, name) for name in given if name not in hints]
        if missing or unknown:
            told = [f"missing: {self._names(missing)}"] * bool(missing)
            told += [f"unknown: {self._names(unknown)}"] * bool(unknown)
            known = self.compare or f"There are: {self._names([_joined(key, name) for name in hints])}."
            raise self.error(f"{self.at((unknown or [key])[0])}: {'; '.join(told)}", known)
        return {name: self.value(hints[name], one, _joined(key, name)) for name, one in given.items()}

    def _names(self, keys: list[str]) -> str:
        return ", ".join(map(self.named, keys))

    def _misfit(self, given: Any, key: str, wanted: str) -> LabelerError:
        shown = repr(given)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        what = f"{self.named(key)} is {shown}." if key else f"is {shown}."
        return self.error(f"{self.at(key)}: {what}", f"Accepted: {wanted}.")


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _words(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(map(str, inner))
    return f"a list of {len(inner)}" if origin is tuple and inner[-1] is not ... else _WORDS[origin or kind]


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
