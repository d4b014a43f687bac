"""`python -m synthetic publish`: the dataset on the Hugging Face Hub."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from labeler.errors import UsageError

HELP = "upload the dataset to the Hugging Face Hub with a card, and read it back to compare"
EXAMPLES = """examples:
  python -m synthetic publish data/name --to owner/name-issues --dry-run     # writes data/name/publish, sends nothing
  HF_TOKEN=… python -m synthetic publish data/name --to owner/name-issues --private

Without HF_TOKEN the login of `hf auth login` is used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with dataset.csv and labels.yml")
    parser.add_argument(
        "--to", required=True, metavar="OWNER/NAME", help="dataset repository on the Hub; made if missing"
    )
    parser.add_argument(
        "--private", action="store_true", help="make it private; an existing one must be private already"
    )
    parser.add_argument("--license", default="other", metavar="ID", help="as the Hub writes it (default: other)")
    parser.add_argument("--message", default="Update the dataset", metavar="TEXT", help="of the commit")
    parser.add_argument(
        "--unredacted", action="store_true", help="publish though secrets or addresses may be, or are, in the texts"
    )
    parser.add_argument("--dry-run", action="store_true", help="write the files to DIR/publish; send nothing")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    from labeler.config import environment, read_machine
    from labeler.fetch.hub_upload import check_name
    from synthetic.dataset.publication import package, send

    if not arguments.message.strip():
        raise UsageError("--message is empty", "Say what changed, or leave it out.")
    repository = check_name(arguments.to)
    made = package(
        arguments.folder, repository=repository, license_id=arguments.license, unredacted=arguments.unredacted
    )
    sizes = {name: path.stat().st_size for name, path in made.files.items()}
    if arguments.dry_run:
        _tell(arguments, {"repository": repository, "files": sizes, "rows": dict(made.rows)}, "not sent (--dry-run)")
        return 0
    machine = read_machine(environment())
    done = send(machine, repository, made, arguments.message, private=arguments.private)
    state = "uploaded and read back" if done.changed else "unchanged: all of it was there already"
    said = f"{state}: {done.url}, commit {done.commit}"
    _tell(arguments, asdict(done) | {"files": sizes, "rows": dict(made.rows)}, said)
    return 0


def _tell(arguments: argparse.Namespace, document: dict[str, object], said: str) -> None:
    if arguments.json:
        print(json.dumps(document, indent=1))
        return
    for name, size in sorted(document["files"].items()):  # type: ignore[attr-defined]
        print(f"{size:>12,}  {arguments.folder / 'publish' / name}")
    rows = ", ".join(f"{split} {count:,}" for split, count in document["rows"].items())  # type: ignore[attr-defined]
    print(f"rows: {rows}")
    print(said)
