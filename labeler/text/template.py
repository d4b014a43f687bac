"""Strips what an issue template left behind and nobody filled in.

Gone are HTML comments (GitHub shows none of them), what the form makes everybody attest, unticked items of checklists,
and headings with nothing below them, or only "_No response_", which is what GitHub's issue forms write for an empty
field, a fence around nothing, or nothing but a version's number. Fenced code stays as it is.
Serving, training and the making of datasets strip alike, so that a model reads what it was taught on, and its token
budget is spent on what the reporter wrote. Stripping twice is stripping once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from labeler.text.attestations import BOX, attested

# Ways to leave a field of a form empty: the form's own, and what people write there.
_NOTHING = {"", "no response", "n/a", "na", "none", "nothing", "nil", "no", "not applicable", "not sure"}
_NOTHING |= {"see above", "as above", "same as above", "described above", "see below", "don't know", "i don't know"}
_MOST_NOTHING = 80  # characters of a field's answer that may be nothing
_VERSION = re.compile(r"(?:v|version |release )?\d{1,5}(?:\.\d{1,5}){1,4}(?:[-+.][\w.+-]{0,40})?")
_EMPTY_FENCE = re.compile(r"(`{3,}|~{3,})[\w+-]{0,20}\s+\1")
_MOST_ROUNDS = 8  # what one round leaves may be a template's again: "<!<!-- -->-- -->"
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+\S.*)?$")
# Older templates write their headings in bold. A bold sentence is not one.
_BOLD = re.compile(r" {0,3}(?:\*\*|__)[^*_\n]{1,60}[^*_\n.!](?:\*\*|__):?[ \t]*$")
BOLD_LEVEL = 7
_UNTICKED = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+\[[ \t]?\](?:[ \t]|$)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class Stripped:
    """What is left of a body, and how many pieces of each kind are gone."""

    text: str
    counts: Counter[str]


def strip_template(body: str) -> Stripped:
    """The body without the leavings of a template. Where unticked items are all there is, they stay."""
    counts: Counter[str] = Counter()
    text, before = body.replace("\r\n", "\n").replace("\r", "\n"), ""
    for _ in range(_MOST_ROUNDS):
        text, before = _once(text, counts), text
        if text == before:
            break
    return Stripped(text, counts)


def _once(text: str, counts: Counter[str]) -> str:
    text = _without_attestations(_without_comments(text, counts), counts)
    text = _without_empty_sections(_without_unticked(text, counts), counts)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class Code:
    """Tells of a text's lines, given in turn, which are fenced code."""

    def __init__(self) -> None:
        self.fence = ""

    def holds(self, line: str) -> bool:
        """Whether this line is code or a fence around it."""
        found = FENCE.match(line)
        if not self.fence:
            self.fence = found[1] if found else ""
            return found is not None
        if found and found[1].startswith(self.fence) and not line[found.end() :].strip():
            self.fence = ""
        return True


def outside_code(text: str) -> Iterator[tuple[str, bool]]:
    """The lines with their ends, and whether each is outside fenced code (the fences are inside)."""
    code = Code()
    return ((line, not code.holds(line)) for line in text.splitlines(keepends=True))


def _without_comments(text: str, counts: Counter[str]) -> str:
    """Without `<!-- … -->`; one that nobody closed stays, and so does one in code."""
    kept: list[str] = []
    code = Code()
    place = end = 0
    for line in text.splitlines(keepends=True):
        begin, end = end, end + len(line)
        if place >= end:
            continue
        shown = text[max(begin, place) : end]
        if code.holds(shown):
            kept.append(shown)
        else:
            place = _hide_comments(text, max(begin, place), end, kept, counts)
    return "".join(kept)


def _hide_comments(text: str, place: int, end: int, kept: list[str], counts: Counter[str]) -> int:
    """Keeps what a line shows from `place` to `end`; where its last comment ends, which may be lines below."""
    begin = place
    while (opens := text.find("<!--", place, end)) >= 0:
        closes = text.find("-->", opens + 4)
        if closes < 0:
            break
        if text.count("`", begin, opens) % 2:  # in a code span
            place = opens + 4
            continue
        kept.append(text[begin:opens])
        counts["HTML comment"] += 1
        begin = place = closes + 3
        if place >= end:
            return place
    kept.append(text[begin:end])
    return place


def _without_attestations(text: str, counts: Counter[str]) -> str:
    """Without boxes, ticked or not, that attest. Boxes with nothing but blank lines between them are one list."""
    lines = list(outside_code(text))
    gone: set[int] = set()
    boxes: list[int] = []
    for i, (line, plain) in enumerate([*lines, ("end", True)]):
        if plain and BOX.match(line):
            boxes.append(i)
        elif boxes and line.strip():
            items = [BOX.sub("", lines[j][0], count=1) for j in boxes]
            gone |= {j for j, attests in zip(boxes, attested(items), strict=True) if attests}
            boxes = []
    if not gone:
        return text
    counts["attestation"] += len(gone)
    return "".join(line for i, (line, _) in enumerate(lines) if i not in gone)


def _without_unticked(text: str, counts: Counter[str]) -> str:
    lines = list(outside_code(text))
    left = [line for line, plain in lines if not (plain and _UNTICKED.match(line))]
    if len(left) == len(lines) or not any(line.strip() and not _HEADING.match(line.rstrip()) for line in left):
        return text
    counts["unticked item"] += len(lines) - len(left)
    return "".join(left)


@dataclass
class Section:
    """A heading of level 1 to 6 (7: in bold; 0: the text before the first) and the lines below it, with their ends."""

    level: int
    lines: list[str]

    @property
    def says_nothing(self) -> bool:
        answer = "".join(self.lines[1:]).strip()
        if not self.level or len(answer) > _MOST_NOTHING:
            return False
        said = answer.strip("_*-. \t\n").casefold()
        return said in _NOTHING or bool(_VERSION.fullmatch(said) or _EMPTY_FENCE.fullmatch(answer))


def _without_empty_sections(text: str, counts: Counter[str]) -> str:
    sections = sections_of(text)
    # A single bold line is likelier somebody's emphasis than a template's heading.
    bold = sum(section.level == BOLD_LEVEL for section in sections) > 1
    kept: list[Section] = []
    below = 0  # level of the kept section that follows
    for section in reversed(sections):
        is_heading = section.level and (bold or section.level < BOLD_LEVEL)
        if is_heading and section.says_nothing and below <= section.level:
            counts["empty section"] += 1
            continue
        kept.append(section)
        below = section.level
    return "".join(line for section in reversed(kept) for line in section.lines)


def sections_of(text: str) -> list[Section]:
    """All of the text, cut before each heading outside fenced code."""
    sections = [Section(0, [])]
    for line, plain in outside_code(text):
        bare = line.rstrip("\n")
        if plain and (found := _HEADING.match(bare)):
            sections.append(Section(len(found[1]), [line]))
        elif plain and _BOLD.match(bare):
            sections.append(Section(BOLD_LEVEL, [line]))
        else:
            sections[-1].lines.append(line)
    return sections
