"""`python -m eval gate`: may this model replace the published one?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.data.textfile import one_line
from labeler.errors import UsageError

if TYPE_CHECKING:
    from eval.gate.gating import Finding

HELP = "may this model replace the published one? One line a rule; exit code 0 if it may, 4 if it is refused"
EXAMPLES = """examples:
  python -m eval gate --candidate new --champion labeler/starter --data dataset.csv
  python -m eval gate --candidate new --champion none --data dataset.csv --rules gate.toml
  python -m eval gate --candidate new --champion old --data dataset.csv --markdown - >> "$GITHUB_STEP_SUMMARY"

exit codes: 0 the model may be published; 4 refused; 1 failed; 2 wrong usage; 3 a bug"""
REFUSED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--candidate", required=True, help="the bundle to judge: a folder, or as the action's `model`")
    parser.add_argument("--champion", required=True, help="the published bundle; none for a first release")
    parser.add_argument(
        "--data", type=Path, required=True, help="judged on its test rows; the linear baseline learns from the others"
    )
    parser.add_argument("--rules", type=Path, help="a TOML file that overrides some of eval/gate/gate.toml")
    parser.add_argument("--json", action="store_true", help="JSON instead of the lines")
    parser.add_argument("--markdown", metavar="FILE", help="Markdown into this file; - for stdout, without the lines")


def run(arguments: argparse.Namespace) -> int:
    from eval.gate.evidence import gather
    from eval.gate.gating import judge
    from eval.gate.rules import read_rules
    from eval.systems.bundles import open_reader
    from labeler.base.examples import read_splits
    from labeler.base.store import default_store
    from labeler.files import write_text

    if arguments.json and arguments.markdown == "-":
        raise UsageError("--json and --markdown - both want stdout", "Give the Markdown a file.")
    rules = read_rules(arguments.rules)
    splits, store = read_splits(arguments.data), default_store()
    candidate = open_reader(arguments.candidate, splits.labels, store)
    champion = None if arguments.champion == "none" else open_reader(arguments.champion, splits.labels, store)
    evidence = gather(candidate, champion, splits, rules, store, _say)
    findings = judge(evidence, rules)
    passed = all(finding.passed is not False for finding in findings)
    what = f"{arguments.candidate} {'may be published' if passed else 'is refused'}"
    text = _markdown(what, findings)
    if arguments.markdown and arguments.markdown != "-":
        write_text(Path(arguments.markdown), text)
    if arguments.json:
        rows = [vars(finding) for finding in findings]
        print(json.dumps({"passed": passed, "rules": rows}, indent=1, ensure_ascii=False))
    elif arguments.markdown == "-":
        print(text)
    else:
        for finding in findings:
            print(one_line(f"{finding.mark} {finding.rule}: {finding.reason}"))
        print(f"{what}.")
    return 0 if passed else REFUSED


def _say(step: str) -> None:
    print(f"{step} …", file=sys.stderr)


def _markdown(what: str, findings: Sequence[Finding]) -> str:
    from labeler.base.markdown_table import markdown_table
    from labeler.github.summary import escape

    table = markdown_table(("", "rule", ""), ((f.mark, f.rule, escape(f.reason)) for f in findings))
    return f"**{escape(what)}**\n\n{table}\n"
