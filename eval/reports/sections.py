"""A model card's file: its sections, which several commands write, and foreign text in its Markdown."""

from __future__ import annotations

import html
import re

from labeler.data.textfile import one_line

CARD = "README.md"
_SECTION = re.compile(r"^(## [^\n]*)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def keep_sections(new: str, old: str) -> str:
    """`new`, and after it the sections of `old` whose headings it lacks: what other commands found about the model."""
    ours = {match[1].strip() for match in _SECTION.finditer(new)}
    kept = [match[0].strip() for match in _SECTION.finditer(old) if match[1].strip() not in ours]
    return "\n\n".join([new.strip(), *kept]) + "\n"


def cell(text: str) -> str:
    """Foreign text as Markdown shows it literally, also within a table."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(one_line(text), quote=False))
