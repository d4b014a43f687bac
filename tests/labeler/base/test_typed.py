"""A file's values become what the type hints name, or an error says key, what was found, and what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pytest

from labeler.base.typed import Source
from labeler.errors import InputError, UsageError


@dataclass(frozen=True)
class Part:
    share: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    count: int
    on: bool
    kind: Literal["a", "b"]
    pair: tuple[int, float]
    parts: dict[str, Part]
    several: tuple[Part, ...]
    limit: float | None
    day: date


GIVEN: dict[str, Any] = {
    "count": 3, "on": True, "kind": "b", "pair": [1, 2], "parts": {"x": {"share": 1, "names": ["n"]}},
    "several": [{"share": 0.5}], "limit": None, "day": date(2026, 1, 31),
}  # fmt: skip
SOURCE = Source(lambda key: f"file.toml ({key})")


def test_every_kind_of_value_is_read() -> None:
    parts, several = {"x": Part(1.0, ("n",))}, (Part(0.5),)
    expected = Whole(3, True, "b", (1, 2.0), parts, several, None, date(2026, 1, 31))
    found = SOURCE.whole(Whole, GIVEN)
    assert found == expected
    assert type(found.pair[1]) is type(found.parts["x"].share) is float
    assert SOURCE.whole(Whole, GIVEN | {"parts": parts, "limit": 2}).limit == 2.0


@pytest.mark.parametrize(
    ("change", "what", "wanted"),
    [
        ({"count": True}, "file.toml (count): count is True.", "a whole number"),
        ({"count": 3.0}, "count is 3.0.", "a whole number"),
        ({"on": 1}, "on is 1.", "true or false"),
        ({"kind": "c"}, "kind is 'c'.", "a, b"),
        ({"kind": 1}, "kind is 1.", "a, b"),
        ({"pair": [1]}, "pair is [1].", "a list of 2"),
        ({"pair": [1, "2"]}, "pair[1] is '2'.", "a number"),
        ({"parts": [1]}, "parts is [1].", "keys with values"),
        ({"parts": {"x": 1}}, "parts.x is 1.", "keys with values"),
        ({"parts": {"x": {"share": "1"}}}, "file.toml (parts.x.share): parts.x.share is '1'.", "a number"),
        ({"several": [{"share": 1}, {"share": 1, "names": "n"}]}, "several[1].names is 'n'.", "a list"),
        ({"limit": "none"}, "limit is 'none'.", "a number"),
        ({"day": "today"}, "day is 'today'.", "a date like 2026-01-31"),
        ({"count": "x" * 1000}, f"count is '{'x' * 199}….", "a whole number"),
    ],
)
def test_a_misfit_is_told_with_what_is_wanted(change: dict[str, Any], what: str, wanted: str) -> None:
    with pytest.raises(InputError) as refused:
        SOURCE.whole(Whole, GIVEN | change)
    assert what in refused.value.what
    assert refused.value.remedy == f"Accepted: {wanted}."


def test_missing_and_unknown_keys_are_told_together() -> None:
    given = GIVEN | {"parts": {"x": {"shar": 1, "nmes": []}}}
    with pytest.raises(InputError) as refused:
        SOURCE.whole(Whole, given)
    assert "missing: parts.x.share; unknown: parts.x.shar, parts.x.nmes" in refused.value.what
    assert refused.value.remedy == "There are: parts.x.share, parts.x.names."


def test_some_of_the_fields_are_enough_to_lay_over_others() -> None:
    assert SOURCE.some(Whole, {"limit": 1}) == {"limit": 1.0}
    source = Source(lambda key: "here", "See there.", lambda key: f"setting '{key}'", UsageError)
    with pytest.raises(UsageError, match=r"here: unknown: setting 'limt'\nSee there\."):
        source.some(Whole, {"limt": 1})
    with pytest.raises(UsageError, match=r"here: setting 'limit' is 'x'\."):
        source.some(Whole, {"limit": "x"})
