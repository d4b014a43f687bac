"""The dataset as it is published: CSV, Parquet by split, labels, card; made in the working folder's publish/."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeler.config import Machine
from labeler.data.dataset import COLUMNS, SPLITS, Row
from labeler.data.dataset_folder import DATASET, LABELS, SOURCES, DatasetFolder, open_dataset
from labeler.errors import InputError
from labeler.fetch.hub_upload import Upload, upload
from labeler.files import replaced, write_text
from synthetic.dataset.dataset_card import card, read_facts
from synthetic.preparing.preparation import read_report
from synthetic.preparing.redact import redact

PUBLISH = "publish"
CARD = "README.md"
_PARTS = r"data/[^/]+\.parquet"  # an earlier upload may have had other splits


@dataclass(frozen=True)
class Package:
    """What is to be uploaded: path in the repository -> file; the number of rows by split."""

    files: Mapping[str, Path]
    rows: Mapping[str, int]


def package(folder: Path, *, repository: str, license_id: str = "other", unredacted: bool = False) -> Package:
    """Writes the files of a working folder's dataset as they are to be published.

    Args:
        repository: on the Hub, for the card.
        license_id: as the Hub writes it; "other" comes with a note on whose text it is.
        unredacted: publish although there are, or may be, secrets or addresses in the texts.

    Raises:
        InputError: there is no dataset, a row is wrong or has no split, or something in it is not redacted.
    """
    dataset = open_dataset(folder)
    rows = list(dataset.rows())
    _check(folder, dataset, rows, unredacted=unredacted)
    into = folder / PUBLISH
    (into / "data").mkdir(parents=True, exist_ok=True)
    for old in into.glob("data/*.parquet"):
        old.unlink()
    files = {}
    for name in (DATASET, LABELS, SOURCES):
        if (folder / name).is_file():
            files[name] = Path(shutil.copyfile(folder / name, into / name))
    by_split = {split: [row for row in rows if row.split == split] for split in SPLITS if split}
    for split, part in by_split.items():
        if part:
            name = f"data/{split}.parquet"
            files[name] = into / name
            write_parquet(files[name], part)
    files[CARD] = into / CARD
    facts = read_facts(folder, dataset.labels, rows)
    write_text(files[CARD], card(facts, repository=repository, license_id=license_id, unredacted=unredacted))
    return Package(files, {split: len(part) for split, part in by_split.items()})


def send(machine: Machine, repository: str, made: Package, message: str, *, private: bool = False) -> Upload:
    """Uploads the package and reads it back; see `labeler.fetch.hub_upload.upload`."""
    return upload(machine, repository, "dataset", made.files, message, private=private, obsolete=_PARTS)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """The rows as a Parquet file: as in the CSV, but labels are a list of strings, and times are times (UTC)."""
    import pyarrow
    from pyarrow import parquet

    text = ("id", "repo", "title", "body", "split", "source", "annotator")
    columns: dict[str, Any] = {name: pyarrow.array([getattr(row, name) for row in rows], "string") for name in text}
    columns["number"] = pyarrow.array([row.number for row in rows], "int64")
    columns["labels"] = pyarrow.array([list(row.labels) for row in rows], pyarrow.list_(pyarrow.string()))
    columns["agreement"] = pyarrow.array([row.agreement for row in rows], "float64")
    columns["created_at"] = pyarrow.array([_time(row.created_at) for row in rows], pyarrow.timestamp("s", tz="UTC"))
    with replaced(path) as partial:
        parquet.write_table(pyarrow.table({name: columns[name] for name in COLUMNS}), partial, compression="zstd")


def _time(text: str) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _check(folder: Path, dataset: DatasetFolder, rows: Sequence[Row], *, unredacted: bool) -> None:
    if not rows:
        raise InputError(f"{dataset.file}: no rows", "Make it by: python -m synthetic split DIR")
    unsplit = sum(not row.split for row in rows)
    if unsplit:
        remedy = "Write train, validation or test into the column split, or make it by: python -m synthetic split DIR"
        raise InputError(f"{dataset.file}: {unsplit:,} rows have no split", remedy)
    if unredacted:
        return
    remedy = "Run prepare (it redacts) and split again; or, if all may be public, give --unredacted."
    report = read_report(folder)
    if report is not None and not report.redaction:
        raise InputError(f"{folder}: the issues were prepared with --no-redact", remedy)
    found = list(_told(leaks(rows)))
    if found:
        raise InputError(f"{dataset.file}: not redacted: {'; '.join(found)}", remedy)


def leaks(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Kind of secret -> ids of the rows in which redaction would still find one."""
    found: dict[str, list[str]] = {}
    for row in rows:
        counts = redact(row.title).counts + redact(row.body).counts
        for kind in counts:
            found.setdefault(kind, []).append(row.id)
    return found


def _told(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Kind and places, never the secret itself."""
    for kind, ids in sorted(found.items()):
        more = f" and {len(ids) - 3:,} more" if len(ids) > 3 else ""
        yield f"{kind} in {', '.join(ids[:3])}{more}"
