from __future__ import annotations

from labeler.github.history import LabelEvent
from labeler.labels.label_set import Label, LabelSet
from synthetic.preparing.label_map import Unmapped, alias_lines, human_labels, map_labels, unmapped
from synthetic.workspace.records import Record

LABELS = LabelSet(
    (Label("bug", aliases=("defect",)), Label("documentation"), Label("type: feature", aliases=("idea",)))
)


def record(*labels: str, changes: list[tuple[str, str, str]] | None = None) -> Record:
    """`changes`: label, "labeled" or "unlabeled", and who."""
    if changes is None:
        return Record("o/r", 1, "t", labels=labels)
    made = tuple(
        LabelEvent(name, change, login, "bot" if login.endswith("[bot]") else "user", f"2026-01-{i:02d}T00:00:00Z")
        for i, (name, change, login) in enumerate(changes, 1)
    )
    return Record("o/r", 1, "t", labels=labels, changes=made)


def test_names_and_aliases_map_in_any_case_to_the_lists_order() -> None:
    assert map_labels(["IDEA", "wontfix", "Defect", "bug"], LABELS) == ("bug", "type: feature")


def test_without_events_every_label_counts() -> None:
    assert human_labels(record("bug", "idea")) == ("bug", "idea")


def test_a_label_that_a_bot_set_does_not_count() -> None:
    changes = [("bug", "labeled", "labeler[bot]"), ("idea", "labeled", "ann")]
    assert human_labels(record("Bug", "idea", changes=changes)) == ("idea",)


def test_a_person_who_sets_a_bots_label_anew_makes_it_count() -> None:
    changes = [("bug", "labeled", "labeler[bot]"), ("bug", "unlabeled", "ann"), ("bug", "labeled", "ann")]
    assert human_labels(record("bug", changes=changes)) == ("bug",)
    assert human_labels(record("bug", changes=[*changes, ("bug", "labeled", "labeler[bot]")])) == ()


def test_an_account_can_be_declared_a_bot() -> None:
    changed = record("bug", "idea", changes=[("bug", "labeled", "Triage-Account"), ("idea", "labeled", "ann")])
    assert human_labels(changed, {"triage-account"}) == ("idea",)


def test_a_label_without_an_event_counts_unless_it_may_be_a_bots_renamed_one() -> None:
    assert human_labels(record("bug", "idea", changes=[("idea", "labeled", "ann")])) == ("bug", "idea")
    renamed = [("kind/bug", "labeled", "labeler[bot]"), ("idea", "labeled", "ann")]
    assert human_labels(record("bug", "idea", changes=renamed)) == ("idea",)
    taken_off = [*renamed, ("kind/bug", "unlabeled", "ann")]
    assert human_labels(record("bug", "idea", changes=taken_off)) == ("bug", "idea")


def test_events_count_by_their_time_not_their_place() -> None:
    changed = record("bug", changes=[("bug", "labeled", "ann"), ("bug", "labeled", "labeler[bot]")])
    backwards = Record("o/r", 1, "t", labels=("bug",), changes=changed.changes[::-1])
    assert human_labels(backwards) == ()


def test_unmapped_labels_are_counted_in_any_case_and_their_meaning_guessed() -> None:
    sets = [("Kind/Bug", "defect"), ("kind/bug", "wontfix"), ("kind/bug",), ("docs",), ("Feature Request",)]
    assert unmapped(sets, LABELS) == [
        Unmapped("kind/bug", 3, "bug"),
        Unmapped("Feature Request", 1, "type: feature"),
        Unmapped("docs", 1, "documentation"),
        Unmapped("wontfix", 1, ""),
    ]


def test_the_line_to_paste_keeps_the_aliases_that_are_there_and_is_yaml() -> None:
    import yaml

    found = [Unmapped("kind: bug", 3, "bug"), Unmapped('a "b"', 2, "bug"), Unmapped("wontfix", 1, "")]
    lines = alias_lines(found, LABELS)
    assert list(lines) == ["bug"]
    assert yaml.safe_load(f"name: bug\n{lines['bug'].strip()}")["aliases"] == ["defect", "kind: bug", 'a "b"']
