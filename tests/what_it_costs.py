"""What 1,567 issues of 700 characters cost, estimated by a dry run and as the loopback service counted them.

python -m tests.what_it_costs        # half a minute; nothing is sent to anybody

Prices are synthetic/llm/prices.toml's, labels examples/labels.yaml's. The loopback service counts 4 characters a
token, as the estimate does, and thinks for 500 tokens where the estimate assumes it: so the two differ by the answers
alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthetic.cli import main
from synthetic.llm.cost import ASSUMED_THOUGHT_TOKENS
from tests.standins.gemini import GeminiServer

COUNT, CHARACTERS = 1567, 700
LABELS = Path(__file__).parents[1] / "examples" / "labels.yaml"
STRONG = ("--model", "gemini-2.5-pro")
CHEAP = (
    *("--model", "gemini-2.5-flash-lite", "--model", "gemini-3.1-flash-lite", "--model", "gemini-3.5-flash-lite"),
    *("--thinking", "minimal"),
)
WAYS = (
    ("gemini-2.5-pro, one by one", STRONG, False, ASSUMED_THOUGHT_TOKENS),
    ("gemini-2.5-pro, --batch", STRONG, True, ASSUMED_THOUGHT_TOKENS),
    ("gemini-2.5-, 3.1- and 3.5-flash-lite in consensus, --thinking minimal", CHEAP, False, 0),
)


@dataclass(frozen=True)
class Cost:
    """US dollars for one way to have all issues labelled."""

    way: str
    requests: int
    estimated: float
    counted: float


def costs(folder: Path, count: int = COUNT) -> Iterator[Cost]:
    """Prepares `count` issues in `folder`, and has them labelled by the loopback service in every way."""
    with open(folder / "issues.jsonl", "w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            title = f"Issue {number}"
            # No two alike, or they would be dropped as duplicates.
            body = " ".join(str(number * k % 99991) for k in range(1, 400))[: CHARACTERS - len(title)]
            file.write(json.dumps({"number": number, "title": title, "body": body}) + "\n")
    for way, models, batch, thoughts in WAYS:
        work = str(folder / way)
        _run("fetch", "--from", str(folder / "issues.jsonl"), "--repo", "octo/cost", "--out", work)
        _run("prepare", work, "--labels", str(LABELS))
        rows = json.loads(_run("annotate", work, *models, "--dry-run", "--json"))["estimate"]
        with GeminiServer(thoughts=thoughts) as server:
            os.environ |= {"GEMINI_API_KEY": server.key, "GOOGLE_GEMINI_BASE_URL": server.url}
            command = ("annotate", work, *models, "--json", *(["--batch"] if batch else []))
            told = _run(*command)
            if batch:
                server.finish()
                told = _run(*command)
        estimated = sum(one["batched" if batch else "cost"] for one in rows)
        yield Cost(way, sum(one["requests"] for one in rows), estimated, json.loads(told)["cost"])


def _run(*arguments: str) -> str:
    """What a command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main(arguments)
    if code:
        sys.exit(f"{' '.join(arguments)}: exit code {code}")
    return out.getvalue()


if __name__ == "__main__":
    print(f"{COUNT:,} issues of {CHARACTERS} characters\n\n| | requests | estimate | loopback |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        for one in costs(Path(place)):
            print(f"| {one.way} | {one.requests:,} | ${one.estimated:.2f} | ${one.counted:.2f} |", flush=True)
