"""Strips from a body what stands in the repository's own issue templates: nobody wrote it about this issue.

What an issue form (YAML) leaves in a body are headings and answers. Gone are the boxes that everybody must tick, what a
text field was filled with from the start, and pasted placeholders and introductions. What was chosen from a list, and a
box that nobody had to tick, are evidence and stay. Of an older template (Markdown) every line goes that is as the
template has it. A template's heading goes where nothing is left below it. Short lines stay: a line "Windows" may be an
answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labeler.text.attestations import BOX
from labeler.text.template import FENCE, Stripped, outside_code, strip_template

FOLDER = ".github/ISSUE_TEMPLATE"
SINGLE = (".github/ISSUE_TEMPLATE.md", "ISSUE_TEMPLATE.md", "docs/ISSUE_TEMPLATE.md")
ENDINGS = (".yml", ".yaml", ".md")
_LEAST_WORDS, _LEAST_CHARACTERS = 4, 24  # of a line that is surely the template's; either will do
_STUB = re.compile(r"(?:\d{1,3}[.)]|[-*+]|\.{3}|…)")
_HEADING = re.compile(r"#{1,6} \S|(?:\*\*|__)[^*_]{1,120}(?:\*\*|__):?$")
_MARKED = re.compile(r"#{1,6}(?: |$)")
_BULLET = re.compile(r"[-*+] |\d{1,3}[.)] ")
_FRONT_MATTER = re.compile(r"\A---\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)
_NO_ANSWER = ("", "_No response_")


@dataclass(frozen=True)
class OwnTemplates:
    """The lines of a repository's templates, each with its white space folded.

    `lines` are those to strip, `boxes` the items of lists of boxes to strip, `headings` (without `#`) go where
    nothing is below them, `everything` is for fenced code, which goes as a whole. `problems` name files passed over.
    """

    lines: frozenset[str] = frozenset()
    boxes: frozenset[str] = frozenset()
    headings: frozenset[str] = frozenset()
    everything: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def own_templates(files: Mapping[str, str]) -> OwnTemplates:
    """What is known from the texts of template files, keyed by path."""
    texts, boxes, headings, problems = [], set(), set(), []
    for path, text in files.items():
        plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        if path.endswith(".md"):
            texts.append(_FRONT_MATTER.sub("", plain, count=1))
            continue
        try:
            fields = list(_fields(plain))
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        for kind, given in fields:
            headings.add(_bare("# " + _one_line(str(given.get("label") or ""))))
            boxes |= set(_attested(given)) if kind == "checkboxes" else set()
            texts += [str(given.get(key) or "") for key in ("value", "placeholder")]
    lines = {_one_line(line) for text in texts for line in text.splitlines()}
    titles = {line for line in lines if _is_heading(line)}
    return OwnTemplates(
        lines=frozenset(line for line in lines - titles if _is_long(line) or _is_stub(line)),
        boxes=frozenset(boxes),
        headings=frozenset({_bare(title) for title in titles} | headings) - {""},
        everything=frozenset(lines),
        problems=tuple(problems),
    )


def strip_own_lines(body: str, templates: OwnTemplates) -> Stripped:
    """The body without the templates' lines, and how many lines and headings are gone. Linear in the body's length.

    What every template leaves (`strip_template`) goes first, and is not counted: it needs lists and comments whole. A
    body with no line of the templates besides is given back as it is.
    """
    counts: Counter[str] = Counter()
    if not (templates.lines or templates.boxes or templates.headings):
        return Stripped(body, counts)
    text = strip_template(body).text
    kept = _without_headings(_without_lines(text, templates, counts), templates.headings, counts)
    left = re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip()
    return Stripped(left, counts) if counts else Stripped(body, counts)


def _fields(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Kind and attributes of a form's fields. Raises ValueError saying why the text is no form."""
    import yaml  # 20 ms: only where there are templates

    try:
        form = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError("not valid YAML" + (f" in line {mark.line + 1}" if mark else "")) from error
    fields = form.get("body") if isinstance(form, dict) else None
    for one in fields if isinstance(fields, list) else ():
        attributes = one.get("attributes") if isinstance(one, dict) else None
        if isinstance(attributes, dict):
            yield str(one.get("type")), attributes


def _attested(given: Mapping[str, Any]) -> Iterator[str]:
    """The boxes that everybody has to tick, which thus say nothing."""
    options = given.get("options")
    for one in options if isinstance(options, list) else ():
        if isinstance(one, dict) and one.get("required") is True:
            yield _one_line(str(one.get("label") or ""))


def _without_lines(text: str, templates: OwnTemplates, counts: Counter[str]) -> Iterator[str]:
    block: list[str] = []  # fenced code with its fences
    for line, plain in [*outside_code(text), ("", True)]:
        if not plain:
            block.append(line)
            continue
        if block:
            inner = [_one_line(one) for one in block if not FENCE.match(one)]
            if any(inner) and all(one in templates.everything for one in inner if one):
                counts["template line"] += len(inner)
            else:
                yield from block
            block = []
        folded = _one_line(line)
        item = _one_line(BOX.sub("", line, count=1)) if BOX.match(line) else ""
        if folded in templates.lines or item in templates.boxes:
            counts["template line"] += 1
        else:
            yield line


def _without_headings(lines: Iterable[str], headings: frozenset[str], counts: Counter[str]) -> list[str]:
    """Without own headings that have nothing up to the next heading, or that have only such headings below."""
    kept: list[str] = []  # from the last line to the first
    said, below = False, 0  # whether something was said below, up to a heading; the level of the kept one that follows
    for line, plain in reversed(list(outside_code("".join(lines)))):
        folded = _one_line(line)
        own = plain and _is_heading(folded) and _bare(folded) in headings
        if plain and (own or _MARKED.match(folded)):
            level = len(folded) - len(folded.lstrip("#")) or 7
            if own and not said and below <= level:
                while kept and _one_line(kept[-1]) in _NO_ANSWER:
                    kept.pop()
                counts["template heading"] += 1
                continue
            said, below = False, level
        else:
            said = said or folded not in _NO_ANSWER
        kept.append(line)
    return kept[::-1]


def _is_heading(line: str) -> bool:
    """Markdown's headings, bold lines, and what asks for something below it."""
    return bool(_HEADING.match(line)) or (line.endswith((":", "?")) and not _BULLET.match(line))


def _bare(line: str) -> str:
    return line.lstrip("#").strip(" *_:") if _HEADING.match(line) else line.strip(" :")


def _is_stub(line: str) -> bool:
    """An item that nobody filled in: "1." or "- Version:"."""
    return bool(_STUB.fullmatch(line) or (_BULLET.match(line) and line.endswith(":")))


def _is_long(line: str) -> bool:
    return len(line.split()) >= _LEAST_WORDS or len(line) >= _LEAST_CHARACTERS


def _one_line(text: str) -> str:
    return " ".join(text.split())
