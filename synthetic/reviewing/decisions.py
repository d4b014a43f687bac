"""What there is to decide, and the decisions: each is on the disk when the call returns, and none is ever rewritten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labeler.labels.label_set import LabelSet
from synthetic.annotating.consensus import Consensus, Labels, agreed, read_answers, read_decisions, read_rule
from synthetic.annotating.plan import read_prepared
from synthetic.annotating.reliability import by_agreement
from synthetic.fetching.issues import utc
from synthetic.workspace.jsonl import Appender
from synthetic.workspace.records import DECISIONS, Decision, Prepared, to_line


@dataclass(frozen=True)
class Item:
    """One issue to decide: what the annotators said of it, singly and together; None where none did."""

    issue: Prepared
    answers: Mapping[str, Labels]
    consensus: Consensus | None

    @property
    def proposal(self) -> Labels:
        return self.consensus.labels if self.consensus else ()


def queue(folder: Path, labels: LabelSet, only: Collection[str] | None = None) -> list[Item]:
    """The disputed issues, or those of `only`, that nobody has decided: those with the least agreement first, those
    that were skipped before at the end.

    Raises:
        InputError: nothing is prepared, or a file of the folder is damaged.
    """
    issues = read_prepared(folder)
    answers = read_answers(folder, labels)
    found = agreed(answers, labels, read_rule(folder))
    decisions = read_decisions(folder, labels)
    wanted = {issue for issue, one in found.items() if one.disputed} if only is None else set(only)
    left = [one for one in issues if one.id in wanted and not _is_decided(decisions.get(one.id))]
    answered = by_agreement([one.id for one in left if one.id in found], found)
    place = {issue: number for number, issue in enumerate(answered)}
    left.sort(key=lambda one: (one.id in decisions, place.get(one.id, len(place))))
    return [Item(one, answers.by_issue.get(one.id, {}), found.get(one.id)) for one in left]


def _is_decided(decision: Decision | None) -> bool:
    return decision is not None and decision.labels is not None


def visible(text: str) -> str:
    """The text with its lines, tabs as spaces, and every control character made visible."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
    return "\n".join("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in lines)


def now() -> str:
    return utc(datetime.now(UTC))


class Session:
    """One person going through a queue. Closes its file on leaving the `with` block.

    Attributes:
        items: the queue; `place` is the present one's index, or len(items) at the end.
        ticked: what is ticked on the present item.
    """

    def __init__(
        self, folder: Path, items: Iterable[Item], labels: LabelSet, by: str, clock: Callable[[], str] = now
    ) -> None:
        self.items = list(items)
        self.place = 0
        self._labels, self._by, self._clock = labels, by, clock
        self._before = read_decisions(folder, labels)
        self._made: list[Decision] = []
        self._file = Appender(folder / DECISIONS)
        self.ticked: frozenset[str] = frozenset()
        self._propose()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(None, None, None)

    @property
    def item(self) -> Item | None:
        """The present item; None at the end."""
        return self.items[self.place] if self.place < len(self.items) else None

    @property
    def decided(self) -> int:
        return sum(one.labels is not None for one in self._made)

    @property
    def skipped(self) -> int:
        return sum(one.labels is None for one in self._made)

    def toggle(self, name: str) -> None:
        self.ticked ^= {name}

    def accept(self) -> None:
        """Decides on the ticked labels and goes on."""
        self._decide(self._labels.only(self.ticked).names)

    def skip(self) -> None:
        """Leaves the issue undecided: it comes last in the next session."""
        self._decide(None)

    def undo(self) -> bool:
        """Takes the last step back, by a further line that says what held before; False where there is none."""
        if not self._made:
            return False
        last = self._made.pop()
        before = self._before.get(last.id)
        self._write(Decision(last.id, before.labels if before else None, before.by if before else self._by, ""))
        self.place -= 1
        self._propose()
        if last.labels is not None:
            self.ticked = frozenset(last.labels)
        return True

    def _decide(self, chosen: Labels | None) -> None:
        if self.item is None:
            return
        decision = Decision(self.item.issue.id, chosen, self._by, "")
        self._write(decision)
        self._made.append(decision)
        self.place += 1
        self._propose()

    def _write(self, decision: Decision) -> None:
        self._file.write(to_line(decision) | {"at": self._clock()})

    def _propose(self) -> None:
        self.ticked = frozenset(self.item.proposal if self.item else ())
