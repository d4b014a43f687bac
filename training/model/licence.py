"""The licence that a tuned model inherits from its base, and what its terms ask of whoever passes it on.

`licences/gemma/` holds the files that the Gemma Terms of Use (section 3.1) want beside every copy of a derivative: the
notice, which also says that the files were modified, a copy of the terms, and the restrictions on use. Whatever lies in
that folder is carried by bundles, merged and unpacked checkpoints, and by what is published.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from labeler.errors import InputError
from labeler.files import write_text
from labeler.model.bundle import MANIFEST, Manifest, read_manifest, sha256

NOTICE = "NOTICE"
TERMS = Path(__file__).parents[1] / "licences"
_GEMMA = "gemma"
# Section 3.1 of the terms asks for this line, word for word, in a text file named Notice.
_NOTICE_LINE = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


def licence_of(name: str, folder: Path | None = None) -> str:
    """The base's licence as the Hub names it: from its model card or its name; "" where neither says.

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


def licence_of_bundle(manifest: Manifest) -> str:
    """The licence that a bundle is under: the one it records, else that of its base's name."""
    return str(manifest.provenance.get("licence", "")) or licence_of(manifest.base_model)


def licence_files(licence: str) -> dict[str, Path]:
    """What has to lie beside a model under this licence: file name -> the copy kept here."""
    kept = TERMS / licence
    return {path.name: path for path in sorted(kept.iterdir())} if licence == _GEMMA else {}


def write_licence(folder: Path, licence: str) -> None:
    """Leaves the licence in a checkpoint's folder, where `licence_of` finds it; nothing for an unknown one."""
    if licence:
        said = f"\n{_NOTICE_LINE}. The files were modified: see {NOTICE}.\n" if licence == _GEMMA else ""
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n{said}", encoding="utf-8")
        write_notice(folder, licence)


def licence_text(licence: str, base: str) -> str:
    """The card's section on the licence, Markdown."""
    if licence == _GEMMA:
        said = (
            f"The base, {base}, is a Gemma model. {_NOTICE_LINE}. This model is a derivative of it, and its files were "
            "modified: the weights are other ones than Google's. Whoever uses it or passes it on is bound by the terms "
            "(GEMMA_TERMS.md) and by the Gemma Prohibited Use Policy (ai.google.dev/gemma/prohibited_use_policy, "
            "GEMMA_USE_RESTRICTIONS.md), and passes on both, with this card and the file NOTICE."
        )
    elif licence:
        said = f"As its base, {base}: {licence}."
    else:
        said = f"That of its base, {base}, which this program could not find out. Look it up before you publish."
    return f"## Licence\n\n{said}"


def write_notice(folder: Path, licence: str) -> None:
    """Writes the files that Gemma's terms ask for into a model's folder; nothing for other bases."""
    for name, kept in licence_files(licence).items():
        shutil.copyfile(kept, folder / name)


def carry_licence(bundle: Path) -> tuple[str, ...]:
    """Adds what the licence asks for to a bundle that lacks it, and to the list in its manifest; returns the names.

    Raises:
        InputError: the folder cannot be written.
    """
    manifest = read_manifest(bundle)
    wanted = licence_files(licence_of_bundle(manifest))
    missing = tuple(name for name in wanted if name not in manifest.files or not (bundle / name).is_file())
    if not missing:
        return ()
    try:
        for name in missing:
            shutil.copyfile(wanted[name], bundle / name)
        # Not `write_manifest`: it would list whatever else lies in the folder.
        document = json.loads((bundle / MANIFEST).read_bytes())
        document["files"] |= {
            name: {"size": (bundle / name).stat().st_size, "sha256": sha256(bundle / name)} for name in missing
        }
        write_text(bundle / MANIFEST, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        what = f"{bundle}: lacks {', '.join(missing)}, which must go with a Gemma model: {error.strerror}"
        raise InputError(what, "Copy the bundle to a folder that can be written, and publish that.") from error
    return missing
