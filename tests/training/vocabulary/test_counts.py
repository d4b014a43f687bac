"""Counts of pieces, what a size costs by language, and the command."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from labeler.errors import InputError, LabelerError
from tests.models import TEXT
from tests.vocabularies import GERMAN, RUSSIAN, SIZE, order, whole_json, write_whole
from training.cli import main
from training.vocabulary.counts import SHIPPED, Counts, combined, count_texts, read_counts, write_counts
from training.vocabulary.keep import kept_ids
from training.vocabulary.report import costs


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.json").write_text(whole_json(), encoding="utf-8")
    return tmp_path / "tokenizer.json"


def test_counts_are_shares_of_each_file(tmp_path: Path, tokenizer: Path) -> None:
    (tmp_path / "long.txt").write_text("save save save build " * 300)
    with gzip.open(tmp_path / "short.jsonl.gz", "wt") as file:
        file.write('{"title": "build", "body": "build"}\n')
    files = [tmp_path / "long.txt", tmp_path / "short.jsonl.gz"]
    long, short = count_texts(tokenizer, files)
    assert long["▁save"] == 899  # the first one has no space before it
    assert short.total() >= 3
    beside = Counts(("▁the", "▁save"), (500_000_000, 1_000))
    counts = combined([long, short], 0.5, beside, "of mine")
    scores = dict(zip(counts.pieces, counts.scores, strict=True))
    assert scores["▁the"] == 500_000_000
    assert scores["▁save"] == pytest.approx(1_000 + 0.5e9 * 899 / long.total(), abs=1)
    assert list(counts.scores) == sorted(counts.scores, reverse=True)
    write_counts(tmp_path / "mine.xz", counts)
    found = read_counts(tmp_path / "mine.xz")
    assert (found.pieces, found.scores, found.name) == (counts.pieces, counts.scores, "mine.xz")


def test_a_file_that_holds_no_counts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no")
    write_counts(tmp_path / "uneven.xz", Counts(("a",), ()))
    for name, said in (
        ("x", "no file of counts"),
        ("uneven.xz", "do not belong together"),
        ("absent", "cannot be read"),
    ):
        with pytest.raises(InputError, match=f"{name}: .*{said}.*\nMake one: python -m training vocabulary count"):
            read_counts(tmp_path / name)


def test_the_shipped_counts_are_ranked_and_small() -> None:
    counts = read_counts()
    assert len(counts.pieces) == len(set(counts.pieces)) >= 65_536
    assert list(counts.scores) == sorted(counts.scores, reverse=True)
    assert set(counts.pieces[:2_000]) > {"▁the", "▁error", "▁fix", "▁der", "▁для", "の"}
    assert SHIPPED.stat().st_size < 400_000


def test_counts_of_another_kind_of_tokenizer_fill_no_vocabulary(tmp_path: Path, tokenizer: Path) -> None:
    with pytest.raises(LabelerError, match="shipped: the pieces that they name make"):
        kept_ids(json.loads(tokenizer.read_text()), read_counts().pieces, 640, counts="shipped")


def test_the_report_counts_tokens_by_language(tmp_path: Path, tokenizer: Path) -> None:
    rows = [("en", TEXT), ("de", GERMAN), ("en", TEXT[:40])]
    lines = [json.dumps({"language": language, "title": "save", "body": body}) for language, body in rows]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    english, german = costs(tokenizer, Counts(tuple(order(TEXT)), ()), [SIZE, 10_000], tmp_path / "texts.jsonl")
    library = Tokenizer.from_str(whole_json())
    assert (english.language, english.texts, german.texts) == ("en", 2, 1)
    assert german.whole == len(library.encode("save\n\n" + GERMAN, add_special_tokens=False).ids)
    assert english.ratio(SIZE) < german.ratio(SIZE) > 1
    assert english.ratio(10_000) == german.ratio(10_000) == 1


@pytest.mark.parametrize("line", ["no", "[]", '{"title": "x"}', '{"language": "en", "title": 3}', ""])
def test_texts_without_a_language_are_refused(tmp_path: Path, tokenizer: Path, line: str) -> None:
    (tmp_path / "texts.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=r"texts\.jsonl.*\nWrite lines like"):
        costs(tokenizer, read_counts(), [SIZE], tmp_path / "texts.jsonl")


def test_the_commands(tmp_path: Path, tokenizer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts, counts = tmp_path / "texts.jsonl", str(tmp_path / "mine.json.xz")
    lines = [{"language": "de", "title": "speichern", "body": body} for body in (TEXT, GERMAN, RUSSIAN)]
    texts.write_text("\n".join(map(json.dumps, lines)))
    assert main(["vocabulary", "count", "--tokenizer", str(tokenizer), "--out", counts, "--alone", str(texts)]) == 0
    report = ["vocabulary", "report", "--tokenizer", str(tokenizer), "--texts", str(texts), "--counts", counts]
    capsys.readouterr()
    assert main([*report, "--size", "450", "430"]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:2] == ["de", "3"]
    assert float(row[3]) > float(row[4]) > 1
    assert main([*report, "--size", "450", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["trimmed"]["450"] / found["whole"] == pytest.approx(float(row[4]), abs=1e-3)
    base = write_whole(tmp_path / "whole")
    cutting = ["vocabulary", "trim", "--base", base.path, "--size", "450", "--counts", counts]
    assert main([*cutting, "--out", str(tmp_path / "smaller")]) == 0
    assert (tmp_path / "smaller" / "old_ids.npy").is_file()
    assert main(["vocabulary", "count", "--tokenizer", str(tokenizer), "--out", counts, "--weight", "0", "x.txt"]) == 2
