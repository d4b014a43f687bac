from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from eval.cli import main
from eval.gate.evidence import measure_costs
from eval.gate.gating import Cost, Evidence, Finding, judge
from eval.gate.rules import RULES, Rules, read_rules
from labeler.data.dataset import Row, write_dataset
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from tests.models import write_bundle

NAMES = ("bug", "enhancement", "question")
Array = np.ndarray


def spoilt(truth: Array, share: float, seed: int, labels: Sequence[int] = (0, 1, 2)) -> Array:
    """The truth with that share of the cells of some labels turned over."""
    columns = np.isin(np.arange(truth.shape[1]), labels)
    return truth ^ ((np.random.default_rng(seed).random(truth.shape) < share) & columns)


TRUTH = np.random.default_rng(0).random((600, 3)) < 0.4
GOOD = spoilt(TRUTH, 0.10, 1)
FINE = Evidence(
    names=NAMES,
    truth=TRUTH,
    known=np.ones_like(TRUTH),
    candidate=GOOD,
    linear=spoilt(TRUTH, 0.20, 2),
    champion=spoilt(TRUTH, 0.11, 3),
    asked=NAMES,
    answers=("bug", "enhancement, question", ""),
    cost=Cost(0.02, 0.30, 11.0, 20),
    champion_cost=Cost(0.02, 0.28, 11.0, 20),
)
DEFAULTS = read_rules(None)


def finding(name: str, evidence: Evidence = FINE, **changes: object) -> Finding:
    rules = replace(DEFAULTS, **changes)  # type: ignore[arg-type]
    (found,) = (one for one in judge(evidence, rules) if one.rule == name)
    return found


def test_a_model_that_is_better_everywhere_passes_every_rule() -> None:
    findings = judge(FINE, DEFAULTS)
    assert [one.rule for one in findings] == ["test", "champion", "linear", "labels", "answers", "cost"]
    assert [one.passed for one in findings] == [True] * 6


# test


def test_a_handful_of_issues_judges_nothing() -> None:
    few = replace(FINE, known=FINE.known & (np.arange(len(TRUTH)) < 99)[:, None])
    assert not finding("test", few).passed
    assert "99 issues to judge by (≥ 100)" in finding("test", few).reason
    assert finding("test", few, test_issues=99).passed


# champion


def test_the_champion_itself_is_not_worse_than_the_champion() -> None:
    same = replace(FINE, champion=GOOD)
    found = finding("champion", same, champion_micro_f1_margin=1e-9, champion_macro_f1_margin=1e-9)
    assert found.passed
    assert finding("labels", same).passed


def test_a_model_that_is_clearly_worse_than_the_champion_is_refused() -> None:
    found = finding("champion", replace(FINE, candidate=spoilt(TRUTH, 0.2, 4)))
    assert found.passed is False
    assert "n = 600" in found.reason


def wrong_in(rows: slice, truth: Array) -> Array:
    """The truth, all of it turned over in some rows."""
    predicted = truth.copy()
    predicted[rows] ^= True
    return predicted


def of(truth: Array, candidate: Array, champion: Array) -> Evidence:
    known = np.ones_like(truth)
    return replace(FINE, truth=truth, known=known, candidate=candidate, champion=champion, linear=champion)


@pytest.mark.parametrize(("copies", "passed"), [(1, False), (80, True)])
def test_equal_quality_passes_only_on_a_test_large_enough_to_tell(copies: int, passed: bool) -> None:
    truth = np.arange(90).reshape(30, 3) % 2 == 0
    candidate, champion = wrong_in(slice(0, 3), truth), wrong_in(slice(3, 6), truth)
    found = finding("champion", of(*(np.tile(cells, (copies, 1)) for cells in (truth, candidate, champion))))
    assert "difference -0.002" in found.reason
    assert found.passed is passed


def test_macro_f1_alone_can_refuse_and_leaves_out_labels_too_rare_to_judge() -> None:
    """A rare label is lost, which micro-F1 hardly shows."""
    truth = TRUTH.copy()
    truth[:, 2] = np.arange(600) < 4
    candidate = truth.copy()
    candidate[:, 2] = False
    rare = of(truth, candidate, truth)
    assert finding("champion", rare, labels_support=4, champion_macro_f1_margin=0.5).passed
    assert finding("champion", rare, labels_support=4).passed is False
    left_out = finding("champion", rare, labels_support=5)
    assert left_out.passed
    assert "2 labels" in left_out.reason
    assert finding("champion", rare, labels_support=601).passed


