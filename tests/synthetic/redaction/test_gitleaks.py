from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from synthetic.preparing.redact import redact
from synthetic.redaction.gitleaks import FILE, _starts, leaks, version
from synthetic.redaction.trial.invented import HEX, LETTERS, drawn

RNG = random.Random(3)
# Kinds that only gitleaks' rules know: prefix in pieces, length, letters.
ONES = {
    "clojars api token": ("CLO" + "JARS_", 60, LETTERS),
    "readme api token": ("rd" + "me_", 70, "abcdef0123456789"),
    "shippo api token": ("ship" + "po_live_", 40, HEX),
    "duffel api token": ("duf" + "fel_test_", 43, LETTERS),
    "easypost api token": ("EZ" + "AK", 54, LETTERS),
    "prefect api token": ("pn" + "u_", 36, "abcdefghijklmnopqrstuvwxyz0123456789"),
    "scalingo api token": ("tk-" + "us-", 48, LETTERS),
    "twitch api token": ("TWITCH_SECRET = ", 30, "abcdefghijklmnopqrstuvwxyz0123456789"),
}


@pytest.mark.parametrize("kind", ONES)
@pytest.mark.parametrize("text", ["x {}, and", '"{}"', "({})", "a\n{}\nb", "see {}."])
def test_what_only_gitleaks_knows_is_redacted(kind: str, text: str) -> None:
    prefix, length, letters = ONES[kind]
    secret = drawn(RNG, length, letters)
    found = redact(text.format(prefix + secret))
    assert secret not in found.text
    assert found.counts == {kind: 1}


def test_each_rule_compiles_and_the_file_holds_notice_and_version() -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    assert len(leaks()) == len(data["rules"]) > 150
    assert version() == data["version"]
    assert "MIT" in data["notice"]
    assert "Copyright (c) 2019 Zachary Rice" in (Path(__file__).parents[3] / "NOTICE").read_text(encoding="utf-8")


def test_the_file_of_rules_holds_nothing_that_looks_like_a_live_key() -> None:
    assert redact(FILE.read_text(encoding="utf-8")).counts == {}


@pytest.mark.parametrize(
    ("pattern", "word", "sure"),
    [
        (r"\b(abc_[a-z]+)", "abc_", True),
        (r"(?i:(?:abc)x([a-z]|b))", "abc", True),
        (r"abc|xbc", "abc", False),
        (r"(?:abc|d)e", "abc", False),
        (r"(?:(?i:abc|d))e", "abc", False),
        (r"abc?d", "abc", False),
        (r"[a]bc", "abc", False),
        (r"x\.abc", "x.", True),
    ],
)
def test_a_word_spares_the_search_only_where_each_match_begins_with_it(pattern: str, word: str, sure: bool) -> None:
    assert _starts(pattern, word) is sure


def test_a_named_value_without_digits_or_of_low_entropy_stays() -> None:
    for text in (
        "twitch: " + "abcdefghij" * 3,
        "twitch = " + "a1" * 15,
        "zendesk: documentationdocumentationdocumentation",
    ):
        assert redact(text).counts == {}
