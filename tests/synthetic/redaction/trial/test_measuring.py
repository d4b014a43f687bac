from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthetic.cli import main
from synthetic.redaction.trial import known, unseen
from synthetic.redaction.trial.clean import clean_texts
from synthetic.redaction.trial.invented import KINDS
from synthetic.redaction.trial.measuring import Trial, recall, table, trial
from synthetic.redaction.trial.planted import Planted, left, planted

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def result() -> Trial:
    return trial()


def test_six_hundred_secrets_of_45_kinds_are_planted(result: Trial) -> None:
    assert len(KINDS) == len(result.known) == len(result.unseen) == 45
    assert sum(one.total() for half in (result.known, result.unseen) for one in half.values()) >= 600


def test_97_of_100_are_found_in_known_contexts_and_90_in_later_ones(result: Trial) -> None:
    assert recall(result.known) >= 0.97
    assert recall(result.unseen) >= 0.90


def test_clean_texts_lose_nothing(result: Trial) -> None:
    assert result.clean == 300
    assert result.taken == {}


def test_the_page_has_the_table_of_these_rules(result: Trial) -> None:
    assert table(result) in (ROOT / "docs/security.md").read_text(encoding="utf-8")


def test_the_clean_texts_differ() -> None:
    assert len(set(clean_texts())) == 300


def test_contexts_of_the_halves_differ_and_hold_the_secret_once_or_more() -> None:
    for one in (known, unseen):
        texts = [text for texts in one.CONTEXTS.values() for text in texts] + list(one.TOKENS)
        assert [text for text in texts if "§" not in text] == []
    assert {t for ts in known.CONTEXTS.values() for t in ts} & {
        t for ts in unseen.CONTEXTS.values() for t in ts
    } == set()


def test_the_same_seed_plants_the_same() -> None:
    def plant(seed: int) -> list[Planted]:
        return list(planted(known.CONTEXTS, known.TOKENS, each=1, seed=seed))

    assert plant(1) == plant(1) != plant(2)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("password: Xk29!fqa7Lm", "full"), ("hello Xk29!fqa7Lm", "missed"), ("password: Zz9!aaaa and Xk29!fqa7L", "part")],
)
def test_a_piece_that_is_left_counts(text: str, outcome: str) -> None:
    assert left(Planted("password", "Xk29!fqa7Lm", text)) == outcome


def test_the_command_tells_what_is_taken_from_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = "gh" + "p_" + "Ab3dEf6hIj" * 4
    rows = [{"title": "a", "body": f"used {token} here"}, {"title": "b", "body": None}, {"title": "mail x@uni-hof.de"}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["redaction", "--texts", str(tmp_path / "x.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "used [redacted: github token] here" in out
    assert "3 texts, redactions: 1 github token, 1 email address; certain ones, to be looked at: 1" in out
    assert main(["redaction", "--texts", str(tmp_path / "none.jsonl")]) == 1


def test_the_command_writes_the_table_into_its_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n", encoding="utf-8")
    assert main(["redaction", "--each", "1", "--write", str(page)]) == 1
    page.write_text("# A\n<!-- redaction: x -->\nold\n<!-- end of redaction -->\nB\n", encoding="utf-8")
    assert main(["redaction", "--each", "1", "--write", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "| github classic | 1 of 1 | 1 of 1 |" in text
    assert "old" not in text
    assert text.endswith("<!-- end of redaction -->\nB\n")
