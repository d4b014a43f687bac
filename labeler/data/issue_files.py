"""Issues from files: JSONL, JSON, CSV, Markdown, and standard input; read one at a time."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from labeler.data.encodings import SAVE_AS_CSV, WORKBOOKS
from labeler.data.issue_table import Kept, TableOptions, is_table, read_table
from labeler.data.textfile import decode_lines, decoded_lines, parsed_json
from labeler.errors import InputError
from labeler.text.issue import Issue, from_event, from_rest

STANDARD_INPUT = "standard input"

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_ARRAY = re.compile(r"\s*\[\s*(?:\{|\]|\Z)")  # a JSON array of objects; "[Bug] title" is none
_HEADING = re.compile(r"#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*\Z")
_UNDERLINE = re.compile(r"[ ]{0,3}(?:={2,}|-{2,})[ \t]*\r?\Z")


def read_issues(
    path: str | Path,
    stdin: BinaryIO | None = None,
    *,
    table: TableOptions | None = None,
    say: Callable[[str], None] | None = None,
    kept: Kept | None = None,
) -> Iterator[Issue]:
    """The issues of a file, by its ending: .jsonl .ndjson .json .csv .tsv .tab .md .markdown .txt; "-" is stdin.

    A line of JSONL, or an item of a JSON array, is an object with `Issue`'s own keys, a REST object, or an event.
    Standard input is JSON where it starts so, otherwise one issue in Markdown. Raises InputError, on the way, at the
    first issue that is wrong, naming file and line.
    """
    if str(path) == "-":
        return _from_stdin(sys.stdin.buffer if stdin is None else stdin, kept)
    source, lines, ending = str(path), decoded_lines(path), Path(path).suffix.lower()
    if is_table(path, table):
        return _from_table(Path(path), table, say, kept)
    match ending:
        case ".jsonl" | ".ndjson" | ".json":
            return _from_json(lines, source, kept)
        case ".md" | ".markdown" | ".txt":
            return _from_markdown(lines, source, Path(path).name)
    if ending in WORKBOOKS:
        raise InputError(f"{path}: unknown kind of file: a spreadsheet's own, not text", SAVE_AS_CSV)
    raise InputError(f"{path}: unknown kind of file", "Give a .jsonl, .json, .csv, .md or .txt file, or - for stdin.")


def _from_stdin(stdin: BinaryIO, kept: Kept | None) -> Iterator[Issue]:
    lines = decode_lines(stdin, STANDARD_INPUT)
    blank, lines, start = _peeked(lines)
    if start.lstrip().startswith("{"):
        yield from _from_jsonl(lines, STANDARD_INPUT, blank + 1, kept)
    elif _ARRAY.match(start):
        yield from _from_json(lines, STANDARD_INPUT, kept)
    else:
        yield from _from_markdown(lines, STANDARD_INPUT, "")


def _peeked(lines: Iterator[str]) -> tuple[int, Iterator[str], str]:
    """The number of blank lines at the start, the lines from there on, and the first of them ("" at the end)."""
    for blank, line in enumerate(lines):
        if line.strip():
            return blank, itertools.chain([line], lines), line
    return 0, iter(()), ""


def _from_json(lines: Iterator[str], source: str, kept: Kept | None) -> Iterator[Issue]:
    """JSONL, or a JSON array, or one object over several lines, whatever the file's ending says."""
    blank, lines, start = _peeked(lines)
    if start.lstrip().startswith("{") and (start.rstrip().endswith("}") or not source.lower().endswith(".json")):
        yield from _from_jsonl(lines, source, blank + 1, kept)
        return
    text = "\n" * blank + "".join(lines)
    if not text.strip():
        return
    parsed = parsed_json(text, source, 1)
    for position, item in enumerate(parsed if isinstance(parsed, list) else [parsed], 1):
        yield _issue(item, f"{source}: item {position}", kept)


def _from_jsonl(lines: Iterable[str], source: str, first: int, kept: Kept | None) -> Iterator[Issue]:
    for number, line in enumerate(lines, first):
        if line.strip():
            yield _issue(parsed_json(line, source, number), f"{source}:{number}", kept)


def _issue(item: object, where: str, kept: Kept | None) -> Issue:
    if not isinstance(item, dict):
        raise InputError(f"{where}: not an object", 'Write it like {"title": "…", "body": "…"}.')
    event = isinstance(item.get("issue"), dict)
    if kept is not None:
        kept.objects.append(item["issue"] if event else item)
    return from_event(item, where) if event else from_rest(item, where=where)


def _from_table(
    path: Path, options: TableOptions | None, say: Callable[[str], None] | None, kept: Kept | None
) -> Iterator[Issue]:
    for item, where in read_table(path, options, say=say, kept=kept):
        yield from_rest(item, where=where)


def _from_markdown(lines: Iterable[str], source: str, identity: str) -> Iterator[Issue]:
    text = "".join(lines)
    matter, text = _front_matter(text, source)
    title = matter.get("title")
    if not isinstance(title, str) or not title.strip():
        title, text = _title_and_rest(text)
    if not title.strip() and not text.strip():
        raise InputError(f"{source}: empty", "Write a title on the first line and the body below it.")
    body = re.sub(r"\A(?:[ \t]*\r?\n)+", "", text).rstrip()
    yield from_rest({"id": identity, **matter, "title": title.strip(), "body": body}, where=source)


def _front_matter(text: str, source: str) -> tuple[dict[str, Any], str]:
    """The YAML mapping between two lines of dashes at the start of the text, and what follows; {} where none is."""
    found = _FRONT_MATTER.match(text)
    if not found:
        return {}, text
    import yaml

    try:
        # BaseLoader makes text of every scalar: a label `no` stays a label.
        matter = yaml.load(found[1], Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        raise InputError(f"{source}:{line}: not valid YAML between the dashes", "Mend it or remove it.") from error
    except RecursionError as error:
        raise InputError(f"{source}:1: YAML nested too deeply between the dashes", "Mend it or remove it.") from error
    if not isinstance(matter, dict):
        return {}, text
    return {key.lower(): value for key, value in matter.items() if isinstance(key, str)}, text[found.end() :]


def _title_and_rest(text: str) -> tuple[str, str]:
    """The first line that is not blank, without the marks of a heading, and what follows it."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    if start == len(lines):
        return "", ""
    title, rest = lines[start].strip(), lines[start + 1 :]
    heading = _HEADING.match(title)
    if not heading and rest and _UNDERLINE.match(rest[0]):
        rest = rest[1:]
    return heading[1] if heading else title, "\n".join(rest)
