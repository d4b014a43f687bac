"""`python -m training vocabulary`: count, report and cut down a vocabulary."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labeler.console.argument_types import positive
from labeler.errors import UsageError
from training.vocabulary import DEFAULT_SIZE

HELP = "cut a base down to the tokens that issues use, count them anew, say what it costs by language"
EXAMPLES = """examples:
  python -m training vocabulary report --tokenizer tokenizer.json --texts issues.jsonl.gz --size 40960 49152
  python -m training vocabulary count --tokenizer tokenizer.json --out vi.json.xz vietnamese.txt
  python -m training vocabulary trim --base google/gemma-3-270m-it --counts vi.json.xz --out base-49152
  python -m training run … --vocabulary 49152 --vocabulary-counts vi.json.xz"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")

    report = ways.add_parser("report", help="tokens by language, relative to the whole vocabulary")
    report.add_argument("--tokenizer", type=Path, required=True, metavar="FILE", help="the base's tokenizer.json")
    report.add_argument(
        "--texts", type=Path, required=True, metavar="FILE", help="JSON lines with language, title and body; also .gz"
    )
    report.add_argument(
        "--size", type=positive, nargs="+", default=[DEFAULT_SIZE], metavar="N", help=f"tokens; default {DEFAULT_SIZE}"
    )
    _add_counts(report)
    report.add_argument("--json", action="store_true", help="print JSON")

    count = ways.add_parser("count", help="make counts of your own text, beside those that ship")
    count.add_argument("--tokenizer", type=Path, required=True, metavar="FILE", help="the base's tokenizer.json")
    count.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file of counts, like mine.json.xz")
    count.add_argument("texts", type=Path, nargs="+", metavar="TEXTS", help=".txt, .md, .jsonl, .csv, also .gz")
    count.add_argument(
        "--weight", type=float, metavar="W",
        help="of each file beside the shipped counts, whose English has 1 and whose other languages have 0.01 each; "
        "default 0.01",
    )  # fmt: skip
    count.add_argument("--alone", action="store_true", help="leave the shipped counts out")

    trim = ways.add_parser("trim", help="write a base with fewer tokens, as `run --vocabulary` makes for itself")
    trim.add_argument("--base", required=True, help="as for `run`")
    trim.add_argument(
        "--size", type=positive, default=DEFAULT_SIZE, metavar="N", help=f"tokens; default {DEFAULT_SIZE}"
    )
    _add_counts(trim)
    trim.add_argument("--out", type=Path, required=True, help="the new base's folder")


def _add_counts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--counts", type=Path, metavar="FILE", help="a file of `count`; default: the counts that ship")


def run(arguments: argparse.Namespace) -> int:
    return {"report": _report, "count": _count, "trim": _trim}[arguments.way](arguments)


def _report(arguments: argparse.Namespace) -> int:
    from training.vocabulary.counts import read_counts
    from training.vocabulary.report import as_json, costs, show

    sizes = sorted(set(arguments.size))
    found = costs(arguments.tokenizer, read_counts(arguments.counts), sizes, arguments.texts)
    if arguments.json:
        print(as_json(found))
    else:
        show(found, sizes)
    return 0


def _count(arguments: argparse.Namespace) -> int:
    from training.vocabulary.counts import WEIGHT, write_own_counts

    weight, out, texts = arguments.weight, arguments.out, arguments.texts
    weight = WEIGHT if weight is None else weight
    if not weight > 0:
        raise UsageError(f"--weight {weight}: not above 0", "Give a number, like 0.01.")
    counts, new = write_own_counts(out, arguments.tokenizer, texts, weight=weight, alone=arguments.alone, progress=_say)
    print(f"{out}: {len(counts.pieces):,} pieces, {new:,} of them in {', '.join(path.name for path in texts)}")
    return 0


def _trim(arguments: argparse.Namespace) -> int:
    from training.model.base import find_base
    from training.vocabulary.trimming import trimmed

    out: Path = arguments.out
    base = find_base(arguments.base, out.with_name(out.name + "-whole"))
    found = trimmed(base, arguments.size, arguments.counts, out, _say)
    print(found.path if found != base else f"{base.path}: has no more than {arguments.size:,} tokens, nothing written")
    return 0


def _say(step: str) -> None:
    print(f"{step} …", file=sys.stderr, flush=True)
