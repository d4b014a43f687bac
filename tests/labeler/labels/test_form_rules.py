from __future__ import annotations

from pathlib import Path

import pytest

from labeler.errors import InputError
from labeler.labels.form_rules import Rule
from labeler.labels.label_set import Label, LabelSet, read_labels


def written(folder: Path, text: str) -> Path:
    path = folder / "labels.yml"
    path.write_text(text, encoding="utf-8")
    return path


EVERY_KIND = """
- name: bug
  from:
    - {field: Type, value: no}
    - field: Area
      pattern: '^core/'
    - title: "[Bug]"
    - {title-pattern: 'fix(ed)?:'}
- name: docs
  from: {field: Type of   issue, value: Docs}
- question
"""


def test_every_kind_of_rule_is_read_and_a_single_one_needs_no_list(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path, EVERY_KIND))
    assert labels.labels == (
        Label(
            "bug",
            rules=(
                Rule("Type", "no"),
                Rule("Area", pattern="^core/"),
                Rule(title="[Bug]"),
                Rule(title_pattern="fix(ed)?:"),
            ),
        ),
        Label("docs", rules=(Rule("Type of issue", "Docs"),)),
        Label("question"),
    )
    assert LabelSet.from_dicts(labels.to_dicts(), "bundle.json") == labels
    assert labels.to_dicts()[2] == {"name": "question"}


FAULTS = {
    "no expression": ("[{field: T, pattern: '(a'}]", "from: pattern: '(a' is no regular expression", "re module"),
    "title's expression": ("[{title-pattern: '*'}]", "from: title-pattern: '*' is no regular expression", "re module"),
    "decides all": ("[{field: T, pattern: 'x*'}]", "from: pattern: 'x*' is found in no text at all", "every issue"),
    "unknown key": ("[{field: T, values: Bug}]", "from: values: unknown key", "field: Type"),
    "field alone": ("[{field: T}]", "from: no rule is made of field", "field: Type"),
    "two kinds": (
        "[{field: T, value: B, title: x}]",
        "from: no rule is made of field and value and title",
        "A rule is",
    ),
    "empty value": ("[{field: T, value: }]", "from: value: empty", "A rule is"),
    "blank title": ("[{title: '  '}]", "from: title: empty", "A rule is"),
    "value is a list": ("[{field: T, value: [a, b]}]", "from: value: not text", "plain text"),
    "long": (f"[{{title: {'x' * 301}}}]", "from: title: 301 characters long", "at most 300"),
    "long expression": (f"[{{title-pattern: {'x' * 301}}}]", "from: title-pattern: 301 characters", "at most 300"),
    "key twice": ("[{field: T, field: U, value: x}]", "field: given twice", "Keep one"),
    "a name": ("Bug", "from: neither a rule nor a list of rules", "A rule is"),
    "names": ("[Bug]", "from: a rule that is no mapping", "A rule is"),
    "nothing": ("", "from: neither a rule nor a list of rules", "A rule is"),
    "empty list": ("[]", "from: neither a rule nor a list of rules", "A rule is"),
    "empty rule": ("[{}]", "from: no rule is made of nothing", "A rule is"),
    "within itself": ("&a [*a]", "from: a rule that is no mapping", "A rule is"),
    "mapping within itself": ("[&a {field: *a, value: x}]", "from: field: not text", "plain text"),
}


@pytest.mark.parametrize(("given", "what", "remedy"), FAULTS.values(), ids=list(FAULTS))
def test_a_faulty_rule_is_refused_with_file_line_and_field(tmp_path: Path, given: str, what: str, remedy: str) -> None:
    path = written(tmp_path, f"- name: bug\n  from: {given}\n")
    with pytest.raises(InputError) as caught:
        read_labels(path)
    assert caught.value.what.startswith(f"{path}:2: {what}")
    assert remedy in caught.value.remedy


def test_the_line_is_that_of_the_rule(tmp_path: Path) -> None:
    path = written(tmp_path, "- name: bug\n  from:\n    - title: '[Bug]'\n    - field: Type\n      pattern: '['\n")
    with pytest.raises(InputError, match=r"labels\.yml:5: from: pattern: '\[' is no regular expression"):
        read_labels(path)
