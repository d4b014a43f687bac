"""Issues from elsewhere than GitHub: a JSONL, JSON or CSV export, or a folder with a Hugging Face dataset.

Understood are REST objects, `gh issue list --json number,title,body,labels,author,state,createdAt,updatedAt,closedAt`,
another working folder's issues.jsonl, the CSV-label format, and any table with columns title and body. Of a dataset
folder all files of one kind are read, the first that there is of Parquet, Arrow, JSONL, JSON and CSV; `label` will do
for `labels`, and numbered classes get their names from the dataset's own features.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.data.issue_table import ENDINGS, TIMES, TableOptions, is_table, read_table
from labeler.data.textfile import decoded_lines
from labeler.data.times import either_way
from labeler.errors import InputError
from labeler.github.history import LabelEvent
from synthetic.fetching.fetcher import Fetched
from synthetic.fetching.issues import Held, compact, record_of, sweep
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import ISSUES, Record, to_line

if TYPE_CHECKING:
    import pyarrow

Items = Iterator[tuple[dict[str, Any], str]]  # an item, and where it stands ("issues.csv:17: row 4")
ROWS_AT_ONCE = 1000
# What lies in a dataset's folder beside its data.
_ABOUT = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "fetch.json", "prepare.json"}


def import_issues(
    source: Path,
    repository: str,
    folder: Path,
    *,
    pull_requests: bool = False,
    limit: int | None = None,
    table: TableOptions | None = None,
    say: Callable[[str], None] | None = None,
) -> Fetched:
    """Adds the source's issues to the folder's issues.jsonl: all of them, or none where one is wrong.

    An issue that is there already is replaced unless the source's version is older. `table` and `say` as of
    `labeler.data.issue_table.read_table`.

    Raises:
        InputError: an issue is wrong; names file and line or row.
    """
    sweep(folder)
    path = folder / ISSUES
    held, new, changed, complete = Held(path), 0, 0, True

    def wanted() -> Iterator[Record]:
        nonlocal new, changed, complete
        for record in read_source(source, repository, table, say):
            if record.is_pull_request and not pull_requests:
                continue
            if held.is_current(record, with_changes=record.changes is not None):
                continue
            if limit is not None and new + changed >= limit:
                complete = False
                return
            new, changed = new + (record not in held), changed + (record in held)
            held.add(record)
            yield record

    write_lines(path, itertools.chain(read_lines(path), map(to_line, wanted())))
    return Fetched(repository, new, changed, complete, compact(path))


def read_source(
    path: Path,
    repository: str = "",
    table: TableOptions | None = None,
    say: Callable[[str], None] | None = None,
) -> Iterator[Record]:
    """The issues of a file or a dataset's folder. Where none has a number, they are numbered by position.

    Args:
        repository: of the issues that don't say whose they are.
        table, say: as of `labeler.data.issue_table.read_table`.

    Raises:
        InputError: on the way, at the first one that is wrong.
    """
    numbered: bool | None = None
    for position, (item, where) in enumerate(_items(path, table, say), 1):
        has_number = item.get("number") not in (None, "")
        numbered = has_number if numbered is None else numbered
        if numbered and not has_number:
            raise InputError(f"{where}: number: missing", "Give every issue its number, or none of them.")
        if not numbered and has_number:
            raise InputError(f"{where}: number: the issues before have none", "Give every issue a number, or none.")
        given = item if numbered else item | {"number": position}
        if "labels" not in given and "label" in given:
            given["labels"] = [given["label"]] if isinstance(given["label"], str) else given["label"]
        record = record_of(given, where, default=repository)
        yield replace(record, changes=_changes(given.get("changes"), where))


def _changes(value: object, where: str) -> tuple[LabelEvent, ...] | None:
    """Label changes, which only this project's own files have."""
    if not isinstance(value, list):
        return None
    try:
        return tuple(LabelEvent(**one) for one in value)
    except TypeError as error:
        raise InputError(f"{where}: changes: {error}", "Leave the field out.") from error


