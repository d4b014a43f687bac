"""From fetched issues to prepared ones: drops what is no issue of a person, strips, maps, redacts, groups."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labeler.data.textfile import clean_text
from labeler.errors import InputError
from labeler.files import write_text
from labeler.labels.label_set import LabelSet
from labeler.text.template import strip_template
from synthetic.preparing.duplicates import NEAR, Duplicates, find_duplicates
from synthetic.preparing.label_map import Unmapped, human_labels, map_labels, unmapped
from synthetic.preparing.links import components, linked
from synthetic.preparing.redact import redact
from synthetic.preparing.templates import common_lines, without_lines
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import ISSUES, PREPARE, PREPARED, Prepared, Record, from_line, to_line

Progress = Callable[[int, str], AbstractContextManager[Callable[[], None]]]


def silent(total: int, what: str) -> AbstractContextManager[Callable[[], None]]:
    """No progress bar; `labeler.console.progress.counted` is one."""
    return nullcontext(lambda: None)


@dataclass(frozen=True)
class Wanted:
    """How to prepare.

    Attributes:
        keep_bots: keep issues that bots opened.
        bots: logins that are bots beside those that GitHub calls so.
        redact: take secrets and addresses out; `phones`: telephone numbers as well.
        near: likeness in 0..1 from which two issues are duplicates.
    """

    keep_bots: bool = False
    bots: tuple[str, ...] = ()
    redact: bool = True
    near: float = NEAR
    phones: bool = False


@dataclass(frozen=True)
class Report:
    """prepare.json: what became of the issues. Counts are of issues where nothing else is said.

    Attributes:
        issues: read; `kept`: written to prepared.jsonl.
        dropped: reason -> count.
        stripped: kind of template leaving -> how many pieces.
        redacted: kind of secret -> how many pieces; `redaction` says whether they were looked for.
        redacted_issues: that had any.
        labels: label of the list -> count; `unlabelled`: none of the list.
        without_events: issues of which it is not known who set the labels: all of them count as people's.
        bot_labels: labels passed over because a bot had set them.
        unmapped: labels of the repository that are not in the list, the most frequent first.
        groups: how many there are of more than one issue; `largest_group`: its issues.
        duplicates: dropped issue -> the one that stays.
    """

    issues: int
    kept: int
    dropped: Mapping[str, int]
    stripped: Mapping[str, int]
    redaction: bool
    redacted: Mapping[str, int]
    redacted_issues: int
    labels: Mapping[str, int]
    unlabelled: int
    without_events: int
    bot_labels: int
    unmapped: tuple[Unmapped, ...]
    groups: int
    largest_group: int
    near: float
    duplicates: Mapping[str, str]


def prepare(
    folder: Path,
    labels: LabelSet,
    wanted: Wanted = Wanted(),
    progress: Progress = silent,
) -> Report:
    """Writes prepared.jsonl, in the order of the issues' age, and prepare.json.

    Raises:
        InputError: there are no issues, or a line is damaged.
    """
    records = read_records(folder)
    kept, dropped = _of_people(records, wanted)
    stripped, counts = strip_all(kept, progress)
    dropped["empty"] = sum(not (record.title or record.body) for record in stripped)
    stripped = [record for record in stripped if record.title or record.body]
    same = duplicates_among(stripped, wanted.near, progress)
    dropped |= {"exact duplicate": len(same.exact), "near-duplicate": len(same.near)}
    groups = _groups(stripped, same)
    gone = {**same.exact, **same.near}
    left = [(i, record) for i, record in enumerate(stripped) if i not in gone]
    human = [human_labels(record, {name.lower() for name in wanted.bots}) for _, record in left]
    prepared = [
        _prepared(record, map_labels(names, labels), stripped[groups[i]].id)
        for (i, record), names in zip(left, human, strict=True)
    ]
    secrets, with_secrets = Counter[str](), 0
    if wanted.redact:
        prepared, secrets, with_secrets = _redacted(prepared, progress, wanted.phones)
    write_lines(folder / PREPARED, map(to_line, prepared))
    sizes = Counter(one.group for one in prepared)
    report = Report(
        issues=len(records),
        kept=len(prepared),
        dropped=dropped,
        stripped=dict(counts),
        redaction=wanted.redact,
        redacted=dict(secrets.most_common()),
        redacted_issues=with_secrets,
        labels={name: sum(name in one.labels for one in prepared) for name in labels.names},
        unlabelled=sum(not one.labels for one in prepared),
        without_events=sum(record.changes is None for _, record in left),
        bot_labels=sum(len(record.labels) - len(names) for (_, record), names in zip(left, human, strict=True)),
        unmapped=tuple(unmapped(human, labels)),
        groups=sum(size > 1 for size in sizes.values()),
        largest_group=max(sizes.values(), default=0),
        near=wanted.near,
        duplicates={stripped[i].id: stripped[j].id for i, j in gone.items()},
    )
    write_text(folder / PREPARE, json.dumps(asdict(report), ensure_ascii=False, indent=1) + "\n")
    return report


def read_report(folder: Path) -> Report | None:
    """What prepare last did here; None where it never ran. Raises InputError at a damaged prepare.json."""
    path = folder / PREPARE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Report(**found | {"unmapped": tuple(Unmapped(**one) for one in found["unmapped"])})
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not what prepare wrote: {error}", "Run prepare again.") from error


def read_records(folder: Path) -> list[Record]:
    """The fetched issues, oldest first; of an issue that was fetched twice the newest line.

    Raises:
        InputError: there are none, or a line is damaged.
    """
    path = folder / ISSUES
    newest = {}
    for number, line in enumerate(read_lines(path), 1):
        record = from_line(Record, line, f"{path}:{number}")
        newest[record.id] = record
    if not newest:
        raise InputError(f"{path}: no issues", f"Fetch them by: python -m synthetic fetch owner/name --out {folder}")
    return sorted(newest.values(), key=lambda record: (record.created_at, record.repo, record.number))


def _of_people(records: Sequence[Record], wanted: Wanted) -> tuple[list[Record], dict[str, int]]:
    """Without pull requests, and without what bots opened."""
    bots = {name.lower() for name in wanted.bots}
    issues = [record for record in records if not record.is_pull_request]
    people = [one for one in issues if one.author_kind != "bot" and one.author.lower() not in bots]
    kept = issues if wanted.keep_bots else people
    return kept, {"pull request": len(records) - len(issues), "by a bot": len(issues) - len(kept)}


def strip_all(records: Sequence[Record], progress: Progress) -> tuple[list[Record], Counter[str]]:
    """The records without the leavings of templates, and how many pieces of each kind are gone."""
    counts: Counter[str] = Counter()
    stripped = []
    with progress(len(records), "stripping templates") as advance:
        for record in records:
            found = strip_template(clean_text(record.body))
            counts += found.counts
            stripped.append(replace(record, title=clean_text(record.title).strip(), body=found.text))
            advance()
    return stripped, counts


def duplicates_among(records: Sequence[Record], near: float, progress: Progress) -> Duplicates:
    """Duplicates among stripped records, by position; lines that templates wrote don't count."""
    bodies: dict[str, list[str]] = defaultdict(list)
    for record in records:
        bodies[record.repo].append(record.body)
    common = {repository: common_lines(found) for repository, found in bodies.items()}
    texts = [f"{record.title}\n{record.body}" for record in records]
    own = [f"{record.title}\n{without_lines(record.body, common[record.repo])}" for record in records]
    with progress(len(records), "looking for duplicates") as advance:
        return find_duplicates(texts, own, near, advance)


def _groups(records: Sequence[Record], same: Duplicates) -> list[int]:
    """For each issue the position of the oldest that it belongs with."""
    places = {(record.repo.casefold(), record.number): i for i, record in enumerate(records)}
    texts = [f"{record.title}\n{record.body}" for record in records]
    links = linked(texts, places, [record.repo for record in records])
    return components(len(records), [*same.exact.items(), *same.near.items(), *same.alike, *links])


def _prepared(record: Record, labels: tuple[str, ...], group: str) -> Prepared:
    one = record
    return Prepared(one.id, one.repo, one.number, one.title, one.body, labels, group, one.created_at, one.repo)


def _redacted(issues: Sequence[Prepared], progress: Progress, phones: bool) -> tuple[list[Prepared], Counter[str], int]:
    counts: Counter[str] = Counter()
    clean, issues_with = [], 0
    with progress(len(issues), "redacting") as advance:
        for one in issues:
            title, body = redact(one.title, phones=phones), redact(one.body, phones=phones)
            counts += title.counts + body.counts
            issues_with += bool(title.counts or body.counts)
            clean.append(replace(one, title=title.text, body=body.text))
            advance()
    return clean, counts, issues_with
