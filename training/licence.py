"""The licence that a tuned model inherits from its base, and what its terms ask of whoever passes it on."""

from __future__ import annotations

import re
from pathlib import Path

NOTICE = "NOTICE"
_GEMMA = "gemma"
# Section 3.1 of the terms asks for this line, word for word, in a text file named Notice.
_NOTICE_LINE = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


def licence_of(name: str, folder: Path | None = None) -> str:
    """The base's licence as the Hub names it, from its model card or its name; "" where neither says.

    Args:
        name: "owner/name" on the Hub, or a path.
        folder: the base's files, where they are at hand.
    """
    card = folder / "README.md" if folder else None
    if card and card.is_file():
        match = _FRONT_MATTER.match(card.read_text(encoding="utf-8", errors="replace"))
        found = match and re.search(r"^license:\s*['\"]?([\w.-]+)", match[1], re.MULTILINE)
        if found:
            return found[1]
    # Gemma 4 is under Apache 2.0, but only Gemma 3 can be exported.
    return _GEMMA if _GEMMA in name.lower() else ""


def write_licence(folder: Path, licence: str) -> None:
    """Leaves the licence in a model's folder, where `licence_of` finds it; nothing for an unknown one."""
    if licence:
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n", encoding="utf-8")


def licence_text(licence: str, base: str) -> str:
    """The card's section on the licence, Markdown."""
    if licence == _GEMMA:
        said = (
            f"The base, {base}, is a Gemma model. {_NOTICE_LINE}. This model is a derivative of it: whoever uses it or "
            "passes it on is bound by these terms and by the Gemma Prohibited Use Policy "
            "(ai.google.dev/gemma/prohibited_use_policy), and passes on both, with this card and the file NOTICE. "
            "The weights were modified."
        )
    elif licence:
        said = f"As its base, {base}: {licence}."
    else:
        said = f"That of its base, {base}, which this program could not find out. Look it up before you publish."
    return f"## Licence\n\n{said}"


def write_notice(folder: Path, licence: str) -> None:
    """Writes the file that Gemma's terms ask for into a bundle; nothing for other bases."""
    if licence == _GEMMA:
        (folder / NOTICE).write_text(_NOTICE_LINE + "\n", encoding="utf-8")