def _items(path: Path, table: TableOptions | None, say: Callable[[str], None] | None) -> Items:
    read_as_table = partial(_table, options=table, say=say)
    readers = _READERS | dict.fromkeys(ENDINGS, read_as_table)
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"{path}: no such file or folder", "Check the path.")
        kind = path.suffix.lower()
        if kind not in readers and not is_table(path, table):
            raise InputError(f"{path}: unknown kind of file", f"Give one of {', '.join(readers)}, or a folder.")
        yield from readers.get(kind, read_as_table)(path)
        return
    inside = [one for one in sorted(path.rglob("*")) if one.is_file() and one.name not in _ABOUT]
    inside = [one for one in inside if not any(part.startswith(".") for part in one.relative_to(path).parts)]
    for ending, read in readers.items():
        files = [one for one in inside if one.suffix.lower() == ending]
        if files:
            yield from itertools.chain.from_iterable(map(read, files))
            return
    raise InputError(f"{path}: no data", f"A dataset's folder has files ending in {', '.join(readers)}.")


def _json_lines(path: Path) -> Items:
    for number, line in enumerate(decoded_lines(path), 1):
        if line.strip():
            yield _object(_parsed(line, f"{path}:{number}"), f"{path}:{number}")


def _json(path: Path) -> Items:
    """One array of objects, or a line an object, as data sets often have it under this ending too."""
    text = "".join(decoded_lines(path))
    if not text.lstrip().startswith("["):
        yield from _json_lines(path)
        return
    for position, item in enumerate(_parsed(text, str(path)), 1):
        yield _object(item, f"{path}: item {position}")


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON: {error}", "Write one JSON object a line, or one array.") from error


def _object(item: object, where: str) -> tuple[dict[str, Any], str]:
    if not isinstance(item, dict):
        raise InputError(f"{where}: not an object", 'Write it like {"number": 1, "title": "…", "body": "…"}.')
    return item, where


def _table(path: Path, options: TableOptions | None, say: Callable[[str], None] | None) -> Items:
    """A table by any tracker; a key such as APP-12 is a number only while all are of one project."""
    project, unclear = "", set[str]()
    for item, where in read_table(path, options, say=say):
        prefix, dash, _ = str(item.get("id", "")).rpartition("-")
        if dash and str(item["number"]) == str(item["id"])[len(prefix) + 1 :]:
            if project and prefix != project:
                what = f"{where}: issue key: of project {prefix}, and those before of {project}"
                raise InputError(what, "Give each project a file and a --repo of its own: their numbers overlap.")
            project = prefix
        for name in (name for name in TIMES if say and either_way(item.get(name, ""))):
            if say and name not in unclear:
                say(f"{where}: {name}: {item[name]} may be either of two days; left out, as others like it.")
            unclear.add(name)
            item[name] = ""
        yield item, where


def _parquet(path: Path) -> Items:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        yield from _rows(file.iter_batches(batch_size=ROWS_AT_ONCE), file.schema_arrow, path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a Parquet file: {error}", "Download it again.") from error


def _arrow(path: Path) -> Items:
    """A file of `Dataset.save_to_disk`."""
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as source, pyarrow.ipc.open_stream(source) as batches:
            yield from _rows(batches, batches.schema, path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: not an Arrow stream: {error}", "Save the dataset again.") from error


def _rows(batches: Iterable[pyarrow.RecordBatch], schema: pyarrow.Schema, path: Path) -> Items:
    classes = _classes(schema)
    row = 0
    for batch in batches:
        for item in batch.to_pylist():
            row += 1
            where = f"{path}: row {row}"
            for name, names in classes.items():
                item[name] = _named(item.get(name), names, f"{where}: {name}")
            yield item, where


def _classes(schema: pyarrow.Schema) -> dict[str, list[str]]:
    """The columns that hold class numbers, with the names of the classes, as `datasets` writes them."""
    said = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = {name: one.get("feature", one) for name, one in said.get("info", {}).get("features", {}).items()}
    return {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}


def _named(value: object, names: list[str], where: str) -> list[str]:
    """Class numbers as names; -1 and null are no label."""
    found = []
    for one in value if isinstance(value, list) else [value]:
        if one is None or one == -1:
            continue
        if not isinstance(one, int) or not 0 <= one < len(names):
            raise InputError(f"{where}: {one!r:.40} is no class of {len(names)}", "Is the dataset whole?")
        found.append(names[one])
    return found


_READERS: dict[str, Callable[[Path], Items]] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
}
