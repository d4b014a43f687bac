from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler.errors import InputError, UsageError
from synthetic.annotating.consensus import consensus, elected, jaccard, mean_jaccard, read_answers, read_decisions
from synthetic.annotating.instruction import prompt_for
from synthetic.workspace.jsonl import Appender
from synthetic.workspace.records import AGREEMENT, ANSWERS, DECISIONS, Answer, Decision, to_line
from tests.working_folder import issue_id, make_folder


def test_a_label_counts_when_more_than_half_of_the_annotators_set_it(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug", "docs"], "b": ["docs"], "c": ["docs", "feature"]}})
    assert consensus(tmp_path, labels)[issue_id(1)].labels == ("docs",)


def test_of_two_annotators_both_must_set_a_label(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": ["bug", "docs"]}})
    assert consensus(tmp_path, labels)[issue_id(1)].labels == ("bug",)


def test_votes_say_how_many_annotators_a_label_needs(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug", "docs"], "b": ["docs"], "c": ["docs", "feature"]}})
    assert consensus(tmp_path, labels, votes=1)[issue_id(1)].labels == ("bug", "feature", "docs")
    assert consensus(tmp_path, labels, votes=3)[issue_id(1)].labels == ("docs",)


def test_more_votes_than_annotators_is_refused(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": ["bug"]}})
    with pytest.raises(UsageError, match="--votes 3, and there are 2 annotators"):
        consensus(tmp_path, labels, votes=3)


def test_the_agreement_is_the_mean_jaccard_index_over_all_pairs() -> None:
    assert jaccard(("bug", "docs"), ("docs", "feature")) == pytest.approx(1 / 3)
    # {bug}–{bug, docs} 1/2, {bug}–{} 0, {bug, docs}–{} 0
    assert mean_jaccard([("bug",), ("bug", "docs"), ()]) == pytest.approx(1 / 6)


def test_two_annotators_without_labels_agree_fully() -> None:
    assert mean_jaccard([(), ()]) == 1


def test_an_issue_at_the_cut_is_not_disputed_and_one_below_is(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": ["bug", "docs"]}, 2: {"a": ["bug"], "b": ["docs"]}})
    found = consensus(tmp_path, labels, min_agreement=0.5)
    assert [found[issue_id(n)].disputed for n in (1, 2)] == [False, True]
    assert consensus(tmp_path, labels, min_agreement=0.51)[issue_id(1)].disputed


def test_of_one_annotator_alone_nothing_is_disputed_and_the_agreement_unknown(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"]}})
    found = consensus(tmp_path, labels)[issue_id(1)]
    assert (found.labels, found.agreement, found.disputed) == (("bug",), None, False)


def test_an_issue_with_one_answer_of_several_annotators_is_disputed(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": None}, 2: {"a": ["bug"], "b": ["bug"]}})
    assert consensus(tmp_path, labels)[issue_id(1)].disputed
    assert consensus(tmp_path, labels)[issue_id(1)].annotators == ("a",)


def test_an_issue_with_fewer_answers_than_votes_is_disputed(tmp_path: Path) -> None:
    labels = make_folder(
        tmp_path, {1: {"a": ["bug"], "b": ["bug"], "c": None}, 2: {"a": ["bug"], "b": ["bug"], "c": ["bug"]}}
    )
    found = consensus(tmp_path, labels, votes=3)
    assert [found[issue_id(n)].disputed for n in (1, 2)] == [True, False]


def test_what_agreement_was_run_with_holds_until_something_else_is_asked(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": ["bug", "docs"]}})
    (tmp_path / AGREEMENT).write_text(json.dumps({"rule": {"votes": 1, "min_agreement": 0.9}}))
    found = consensus(tmp_path, labels)[issue_id(1)]
    assert (found.labels, found.disputed) == (("bug", "docs"), True)
    assert not consensus(tmp_path, labels, min_agreement=0.5)[issue_id(1)].disputed


def test_a_damaged_agreement_file_is_named(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"]}})
    (tmp_path / AGREEMENT).write_text("{}")
    with pytest.raises(InputError, match=r"agreement\.json: damaged"):
        consensus(tmp_path, labels)


def test_answers_to_another_label_list_do_not_count(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": None}}, prompt="another")
    answers = read_answers(tmp_path, labels)
    assert (answers.by_issue, answers.annotators, answers.other_prompts) == ({}, (), 2)


def test_the_newest_answer_of_an_annotator_counts_and_mends_a_failure(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": None, "b": ["docs"]}})
    assert read_answers(tmp_path, labels).failed == {(issue_id(1), "a")}
    with Appender(tmp_path / ANSWERS) as file:
        file.write(to_line(Answer(issue_id(1), "a", ("question", "bug"), prompt_for(labels).hash)))
    answers = read_answers(tmp_path, labels)
    assert answers.by_issue[issue_id(1)] == {"a": ("bug", "question"), "b": ("docs",)}
    assert not answers.failed


def test_an_answer_with_a_strange_label_is_named_by_its_line(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"], "b": ["bugs"]}})
    with pytest.raises(InputError, match=r"answers\.jsonl:2: 'bugs' is not in the label list"):
        consensus(tmp_path, labels)


def test_the_newest_decision_on_an_issue_counts(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {1: {"a": ["bug"]}})
    with Appender(tmp_path / DECISIONS) as file:
        file.write(to_line(Decision(issue_id(1), ("bug",), "ada", "2026-01-01T00:00:00Z")))
        file.write(to_line(Decision(issue_id(1), ("enhancement", "bug"), "bob", "2026-01-02T00:00:00Z")))
        file.write(to_line(Decision(issue_id(2), None, "bob", "2026-01-02T00:00:00Z")))
    found = read_decisions(tmp_path, labels)
    assert found[issue_id(1)] == Decision(issue_id(1), ("bug", "feature"), "bob", "2026-01-02T00:00:00Z")
    assert found[issue_id(2)].labels is None


def test_an_election_without_votes_elects_nothing(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, {})
    assert elected([(), (), ("bug",)], labels) == ()
