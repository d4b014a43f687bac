"""What is in a working folder: how many issues, labels and words, since when, how much of it twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic.preparing.duplicates import NEAR
from synthetic.preparing.preparation import Progress, duplicates_among, read_records, read_report, silent, strip_all
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import PREPARED, Prepared, Record, from_line

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Stats:
    """The figures. Of prepared issues where there are any (`prepared`), else of the fetched ones without pull requests.

    Attributes:
        fetched, open, closed, pull_requests, by_bots: counts of what was fetched; `open` and `closed` are issues alone.
        issues: how many the figures below are of.
        labels: label -> issues, the most frequent first; of prepared issues the labels of the list.
        labels_an_issue: number of labels -> issues.
        words: of title and body, of each issue.
        months: "2024-05" -> issues opened in it, without gaps; issues without a date are left out.
        exact, near: duplicates, dropped if prepared.
    """

    prepared: bool
    fetched: int
    open: int
    closed: int
    pull_requests: int
    by_bots: int
    issues: int
    labels: Mapping[str, int]
    labels_an_issue: Mapping[int, int]
    words: tuple[int, ...]
    months: Mapping[str, int]
    exact: int
    near: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the words as quantiles."""
        words = {"mean": round(sum(self.words) / max(1, len(self.words)), 1), "most": max(self.words, default=0)}
        words |= {f"{share:.0%}": quantile(self.words, share) for share in QUANTILES}
        return {**vars(self), "words": words}


def read_stats(folder: Path, progress: Progress = silent) -> Stats:
    """The figures of a working folder. Where nothing is prepared, duplicates are looked for now.

    Raises:
        InputError: there are no issues, or a file is damaged.
    """
    records = read_records(folder)
    report, path = read_report(folder), folder / PREPARED
    prepared = [from_line(Prepared, line, f"{path}:{n}") for n, line in enumerate(read_lines(path), 1)]
    issues = [record for record in records if not record.is_pull_request]
    described: Sequence[Record | Prepared] = prepared or issues
    if prepared and report:
        exact, near = report.dropped.get("exact duplicate", 0), report.dropped.get("near-duplicate", 0)
    else:
        exact, near = _count_duplicates(issues, progress)
    labels = Counter(dict.fromkeys(report.labels, 0) if prepared and report else {})
    labels.update(name for one in described for name in one.labels)
    sizes = Counter(len(one.labels) for one in described)
    return Stats(
        prepared=bool(prepared),
        fetched=len(records),
        open=sum(record.state == "open" for record in issues),
        closed=sum(record.state == "closed" for record in issues),
        pull_requests=len(records) - len(issues),
        by_bots=sum(record.author_kind == "bot" for record in issues),
        issues=len(described),
        labels=dict(sorted(labels.items(), key=lambda one: (-one[1], one[0]))),
        labels_an_issue={size: sizes[size] for size in range(max(sizes, default=0) + 1)},
        words=tuple(len(one.title.split()) + len(one.body.split()) for one in described),
        months=by_month([one.created_at for one in described]),
        exact=exact,
        near=near,
    )


def quantile(counts: Sequence[int], share: float) -> int:
    """The smallest count that at least `share` of them do not exceed; 0 where there are none."""
    ordered = sorted(counts)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0


def by_month(times: Sequence[str]) -> dict[str, int]:
    """Month -> how many of the ISO 8601 times are in it, from the first month to the last, without gaps."""
    counts = Counter(time[:7] for time in times if time)
    if not counts:
        return {}
    first, last = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (min(counts), max(counts)))
    return {month: counts[month] for i in range(first, last + 1) if (month := f"{i // 12:04d}-{i % 12 + 1:02d}")}


def _count_duplicates(issues: Sequence[Record], progress: Progress) -> tuple[int, int]:
    found = duplicates_among(strip_all(issues, progress)[0], NEAR, progress)
    return len(found.exact), len(found.near)
