"""Times as issue trackers' exports write them."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Jira: 15/Jan/24 9:30 AM; with German settings: 15.01.2024 09:30
_NAMED = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{2}|\d{4})(?:\s+(\d{1,2}):(\d{2})(?::\d{2})?(?:\s*([AaPp])[Mm])?)?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::\d{2})?)?")
_ZONED = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?) ?(UTC|[+-]\d\d:?\d\d)")  # GitLab, Redmine


def iso_time(text: str) -> str:
    """The time in ISO 8601, to the minute where it isn't ISO already; a text that is in no known form as it is.

    Forms in which day and month can be taken for each other (01/02/2024) are no known form.
    """
    text = text.strip()
    if found := _NAMED.fullmatch(text):
        day, name, year, hour, minute, half = found.groups()
        if name.lower() not in _MONTHS:
            return text
        month = _MONTHS.index(name.lower()) + 1
    elif found := _DOTTED.fullmatch(text):
        day, named, year, hour, minute = found.groups()
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
