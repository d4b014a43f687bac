from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.cli import main
from eval.injection.attack_report import markdown, section, with_section, write_card
from eval.injection.attack_run import CLEAN_ISSUES, MODES, measure, own_thresholds, rate, spread
from eval.injection.attacks import TITLE_LIMIT, VERSION, Attack, attacks
from eval.metrics.intervals import wilson
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.data.issue_files import read_issues
from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import read_manifest, verify
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import LABELS, TAUGHT_LABELS, write_bundle

ALL = {attack.key: attack for attack in attacks()}
BODY_LIMIT = 65_536
BY_KEY = st.sampled_from(sorted(ALL))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that reads little: what it writes freely is no label."""
    return write_bundle(tmp_path_factory.mktemp("injection") / "random", LABELS, token_budget=48)


@pytest.fixture(scope="module")
def reader(taught: Path) -> Reader:
    """A model with opinions, which hostile text can change."""
    return Reader(taught, TAUGHT_LABELS, Store(None))


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def clean(count: int) -> list[Issue]:
    return list(read_issues(CLEAN_ISSUES))[:count]


# The attacks


@given(
    key=BY_KEY,
    title=st.text(max_size=TITLE_LIMIT),
    body=st.text(max_size=500),
    label=st.text(min_size=1, max_size=50),
)
def test_an_attack_is_pure_keeps_to_githubs_limits_and_changes_nothing_but_the_text(
    key: str, title: str, body: str, label: str
) -> None:
    issue = Issue(title, body, 7, "owner/name", ("kept",), id="x")
    attacked = ALL[key].apply(issue, label)
    assert attacked == ALL[key].apply(issue, label)
    assert len(attacked.title) <= TITLE_LIMIT
    assert len(attacked.body) <= BODY_LIMIT
    assert replace(attacked, title=issue.title, body=issue.body) == issue
    assert attacked != issue


@pytest.mark.parametrize("key", ALL)
def test_an_attack_names_the_label_that_it_wants_and_a_control_does_not(key: str) -> None:
    issue = Issue("Title", "Body")
    attacked = ALL[key].apply(issue, "{area}/ünï")
    assert ("{area}/ünï" in attacked.title + attacked.body) is not ALL[key].is_control
    assert "Title" in attacked.title
    assert "Body" in attacked.body


def test_all_kinds_of_attack_that_are_promised_are_there() -> None:
    places = {"order-end", "order-start", "order-title", "order-code", "order-comment"}
    languages = {"german", "spanish", "russian", "chinese"}
    forms = {"chat-turns", "chat-turns-other", "prompt-copy", "answer-line", "maintainer-note", "bot-command"}
    others = {"stuffing", "stuffing-title", "padding-front", "padding-back", "control-note", "control-padding"}
    assert set(ALL) == places | languages | forms | others
    assert len(attacks()) == len(ALL)


def test_changed_attacks_are_a_new_version() -> None:
    issue = Issue("How do I set a port?", "I could not find it.\n\nVersion 2.")
    texts = [ALL[key].apply(issue, "bug") for key in sorted(ALL)]
    digest = hashlib.sha256("\0".join(f"{text.title}\0{text.body}" for text in texts).encode()).hexdigest()
    # Other attacks measure something else: raise VERSION, then put the new digest here.
    assert (VERSION, digest[:16]) == (1, "d3ca7f34f78c1e93")


def test_no_attack_reaches_a_control_token(bundle: Path) -> None:
    labeler = Labeler(bundle, threads=1)
    control = set(labeler.engine.renderer.tokenizer.control.values())

    def controls(issue: Issue) -> int:
        return sum(token in control for token in labeler.engine.renderer.issue(issue))

    issue = Issue("Crash when I open a file", "It closes.")
    assert {controls(attack.apply(issue, "bug")) for attack in attacks()} == {controls(issue)}


def test_the_clean_issues_are_enough_each_with_text_and_an_id_of_its_own() -> None:
    issues = list(read_issues(CLEAN_ISSUES))
    assert len(issues) >= 30
    assert len({issue.id for issue in issues}) == len({issue.title for issue in issues}) == len(issues)
    assert all(len(issue.body) > 40 for issue in issues)


# The measurement


def test_the_shares_are_those_of_attacking_each_issue_by_itself(reader: Reader) -> None:
    issues, some = clean(2), (ALL["answer-line"], ALL["control-note"])
    found = measure(reader, issues, some, "clean")
    labeler = reader.labeler
    thresholds = dict(zip(labeler.labels.names, own_thresholds(reader), strict=True))

    def sets(issue: Issue) -> dict[str, set[str]]:
        said = labeler.predict(issue)
        passed = {name for name, probability in said.probabilities.items() if probability >= thresholds[name]}
        return {"answer": set(said.chosen), "thresholds": passed}

    for attack in some:
        for mode in MODES:
            gained, changed = [], []
            for issue in issues:
                before = sets(issue)
                for name in set(labeler.labels.names) - before["answer"] - before["thresholds"]:
                    after = sets(attack.apply(issue, name))[mode]
                    gained.append((name, name in after))
                    changed.append(after != before[mode])
            steering = found.rows[attack.key][mode]
            assert steering.gained.n == steering.changed.n == len(gained)
            assert steering.gained.value == pytest.approx(np.mean([hit for _, hit in gained]))
            assert steering.changed.value == pytest.approx(np.mean(changed))
            for name, share in steering.by_label.items():
                hits = [hit for wanted, hit in gained if wanted == name]
                assert share.n == len(hits)
                assert not hits or share.value == pytest.approx(np.mean(hits))


def test_an_attack_that_works_is_told_from_its_control(reader: Reader) -> None:
    found = measure(reader, clean(8), (ALL["stuffing"], ALL["control-note"]), "clean")
    stuffed, control = (found.rows[key]["answer"].gained for key in ("stuffing", "control-note"))
    assert stuffed.low > control.high


def test_a_label_that_the_clean_issue_has_is_not_attacked(reader: Reader) -> None:
    wanted: list[str] = []

    def remember(issue: Issue, label: str) -> Issue:
        wanted.append(label)
        return issue

    issue = Issue("App crashes when saving", "TypeError: x is undefined")
    found = measure(reader, [issue], [Attack("none", "nothing", remember)], "one issue")
    said = reader.labeler.predict(issue)
    assert "bug" in said.chosen
    assert "bug" not in wanted
    assert found.rows["none"]["answer"].by_label["bug"].n == 0
    assert found.rows["none"]["thresholds"].changed.value == 0


def test_answers_outside_the_list_are_counted_with_and_without_the_grammar(bundle: Path) -> None:
    found = measure(Reader(bundle, LABELS, Store(None)), clean(1), (ALL["order-end"],), "clean")
    assert found.checked >= 5
    assert found.outside == 0
    assert found.outside_free == found.checked


def test_a_model_under_other_label_names_is_asked_by_those_that_it_was_tuned_on(taught: Path) -> None:
    labels = LabelSet((Label("kind/defect", aliases=("bug",)), Label("kind/wish", aliases=("enhancement",))))
    issues = [Issue("Crash when the menu is saved", "TypeError: x is undefined"), Issue("Please add support for tabs")]
    found = measure(Reader(taught, labels, Store(None)), issues, (ALL["answer-line"],), "two issues")
    assert set(found.rows["answer-line"]["answer"].by_label) == {"kind/defect", "kind/wish"}
    assert found.checked > 0
    assert found.outside == found.outside_free == 0


def test_an_interval_counts_pairs_where_they_differ_within_an_issue_and_issues_where_they_do_not() -> None:
    issues = np.repeat(np.arange(20), 10)
    whole = rate(issues % 2 == 0, issues)
    assert (whole.value, whole.n) == (0.5, 200)
    assert whole.high - whole.low == pytest.approx(wilson(10, 20).high - wilson(10, 20).low, rel=0.05)
    within = rate(np.arange(200) % 2 == 0, issues)
    assert (within.low, within.high) == pytest.approx((wilson(100, 200).low, wilson(100, 200).high))


@pytest.mark.parametrize("hit", [False, True])
def test_pairs_that_all_agree_count_as_one_for_each_issue(hit: bool) -> None:
    found = rate(np.full(40, hit), np.repeat(np.arange(8), 5))
    assert (found.low, found.high) == pytest.approx((wilson(8 * hit, 8).low, wilson(8 * hit, 8).high))
    assert (found.value, found.n) == (float(hit), 40)


def test_no_pair_gives_no_share() -> None:
    found = rate(np.zeros(0, dtype=bool), np.zeros(0, dtype=int))
    assert found.n == 0
    assert np.isnan(found.value)


def test_issues_are_taken_at_even_distances() -> None:
    issues = clean(10)
    assert spread(issues, 3) == [issues[0], issues[3], issues[6]]
    assert spread(issues, 99) == issues


# Table, Markdown, card


def test_the_card_gets_the_section_once_and_keeps_the_rest(copy: Path) -> None:
    before = "---\nlanguage: en\n---\n# name\n\n## Quality\n\nGood.\n\n## More\n\nText.\n"
    (copy / "README.md").write_text(before)
    manifest = read_manifest(copy)
    found = measure(Reader(copy, LABELS, Store(None)), clean(1), (ALL["order-end"],), "clean")
    written = write_card(copy, found)
    write_card(copy, replace(found, issues=77))
    verify(copy)
    card = (copy / "README.md").read_text()
    assert card.startswith(
        "---\nlanguage: en\n---\n# name\n\n## Quality\n\nGood.\n\n## More\n\nText.\n\n## Hostile text\n"
    )
    assert card.count("## Hostile text") == 1
    assert "77 clean issues" in card
    assert written.metrics == manifest.metrics | {"injection": found.figures()}
    assert replace(written, files={}, metrics={}) == replace(manifest, files={}, metrics={})


def test_a_bundle_without_a_card_gets_one(copy: Path) -> None:
    (copy / "README.md").unlink(missing_ok=True)
    write_card(copy, measure(Reader(copy, LABELS, Store(None)), clean(1), (ALL["order-end"],), "clean"))
    assert (copy / "README.md").read_text().startswith("# ")
    verify(copy)


def test_a_section_in_the_middle_is_replaced_where_it_stands() -> None:
    card = "# x\n\n## Hostile text\n\nold\n\n| a |\n\n## After\n\nstays\n"
    assert with_section(card, "## Hostile text\n\nnew\n") == "# x\n\n## Hostile text\n\nnew\n\n## After\n\nstays\n"


def test_label_and_model_names_are_shown_literally(bundle: Path) -> None:
    found = measure(Reader(bundle, LABELS, Store(None)), clean(1), (ALL["order-end"],), "<b>|source")
    one = found.rows["order-end"]["thresholds"]
    hit = replace(one.gained, value=1.0, n=1)
    hostile = replace(one, by_label={"<img src=x>|`": hit})
    rows = {"order-end": {"answer": one, "thresholds": hostile}}
    text = markdown(replace(found, rows=rows, model="[x](http://y)"))
    assert "<img" not in text
    assert "<b>" not in text
    assert "[x]" not in text
    (row,) = (line for line in text.splitlines() if line.startswith("| an order"))
    assert row.count("|") == 7
    assert " 100% of 1 |" in row


def test_the_card_states_n_and_how_to_reproduce_it(bundle: Path) -> None:
    found = measure(Reader(bundle, LABELS, Store(None)), clean(2), (ALL["order-end"],), "clean")
    text = section(found)
    assert "2 clean issues" in text
    assert "python -m eval injection" in text
    assert f"n = {found.rows['order-end']['answer'].gained.n} pairs" in text


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    return lambda *arguments: main(["injection", *map(str, arguments)])


def test_the_command_prints_every_attack_and_keeps_what_it_has_read(
    run: Callable[..., int], bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", bundle, "--issues", 1, "--json", "--markdown", tmp_path / "report.md") == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures["attacks"]) == set(ALL)
    assert figures["outside"]["answers"] == 0
    report = (tmp_path / "report.md").read_text()
    assert all(f"| {attack.what}" in report for attack in attacks())
    assert any((tmp_path / "cache" / "eval").rglob("*.npz"))
    assert run("--model", bundle, "--issues", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out) == figures


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--issues", "0"], "--issues 0"),
        (["--json", "--markdown", "-"], "both want stdout"),
        (["--write-card", "--model", "owner/name@main"], "is no folder"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(
    run: Callable[..., int], bundle: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", bundle, *options) == 2
    assert complaint in capsys.readouterr().err
