"""`python -m training publish`: a bundle on the Hugging Face Hub or as a GitHub release asset."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

HELP = "upload a bundle to the Hugging Face Hub or a GitHub release, fetch it back, and print what to pin"
EXAMPLES = """examples:
  python -m training publish --bundle runs/mine/bundle --to owner/name --dry-run      # sends nothing
  HF_TOKEN=… python -m training publish --bundle runs/mine/bundle --to owner/name --private
  GITHUB_TOKEN=… python -m training publish --bundle runs/mine/bundle --to github:owner/repo@models-v1

Without HF_TOKEN the login of `hf auth login` is used. A run that broke off is simply run again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="folder of an exported bundle")
    parser.add_argument(
        "--to",
        required=True,
        metavar="WHERE",
        help="owner/name on the Hub (made if missing), or github:owner/repo@tag[/asset.tar.gz]",
    )
    parser.add_argument(
        "--private", action="store_true", help="make it private on the Hub; what exists must be private already"
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would go where; send nothing")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    from labeler.config import environment, read_machine
    from labeler.data.textfile import one_line
    from training.publish import parse_target, read_content

    content = read_content(arguments.bundle)
    target = parse_target(arguments.to, content.name)
    machine = read_machine(environment())
    if content.added:
        print(f"note: added to the bundle, as its base's licence asks: {', '.join(content.added)}", file=sys.stderr)
    for name in content.left_out:
        print(f"note: {one_line(name)} is not in the bundle's manifest and stays here", file=sys.stderr)
    if "README.md" not in content.files:
        print("note: the bundle has no model card (README.md)", file=sys.stderr)
    if arguments.dry_run:
        plan = target.plan(content, machine, private=arguments.private, wait=time.sleep)
        if arguments.json:
            print(json.dumps(asdict(plan), indent=1))
            return 0
        print(plan.where)
        for name, size in plan.files.items():
            print(f"{size:>14,}  {name}")
        print("\n".join(f"would {step}" for step in plan.steps))
        return 0
    done = target.publish(content, machine, private=arguments.private, wait=time.sleep)
    if arguments.private and not done.pin.startswith("github:"):
        print("note: to fetch a private model, the job needs HF_TOKEN in its `env:`", file=sys.stderr)
    if arguments.json:
        print(json.dumps(asdict(done), indent=1))
        return 0
    print("published and fetched back:" if done.changed else "it was there already, and can be fetched:", done.url)
    print(f"\nIn your workflow, under `with:` of the action:\n\n          model: {done.pin}")
    return 0
