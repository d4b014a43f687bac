from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from labeler.errors import InputError
from synthetic.cli import main
from synthetic.redaction.translate import UntranslatableError, converted, python_pattern

TOML = r"""
[allowlist]
regexes = ['''^%(?:[A-Z_]+)%$''']
stopwords = ["abcdefgh"]
[[rules]]
id = "acme-token"
regex = '''\b(acme_(?i)[a-z0-9]{10})(?:[\x60'"\s;]|\\[nr]|$)'''
keywords = ["acme_"]
entropy = 2.5
[[rules.allowlists]]
regexes = ['''acme_0123456789ab''', '''EXAMPLE$''']
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''import''']
[[rules]]
id = "beta-key"
regex = '''(?i)[\w.-]{0,50}?(?:beta)(?:=)([a-z]{8})'''
keywords = ["beta"]
[[rules]]
id = "gamma-key"
regex = '''\pL{8}'''
[[rules]]
id = "delta"
path = '''\.p12$'''
[[rules]]
id = "generic-api-key"
regex = '''.'''
"""


@pytest.mark.parametrize(
    ("source", "matches", "others"),
    [
        ("a(?i)b", ["ab", "aB"], ["Ab"]),
        ("a(?i)b|c", ["aB", "C"], ["AB"]),
        ("(x(?i)y|z)w", ["xYw", "Zw"], ["xyW", "Xyw"]),
        ("(?i)a(?-i:b)", ["Ab"], ["aB"]),
        (r"[[:alnum:]_]{2}", ["a_", "Z9"], ["a-"]),
        (r"[[]x", ["[x"], ["x"]),
        (r"[]a]+", ["]a"], ["b"]),
        (r"a(?:$|\z)", ["a"], ["a\n"]),
        (r"\$\{a\}[$]", ["${a}$"], ["a"]),
    ],
)
def test_a_pattern_of_go_means_the_same_in_python(source: str, matches: list[str], others: list[str]) -> None:
    pattern = re.compile(python_pattern(source), re.ASCII)
    assert [one for one in matches if not pattern.fullmatch(one)] == []
    assert [one for one in others if pattern.fullmatch(one)] == []


@pytest.mark.parametrize("source", [r"\pL", "a{2}+", "[[:graph:]]", "(?x", "a)"])
def test_what_python_lacks_is_not_translated(source: str) -> None:
    with pytest.raises(UntranslatableError):
        python_pattern(source)


def test_rules_keep_key_words_entropy_and_exceptions_and_those_left_out_are_named() -> None:
    data = converted(TOML, "x.toml", "v9")
    acme, beta = data["rules"]
    assert (acme["keywords"], acme["entropy"], "named" in acme) == (["acme_"], 2.5, False)
    published = hashlib.sha256(b"acme_0123456789ab").hexdigest()
    assert acme["exceptions"] == {"patterns": [r"EXAMPLE\Z"], "words": [], "sha256": [published]}
    assert re.search(acme["pattern"], "(acme_ABCDEFGHI1),")  # a bracket ends it too
    assert beta["named"] is True
    assert re.match(beta["pattern"], "BETA=abcdefgh")
    assert {one["id"] for one in data["left_out"]} == {"gamma-key", "delta", "generic-api-key"}
    assert data["exceptions"]["words"] == ["abcdefgh"]
    assert "acme_0123456789ab" not in json.dumps(data)


@pytest.mark.parametrize("text", ["", "a = [", "rules = 3", "[[rules]]\nregex = 'a'", "rules = [1]"])
def test_another_file_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.toml: no rules of gitleaks"):
        converted(text, "x.toml", "v9")


def test_the_command_writes_the_rules_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("synthetic.redaction.gitleaks.FILE", tmp_path / "rules.json")
    (tmp_path / "g.toml").write_text(TOML, encoding="utf-8")
    assert main(["redaction", "--gitleaks", str(tmp_path / "g.toml"), "--version", "v9"]) == 0
    assert "left out: gamma-key: cannot be translated" in capsys.readouterr().out
    assert json.loads((tmp_path / "rules.json").read_text())["version"] == "v9"
    assert main(["redaction", "--gitleaks", str(tmp_path / "g.toml")]) == 1
    assert main(["redaction", "--gitleaks", str(tmp_path / "none.toml"), "--version", "v9"]) == 1
