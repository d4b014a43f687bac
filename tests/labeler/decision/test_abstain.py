from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labeler.decision.abstain import Abstain, Reason, features, margin_of
from labeler.decision.decide import Policy
from labeler.decision.labelled import label_issues
from labeler.errors import BundleError
from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import MANIFEST, read_manifest, write_manifest
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import write_bundle

REAL = {"evidence": 6.0, "words": 0.5}
SCORE = Abstain(-4.0, -1.0, 0.5, 1.0, (1.0, -1.0), 0.0, 2.0, 8.0, REAL)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("abstain") / "bundle")


def judged(nothing: float, margin: float, tokens: int, words: tuple[float, float], **more: bool) -> object:
    said = SCORE.judge(nothing, margin, tokens, np.array(words), **more)
    return said.reason or ("real" if said.is_real else "in between")


def test_the_score_is_the_sum_of_its_terms() -> None:
    said = SCORE.judge(0.5, 2.0, 19, np.array([0.8, 0.2]))
    assert said.score == pytest.approx(-4.0 + 0.0 + 1.0 + np.log(20) + 0.6)


def test_two_cuts_divide_the_issues() -> None:
    assert judged(0.5, 2.0, 19, (0.8, 0.2)) == "in between"
    assert judged(0.1, 2.0, 19, (0.8, 0.2)) == "real"
    assert judged(0.9, 0.0, 19, (0.8, 0.2)) == Reason.NO_EVIDENCE


def test_on_part_of_the_list_no_issue_must_have_a_label() -> None:
    assert judged(0.1, 2.0, 19, (0.8, 0.2), whole=False) == "in between"
    assert judged(0.9, 0.0, 19, (0.8, 0.2), whole=False) == Reason.NO_EVIDENCE


def test_the_reason_is_what_is_furthest_from_real_issues() -> None:
    assert judged(0.3, 0.5, 0, (0.8, 0.2)) == Reason.LITTLE_TEXT
    assert judged(0.95, -2.0, 60, (0.8, 0.2)) == Reason.NO_EVIDENCE
    assert judged(0.5, 0.0, 60, (-1.0, 6.0)) == Reason.CHATTER
    assert judged(0.95, -2.0, 60, (0.8, 0.2), measured=False) == Reason.LANGUAGE
    assert [reason for reason in Reason if reason.wants_more] == [Reason.LITTLE_TEXT, Reason.NO_EVIDENCE]


def test_text_beyond_the_most_counts_no_more() -> None:
    assert (features([0.2], [1.0], [200]) == features([0.2], [1.0], [5000])).all()
    assert margin_of([0.5, 0.2], [0.5, 0.1]) == pytest.approx(np.log(9 / 4))


@pytest.mark.parametrize(
    "change", [{"below": 3.0}, {"bias": float("nan")}, {"real": {"words": 1.0}}, {"embedding": (float("inf"),)}]
)
def test_numbers_that_cannot_decide_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="abstain"):
        replace(SCORE, **change)  # type: ignore[arg-type]


def with_score(bundle: Path, folder: Path, bias: float) -> Path:
    for path in bundle.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    hidden = read_manifest(bundle).shape.hidden_size
    score = Abstain(bias, -1.0, 0.5, 1.0, (0.1,) * hidden, -10.0, 10.0, 8.0, REAL)
    write_manifest(folder, replace(read_manifest(folder), abstain=score))
    return folder


def test_a_bundle_carries_it_in_a_format_that_older_readers_refuse(bundle: Path, tmp_path: Path) -> None:
    assert read_manifest(bundle).abstain is None
    assert json.loads((bundle / MANIFEST).read_text())["format"] < 5
    folder = with_score(bundle, tmp_path, 0.0)
    document = json.loads((folder / MANIFEST).read_text())
    assert document["format"] == read_manifest(folder).format == 5
    found = read_manifest(folder).abstain
    assert found is not None
    assert found.to_dict() == document["abstain"]
    document["abstain"]["below"] = 11.0
    (folder / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match="abstain: cuts"):
        read_manifest(folder)


def test_a_labeler_judges_with_it_and_leaves_foreign_lists_to_their_thresholds(bundle: Path, tmp_path: Path) -> None:
    issue = Issue("It crashes", "Always")
    assert Labeler(bundle).predict(issue).judgement is None
    (tmp_path / "no").mkdir()
    (tmp_path / "yes").mkdir()
    never, always = (Labeler(with_score(bundle, tmp_path / name, b)) for name, b in (("no", -90.0), ("yes", 90.0)))
    said = never.predict(issue).judgement
    assert said is not None
    assert said.reason is not None
    (one,) = label_issues([issue], never, Policy(threshold=0.0))
    assert one.labels == ()
    assert one.document(never)["left_alone"] == said.reason.value
    assert label_issues([issue], never, Policy(threshold=0.0, abstain=False)).__next__().labels == never.labels.names
    own = always.labels
    write_manifest(tmp_path / "yes", replace(always.manifest, thresholds=dict.fromkeys(own.names, 0.999)))
    (one,) = label_issues([issue], Labeler(tmp_path / "yes"), Policy())
    assert len(one.labels) == 1, "nothing passes, and the issue is clearly real"
    assert one.document(always)["left_alone"] is None
    few = Labeler(tmp_path / "yes", LabelSet(tuple(own)[:2])).predict(issue).judgement
    assert few is not None
    assert not few.is_real
    foreign = Labeler(tmp_path / "no", LabelSet((*tuple(own)[:2], Label("area/nobody knows"))))
    assert foreign.predict(issue).judgement is None


def test_a_language_is_skipped_with_any_bundle(bundle: Path) -> None:
    labeler, policy = Labeler(bundle), Policy(threshold=0.0, skip_languages=("de",))
    german = Issue("Absturz beim Speichern", "Das Programm ist nicht mehr offen, wenn ich auf den Knopf klicke")
    one, other = label_issues([german, Issue("It crashes", "The app is gone when I click on it")], labeler, policy)
    assert (one.labels, other.labels) == ((), labeler.labels.names)
    assert one.document(labeler)["left_alone"] == "language: German is to be skipped"
    assert one.decision.skipped
    assert not other.decision.skipped


def test_the_language_is_a_reason_where_nobody_measured_it(bundle: Path, tmp_path: Path) -> None:
    labeler = Labeler(with_score(bundle, tmp_path, -90.0))
    said = labeler.predict(Issue("הקובץ לא נשמר", "לחצתי על שמירה ולא קרה כלום")).judgement
    assert said is not None
    assert said.reason is Reason.LANGUAGE