def test_unknown_cells_count_nowhere() -> None:
    known = np.ones_like(TRUTH)
    known[:300] = False
    candidate = GOOD.copy()
    candidate[:300] = ~TRUTH[:300]
    assert finding("champion", replace(FINE, candidate=candidate, known=known)).passed
    assert finding("champion", replace(FINE, candidate=candidate)).passed is False


# linear


def test_a_model_that_the_linear_baseline_beats_is_refused() -> None:
    assert finding("linear", replace(FINE, linear=spoilt(TRUTH, 0.02, 5))).passed is False


def test_being_level_with_the_linear_baseline_is_not_enough() -> None:
    assert finding("linear", replace(FINE, linear=GOOD)).passed is False


def test_a_lead_within_noise_counts_only_where_significance_is_not_asked() -> None:
    linear = GOOD.copy()
    linear[0] = ~TRUTH[0]
    close = replace(FINE, linear=linear)
    assert finding("linear", close).passed
    assert finding("linear", close, linear_significant=True).passed is False
    assert finding("linear", FINE, linear_significant=True).passed
    assert finding("linear", FINE, linear_micro_f1_lead=0.5).passed is False


# labels


def test_a_label_that_fell_hard_is_named() -> None:
    found = finding("labels", replace(FINE, candidate=spoilt(GOOD, 0.35, 6, [1])))
    assert found.passed is False
    assert "enhancement" in found.reason
    assert "bug" not in found.reason


def test_a_fall_that_is_small_or_within_noise_is_let_pass() -> None:
    fallen = replace(FINE, candidate=spoilt(GOOD, 0.35, 6, [1]))
    assert finding("labels", fallen, labels_f1_drop=0.9).passed
    truth = np.ones((20, 3), dtype=bool)
    noisy = of(truth, wrong_in(slice(0, 3), truth), wrong_in(slice(18, 20), truth))
    assert finding("labels", noisy, labels_f1_drop=0.01).passed


def test_a_label_with_little_support_is_not_judged_and_the_reason_says_so() -> None:
    fallen = replace(FINE, candidate=spoilt(GOOD, 0.35, 6, [1]))
    support = int(TRUTH[:, 1].sum())
    assert finding("labels", fallen, labels_support=support).passed is False
    others = finding("labels", fallen, labels_support=support + 1)
    assert others.passed is not False
    assert "too rare" in others.reason or "skipped" in others.reason
    assert finding("labels", fallen, labels_support=601).passed is None


# answers


@pytest.mark.parametrize("answer", ["bug, aws", "`bug`", "bug\nquestion", '["bug"]', "bug " * 60, "The label is bug"])
def test_one_malformed_answer_refuses(answer: str) -> None:
    found = finding("answers", replace(FINE, answers=("bug", answer)))
    assert found.passed is False
    assert "1 of 2" in found.reason
    assert finding("answers", replace(FINE, answers=("bug", answer)), answers_malformed=1).passed


def test_an_empty_answer_says_that_no_label_fits() -> None:
    assert finding("answers", replace(FINE, answers=("", "  "))).passed


def test_answers_are_held_to_the_names_that_the_model_is_shown() -> None:
    tuned = replace(FINE, names=("kind/bug", "b", "c"), asked=("bug", "b", "c"), answers=("bug",))
    assert finding("answers", tuned).passed
    assert finding("answers", replace(tuned, answers=("kind/bug",))).passed is False


# cost


@pytest.mark.parametrize(
    "cost",
    [Cost(0.36, 0.3, 11.0, 20), Cost(0.02, 1.3, 11.0, 20), Cost(0.02, 0.3, 321.0, 20), Cost(0.02, 0.43, 1.0, 20)],
)
def test_what_is_over_budget_or_much_slower_than_the_champion_is_refused(cost: Cost) -> None:
    assert finding("cost", replace(FINE, cost=cost)).passed is False


def test_without_a_champion_the_budget_still_holds() -> None:
    first = replace(FINE, champion=None, champion_cost=None, cost=Cost(0.34, 1.1, 300.0, 20))
    assert finding("cost", first).passed
    assert finding("cost", replace(first, cost=Cost(0.36, 1.1, 300.0, 20))).passed is False
    assert [finding(rule, first).passed for rule in ("champion", "labels")] == [None, None]


def test_a_larger_bundle_costs_more_and_all_costs_are_measured(random_bundle: Path, taught: Path) -> None:
    small, larger = measure_costs([taught, random_bundle], [Issue("Crash", "It closes.")])
    assert 0 < small.megabytes < larger.megabytes < 2
    assert 0 < small.seconds_an_issue < small.cold_seconds


# gate.toml


