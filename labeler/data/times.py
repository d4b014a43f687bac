"""Times as issue trackers' exports write them."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Jira: 15/Jan/24 9:30 AM; with German settings: 15.01.2024 09:30
_NAMED = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{2}|\d{4})(?:\s+(\d{1,2}):(\d{2})(?::\d{2})?(?:\s*([AaPp])[Mm])?)?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::\d{2})?)?")
# Redmine in English: 01/15/2024 09:30 AM; in French and Spanish: 15/01/2024 09:30
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::\d{2})?(?:\s*([AaPp])[Mm])?)?")
_BIG_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?:\s+(\d{1,2}):(\d{2})(?::\d{2})?)?")
_ZONED = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?) ?(UTC|[+-]\d\d:?\d\d)")  # GitLab, Redmine


def iso_time(text: str) -> str:
    """The time in ISO 8601, to the minute where it isn't ISO already; a text that is in no known form as it is.

    Numbers between slashes that may be read either way (`either_way`) are no known form.
    """
    text = text.strip()
    if either_way(text):
        return text
    if found := _NAMED.fullmatch(text):
        day, name, year, hour, minute, half = found.groups()
        if name.lower() not in _MONTHS:
            return text
        month = _MONTHS.index(name.lower()) + 1
    elif found := _DOTTED.fullmatch(text):
        day, named, year, hour, minute = found.groups()
        month, half = int(named), None
    elif found := _SLASHED.fullmatch(text):
        first, second, year, hour, minute, half = found.groups()
        day, month = (second, int(first)) if half or int(second) > 12 else (first, int(second))
    elif found := _BIG_FIRST.fullmatch(text):
        year, named, day, hour, minute = found.groups()
        month, half = int(named), None
    elif found := _ZONED.fullmatch(text):
        return f"{found[1]}T{found[2]}{'Z' if found[3] == 'UTC' else found[3]}"
    else:
        return text
    clock = int(hour or 0)
    if half:
        clock = clock % 12 + 12 * (half.lower() == "p")
    full = int(year) + 2000 * (len(year) == 2)
    return f"{full:04d}-{month:02d}-{int(day):02d}T{clock:02d}:{minute or '00'}"


def either_way(text: str) -> bool:
    """Whether day and month can be taken for each other: 01/02/2024. With AM or PM the month is first."""
    found = _SLASHED.fullmatch(text.strip())
    if not found or found[6] or found[1] == found[2]:
        return False
    return max(int(found[1]), int(found[2])) <= 12
