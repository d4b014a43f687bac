"""A run whose base keeps a part of its vocabulary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, Gemma3ForCausalLM

from labeler.errors import UsageError
from labeler.model.bundle import read_manifest
from tests.training.small import make_rows, small_settings, write_folder
from tests.vocabularies import SIZE, write_order, write_whole
from training.cli import main
from training.tuning.run_record import read_record
from training.tuning.settings import as_toml
from training.tuning.tuning_run import run
from training.vocabulary.trimming import OLD_IDS, trimmed

pytestmark = pytest.mark.training

ISSUES = "crash when saving, error on start, add dark mode, a dead link in the readme, how do I set a proxy"


def test_a_run_tunes_and_ships_the_smaller_vocabulary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, base = write_folder(tmp_path / "data", make_rows(40)), write_whole(tmp_path / "whole")
    counts, out = write_order(tmp_path / "counts.xz", ISSUES), tmp_path / "run"
    (tmp_path / "few.toml").write_text(as_toml(small_settings(epochs=1, evaluations=1), "few"))
    given = ["--data", str(data), "--base", base.path, "--out", str(out), "--preset", str(tmp_path / "few.toml")]
    options = ["--backend", "peft", "--vocabulary", str(SIZE), "--vocabulary-counts", str(counts)]
    assert main(["run", *given, *options]) == 0
    assert f"vocabulary: {SIZE} of" in capsys.readouterr().err
    assert read_record(out).base.path == str(out / "base" / "trimmed")
    manifest = read_manifest(out / "bundle")
    assert manifest.shape.vocab_size == manifest.provenance["vocabulary"]["tokens"] == SIZE
    assert manifest.provenance["settings"]["vocabulary"] == SIZE
    assert "--set vocabulary=440 --set vocabulary_counts=counts.xz" in manifest.provenance["command"]
    assert str(tmp_path) not in (out / "bundle" / "bundle.json").read_text()
    with pytest.raises(UsageError, match=rf"vocabulary {SIZE} → 0"):
        run(replace(small_settings(epochs=1, evaluations=1)), data, base.path, out, backend="peft", resume=True)


def test_transformers_reads_the_smaller_base_and_computes_the_same(tmp_path: Path) -> None:
    whole = write_whole(tmp_path / "whole")
    smaller = trimmed(whole, SIZE, write_order(tmp_path / "counts.xz", ISSUES), tmp_path / "smaller")
    kept = torch.tensor(np.load(Path(smaller.path) / OLD_IDS)).long()
    ids = torch.tensor([[2, 7, 300, 280, 419]])
    models = [Gemma3ForCausalLM.from_pretrained(b.path, dtype=torch.float32) for b in (whole, smaller)]
    with torch.no_grad():
        small = models[1](ids).logits
        torch.testing.assert_close(small, models[0](kept[ids]).logits[..., kept])
    said = AutoTokenizer.from_pretrained(smaller.path)
    assert len(said) == SIZE
    assert said.decode(said("crash when saving", add_special_tokens=False)["input_ids"]) == "crash when saving"
