"""Models made of their names; and another service than Gemini, which can do no more than answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labeler.errors import UsageError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from synthetic.annotating.annotate_run import Job, by_batch, one_by_one
from synthetic.llm.asking import Asker
from synthetic.llm.cost import Price
from synthetic.llm.failures import BadKey
from synthetic.llm.messages import Reply, Request
from synthetic.llm.panel import Asking, Panel, open_panel
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import ANSWERS
from tests.working_folder import issue_id, make_folder

LABELS = LabelSet((Label("bug"), Label("docs")))


class Plain:
    """A service that takes one request at a time, and keeps nothing."""

    def generate(self, request: Request) -> Reply:
        return Reply('{"labels": ["bug"]}', {"prompt": 100, "output": 5})

    def wire(self, request: Request) -> dict[str, Any]:
        return {"body": request.user}


def job(folder: Path) -> Job:
    # With these prices keeping the instruction would pay, at a service that can.
    price = Price("large", 1.0, 1.0, cached=0.01, storage=0.0, cache_minimum=1)
    panel = Panel(Asking(("large",)), Plain(), Asker(Plain()), {"large": price})
    return Job(folder, panel, panel.annotators(make_folder(folder, {}, more=(1, 2, 3))))


def test_a_service_that_can_only_answer_is_asked_one_by_one(tmp_path: Path) -> None:
    done = one_by_one(job(tmp_path))
    assert (done.tally.error, done.tally.labelled, done.left, done.waiting) == (None, 3, 0, 0)
    assert done.lines() == [f"3 answers, 0 failures, 0 left; ${3 * 105 / 1e6:.4f}"]
    assert {line["id"] for line in read_lines(tmp_path / ANSWERS)} == {issue_id(n) for n in (1, 2, 3)}


def test_a_service_without_batches_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no batches"):
        by_batch(job(tmp_path))


def test_each_model_counts_once_with_each_sample_and_the_first_writes() -> None:
    given = ("models/gemini-2.5-pro", "mine", "gemini-2.5-pro")
    panel = open_panel(Asking(given, samples=2, thinking={"": "low", "mine": "50"}, prices=("1,2",)), {}, asks=False)
    annotators = panel.annotators(LABELS)
    assert [one.name for one in annotators] == ["gemini-2.5-pro", "gemini-2.5-pro/2", "mine", "mine/2"]
    requests = [one.request(Issue("a bug"))[0] for one in annotators]
    assert [(one.thinking, one.seed) for one in requests] == [("low", 1), ("low", 2), ("50", 1), ("50", 2)]
    request = panel.writer(LABELS).request("bug", 1, (), (), seed=1)
    assert (request.model, [one.price.input for one in annotators[2:]]) == ("gemini-2.5-pro", [1.0, 1.0])


def test_a_key_is_needed_just_where_a_model_is_to_be_asked() -> None:
    asking = Asking(("gemini-2.5-pro",))
    assert open_panel(Asking(()), {}).annotators(LABELS) == []
    assert open_panel(asking, {}, asks=False).annotators(LABELS)
    with pytest.raises(BadKey):
        open_panel(asking, {})
