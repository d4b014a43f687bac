"""`python -m synthetic redaction`: what redaction is worth, and where its rules come from."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from labeler.errors import InputError

HELP = "measure redaction on planted secrets and clean texts; renew gitleaks' rules"
EXAMPLES = """examples:
  python -m synthetic redaction
  python -m synthetic redaction --write docs/security.md
  python -m synthetic redaction --texts issues.jsonl --most 2000
  python -m synthetic redaction --gitleaks gitleaks.toml --version v8.30.1"""
BLOCK = re.compile(r"(<!-- redaction: [^\n]*-->\n).*?(\n<!-- end of redaction -->)", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--each", type=int, default=7, metavar="N", help="planted secrets of each kind and half (7)")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the table into this Markdown file's block for it"
    )
    parser.add_argument(
        "--texts", type=Path, metavar="FILE", help="issues (JSON lines, .gz too) instead: what is taken from them"
    )
    parser.add_argument("--most", type=int, default=2000, metavar="N", help="issues of --texts, spread evenly (2000)")
    parser.add_argument("--gitleaks", type=Path, metavar="FILE", help="make the rules anew from this gitleaks.toml")
    parser.add_argument("--version", metavar="TAG", help="gitleaks' release that --gitleaks is of, such as v8.30.1")


def run(arguments: argparse.Namespace) -> int:
    if arguments.each < 1 or arguments.most < 1:
        raise InputError("--each, --most: less than one", "Give a number from 1.")
    if arguments.gitleaks is not None:
        return _renewed(arguments.gitleaks, arguments.version)
    from synthetic.redaction.trial.measuring import read_texts, table, taken, trial

    if arguments.texts is not None:
        found = taken(read_texts(arguments.texts, arguments.most))
        print("\n".join(found.certain))
        kinds = ", ".join(f"{count} {kind}" for kind, count in found.counts.most_common()) or "none"
        print(f"{found.texts:,} texts, redactions: {kinds}; certain ones, to be looked at: {len(found.certain)}")
        return 0
    made = table(trial(each=arguments.each))
    if arguments.write is None:
        print(made)
        return 0
    _write(arguments.write, made)
    return 0


def _write(path: Path, made: str) -> None:
    from labeler.files import write_text

    try:
        page = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}", "Give a Markdown file with the block.") from None
    if not BLOCK.search(page):
        raise InputError(f"{path}: no block for the table", "Begin it with <!-- redaction: -->, see docs/security.md.")
    write_text(path, BLOCK.sub(lambda match: match[1] + made + match[2], page))
    print(f"written: {path}", file=sys.stderr)


def _renewed(path: Path, version: str | None) -> int:
    from synthetic.redaction.gitleaks import FILE
    from synthetic.redaction.translate import convert

    if not version:
        raise InputError("--gitleaks: its release is not given", "Add --version, such as v8.30.1.")
    data = convert(path, version, FILE)
    for one in data["left_out"]:
        print(f"left out: {one['id']}: {one['reason']}")
    print(f"written: {FILE}: {len(data['rules'])} rules of gitleaks {version}", file=sys.stderr)
    return 0