def test_every_number_is_in_the_file_and_explained() -> None:
    text = RULES.read_text()
    for field in fields(Rules):
        section, _, key = field.name.partition("_")
        assert f"[{section}]" in text
        assert f"\n{key} = " in text
    assert all(block.lstrip().startswith("#") for block in text.replace("]\n", "]\n\n").split("\n\n") if " = " in block)


def test_a_file_of_ones_own_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[labels]\nsupport = 5\n[linear]\nsignificant = true\n")
    assert read_rules(path) == replace(DEFAULTS, labels_support=5, linear_significant=True)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[labels]\n\nsuport = 5", 3, "labels.suport"),
        ("[label]\nsupport = 5", 2, "label.support"),
        ("support = 5", 1, "not in a section"),
        ("[labels]\nsupport = 0", 2, "from 1 up"),
        ("[labels]\nsupport = 2.5", 2, "whole number"),
        ("[labels]\nf1_drop = -0.1", 2, "from 0 up"),
        ("[labels]\nf1_drop = nan", 2, "a number"),
        ("[answers]\nmalformed = true", 2, "whole number"),
        ("[linear]\nsignificant = 1", 2, "true or false"),
        ("[cost]\nmegabytes = '1'", 2, "a number"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_rules(path)
    assert f"{path}:{line}: " in str(caught.value)
    assert what in str(caught.value)


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[labels]\nsupport 5")
    with pytest.raises(InputError, match=r"own\.toml: not valid TOML: .*line 2"):
        read_rules(path)


# The command


@pytest.fixture(scope="module")
def random_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate") / "random"
    return write_bundle(folder, LabelSet(tuple(map(Label, NAMES))), token_budget=64)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Issues that the taught model tells apart; what the linear baseline learns from is labelled wrong."""
    folder = tmp_path_factory.mktemp("gate-data")
    kinds = {
        "bug": ("Crash when {} is saved", "It raises TypeError: {} is undefined. I expected no error."),
        "enhancement": ("Please add support for {}", "It would be great to have {}. Could this become an option?"),
        "question": ("How do I configure {}?", "I read the manual. What is the right way to set {}? Thanks!"),
    }
    things = ("a proxy", "a table", "the menu", "a port", "two files", "the theme", "a date", "the index", "a user")
    rows = []
    for i, thing in enumerate(things):
        for j, (name, (title, body)) in enumerate(kinds.items()):
            split = ("train", "validation", "test", "test")[i % 4]
            label = NAMES[(j + 1) % 3] if split == "train" else name
            texts = {"title": title.format(thing), "body": body.format(thing)}
            rows.append(Row(f"{i}-{j}", labels=(label,), split=split, **texts))
    write_dataset(folder / "dataset.csv", rows)
    (folder / "labels.yml").write_text("".join(f"- {name}\n" for name in NAMES))
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dataset: Path) -> Callable[..., int]:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    # Tests share a busy machine: time has rules and tests of its own.
    (tmp_path / "rules.toml").write_text(
        "[cost]\nseconds_an_issue = 100\ncold_seconds = 100\ntimes_champion = 100\n"
        "[labels]\nsupport = 3\n[test]\nissues = 5\n"
    )
    given = ["gate", "--data", str(dataset), "--rules", str(tmp_path / "rules.toml")]
    return lambda *arguments: main([*given, *map(str, arguments)])


def test_a_random_model_is_refused_by_every_rule_on_quality(
    run: Callable[..., int], random_bundle: Path, taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(tmp_path / "rules.toml", "a") as file:
        file.write("[answers]\nissues = 3\n")
    report = tmp_path / "report.md"
    assert run("--candidate", random_bundle, "--champion", taught, "--json", "--markdown", report) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    passed = {one["rule"]: one["passed"] for one in found["rules"]}
    assert passed == {"test": True, "champion": False, "linear": False, "labels": False, "answers": False, "cost": True}
    assert report.read_text().count("✗") == 4


def test_a_good_first_model_passes_with_one_line_a_rule(
    run: Callable[..., int], taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--candidate", taught, "--champion", "none") == 0
    *lines, verdict = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "✓ test", "– champion", "✓ linear", "– labels", "✓ answers", "✓ cost",
    ]  # fmt: skip
    assert verdict.endswith("may be published.")


def test_a_damaged_candidate_is_an_error_and_no_refusal(
    run: Callable[..., int], random_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(random_bundle, tmp_path / "damaged")
    with open(damaged / "decoder.bin", "ab") as file:
        file.write(b"more")
    assert run("--candidate", damaged, "--champion", "none") == 1
    assert "decoder.bin" in capsys.readouterr().err


def test_two_outputs_that_want_stdout_are_wrong_usage(run: Callable[..., int], taught: Path) -> None:
    assert run("--candidate", taught, "--champion", "none", "--json", "--markdown", "-") == 2
