"""New issues for labels with few examples, written by a large language model; only ever training rows.

The model sees the label list with its descriptions and a few real issues with the label, of the training split alone:
whatever is held out to measure by must not shine through. What it writes is compared with every real issue and with
what it wrote before, and dropped where the two are too alike to stand on two sides of a split.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from labeler.console.progress import counted
from labeler.data.dataset import Row
from labeler.data.dataset_folder import DATASET, open_dataset
from labeler.errors import InputError
from synthetic.annotating.plan import read_prepared
from synthetic.annotating.writer import Draft, Writer, parse_drafts
from synthetic.dataset.earlier import STALE, read_earlier
from synthetic.llm.asking import Outcome
from synthetic.preparing.duplicates import ALIKE, Index
from synthetic.preparing.redact import redact
from synthetic.workspace.jsonl import Appender, read_lines
from synthetic.workspace.records import SYNTHETIC, Prepared, from_line, to_line

REQUESTS = "generate.jsonl"  # one line a request: label, model, kept, dropped, error, tokens, cost
SOURCE = "synthetic"
AT_ONCE = 5  # issues asked for in one request: together they vary more than one by one
MOST_IN_VAIN = 3  # requests in a row for one label without a new issue


@dataclass
class Written:
    """What a run wrote, by label. `in_vain`: labels given up on; `error`: what ended the run, to be raised."""

    kept: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    in_vain: list[str] = field(default_factory=list)
    error: BaseException | None = None


def training_rows(folder: Path) -> list[Row]:
    """The real training rows. Raises InputError where there is no dataset with a training split."""
    remedy = "Make it by: python -m synthetic split DIR"
    if not (folder / DATASET).is_file():
        raise InputError(f"{folder / DATASET}: missing", remedy)
    rows = [row for row in open_dataset(folder).rows() if row.split == "train" and row.source != SOURCE]
    if not rows:
        raise InputError(f"{folder / DATASET}: no real row of split train", remedy)
    return rows


def read_written(folder: Path) -> list[Prepared]:
    """The issues that a model wrote so far, but for those that `split` no longer takes."""
    path, splits = folder / SYNTHETIC, read_earlier(folder)
    found = [from_line(Prepared, line, f"{path}:{number}") for number, line in enumerate(read_lines(path), 1)]
    return [one for one in found if splits.get(one.id) != STALE]


def lacking(names: Sequence[str], rows: Sequence[Row], written: Sequence[Prepared], per_label: int) -> dict[str, int]:
    """How many training rows each label is short of `per_label`, in the names' order, written ones counted in."""
    there: tuple[Row | Prepared, ...] = (*rows, *written)
    has = {name: sum(name in one.labels for one in there) for name in names}
    return {name: per_label - count for name, count in has.items() if count < per_label}


def generate(
    folder: Path,
    writer: Writer,
    per_label: int,
    *,
    only: Sequence[str] = (),
    examples: int = 3,
    on_request: Callable[[int], None] = lambda kept: None,
) -> Written:
    """Has issues written until each label has `per_label` training rows; each is on the disk when its request is done.

    Args:
        only: the labels to write for; none means all.
        examples: how many real issues the model is shown in a request.
        on_request: told after each request how many issues were kept.

    Returns:
        What was written; its `error` is for the caller to raise, after it has said what was done.

    Raises:
        InputError: there is no training split, or a file of the folder is damaged.
    """
    run = _Run(folder, writer, examples)
    made = Written()
    with Appender(folder / SYNTHETIC) as issues, Appender(folder / REQUESTS) as log:
        for name in only or writer.labels.names:
            in_vain = 0
            # Asked anew each time: an issue for one label may have others of the list too.
            while lacks := lacking([name], run.rows, run.written, per_label).get(name, 0):
                if in_vain == MOST_IN_VAIN:
                    made.in_vain.append(name)
                    break
                try:
                    outcome = run.ask(name, min(AT_ONCE, lacks))
                except BaseException as error:  # the caller first says what was done
                    made.error = error
                    return made
                drafts = outcome.value or ()
                new = list(run.new(drafts, name))
                issues.write(*map(to_line, new))
                log.write(_line(name, writer.model, len(new), len(drafts) - len(new), outcome))
                in_vain = 0 if new else in_vain + 1
                _count(made, name, len(new), len(drafts) - len(new), outcome.error)
                on_request(len(new))
    return made


class _Run:
    """What there is so far: real training rows, written issues, an index of all that a new one may not be like."""

    def __init__(self, folder: Path, writer: Writer, examples: int) -> None:
        self.writer, self.examples = writer, examples
        self.rows, self.written = training_rows(folder), read_written(folder)
        self.asked = sum(1 for _ in read_lines(folder / REQUESTS))
        self.index, self.size = Index(ALIKE), 0
        there = [*read_prepared(folder), *self.written]
        with counted(len(there), "indexing issues") as advance:
            for one in there:
                self._add(one.title, one.body)
                advance()

    def ask(self, label: str, count: int) -> Outcome[tuple[Draft, ...]]:
        """Raises what synthetic.llm.asking.Asker.ask does."""
        self.asked += 1
        with_label = [row for row in self.rows if label in row.labels]
        shown = random.Random(self.asked).sample(with_label, min(self.examples, len(with_label)))
        titles = [one.title for one in self.written if label in one.labels]
        request = self.writer.request(label, count, shown, titles, seed=self.asked)
        return self.writer.asker.ask(request, self.writer.price, lambda text: parse_drafts(text, self.writer.labels))

    def new(self, drafts: Sequence[Draft], label: str) -> Iterator[Prepared]:
        """Those with a text, with the label asked for, and unlike whatever there is."""
        for draft in drafts:
            # Even an invented address may be somebody's.
            title, body = redact(draft.title).text, redact(draft.body).text
            if not title or label not in draft.labels or self._add(title, body, unless=ALIKE):
                continue
            digest = hashlib.sha256(f"{title}\n{body}".encode(errors="surrogatepass")).hexdigest()[:12]
            identity = f"{SOURCE}#{digest}"
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            one = Prepared(identity, "", None, title, body, draft.labels, identity, now, SOURCE)
            self.written.append(one)
            yield one

    def _add(self, title: str, body: str, unless: float = 2.0) -> dict[int, float]:
        """The texts that this one is like; it is added to them unless it is as like one as that."""
        self.size += 1
        return self.index.alike(f"{title}\n{body}", add_as=self.size, unless=unless)


def _line(label: str, model: str, kept: int, dropped: int, outcome: Outcome[tuple[Draft, ...]]) -> dict[str, object]:
    told = {"label": label, "model": model, "kept": kept, "dropped": dropped, "error": outcome.error}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return told | {"tokens": dict(outcome.tokens), "cost": outcome.cost, "at": at}


def _count(made: Written, label: str, kept: int, dropped: int, error: str) -> None:
    made.kept[label] = made.kept.get(label, 0) + kept
    made.dropped[label] = made.dropped.get(label, 0) + dropped
    if error:
        made.failures.append(error)
