"""From a run's folder to its bundle and card, on a random tiny model."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt

from eval.reports.sections import cell, keep_sections
from eval.starter.card_section import write_card
from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import dataset_sha256
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import read_manifest, verify, write_manifest
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile, write_tensors
from labeler.text.issue import Issue
from tests.models import tiny_config, write_checkpoint
from tests.training.made_up_run import FIGURES, made_up_record
from training.cli import main
from training.fitting.bundle_run import make_bundle
from training.model.base import Base
from training.model.card import card
from training.model.licence import NOTICE, licence_files, licence_of
from training.tuning.run_record import RunData, read_record, write_record
from training.tuning.settings import read_settings

LABELS = LabelSet((Label("bug"), Label("enhancement"), Label("area/a|b <i>")))
WORDS = ["save", "open", "file", "menu", "build", "settings", "page", "crash", "dark", "mode", "support", "steps"]


def write_data(folder: Path) -> Path:
    """90 rows of made-up words, no two alike; the last label is never true on a test row."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(90):
        split = "validation" if i < 60 else "test" if i < 75 else "train"
        labels = tuple(name for j, name in enumerate(LABELS.names) if rng.random() < 0.5 and not (j == 2 and i >= 60))
        title, body = (" ".join(rng.choice(WORDS, 9)) for _ in range(2))
        rows.append(Row(f"r{i}", title=title, body=body, labels=labels, split=split, source="made_up"))
    folder.mkdir()
    write_dataset(folder / "dataset.csv", rows, LABELS)
    (folder / "labels.yml").write_text(yaml.safe_dump([{"name": name} for name in LABELS.names]))
    return folder / "dataset.csv"


def write_run(folder: Path, base: dict[str, str] | None = None) -> Path:
    """A folder as `training run` leaves it: run.json, adapter, and beside it the base and the data."""
    path = write_checkpoint(folder / "a-base")
    data = write_data(folder / "mine")
    run = folder / "run"
    (run / "adapter").mkdir(parents=True)
    (run / "adapter" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}))
    hidden = tiny_config()["hidden_size"]
    rng, at = np.random.default_rng(1), "base_model.model.model.layers.1.self_attn.q_proj.lora_"
    adapter = {
        f"{at}A.weight": rng.standard_normal((2, hidden), dtype=np.float32),
        f"{at}B.weight": rng.standard_normal((128, 2), dtype=np.float32),
    }
    write_tensors(run / "adapter" / "adapter_model.safetensors", adapter)
    record = made_up_record(
        status="tuned",
        base=replace(Base(str(path), "", str(path)), **(base or {})),
        data=RunData(str(data.parent), str(data), dataset_sha256(data)),
        settings=read_settings(changes=["rank=2", "learning_rate=1e-3", "targets=q_proj", "describe=false"]),
        result=FIGURES,
    )
    write_record(run, record)
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_run(tmp_path_factory.mktemp("made"))
    make_bundle(run, name="tiny", version="1.0")
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def read_card(bundle: Path) -> tuple[dict[str, Any], str]:
    """Metadata and text."""
    _, front, text = (bundle / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_a_run_becomes_a_whole_bundle_that_labels(made: Path) -> None:
    verify(made / "bundle")
    manifest = read_manifest(made / "bundle")
    assert (manifest.name, manifest.version, manifest.base_model) == ("tiny", "1.0", "a-base")
    assert (manifest.token_budget, manifest.describe, manifest.quantisation) == (40, False, "int8")
    assert set(manifest.thresholds) == set(LABELS.names)
    assert manifest.metrics["test"]["issues"] == 15
    assert manifest.metrics["validation"]["issues"] == 60
    assert Labeler(made / "bundle").predict(Issue("Crash")).probabilities.keys() == set(LABELS.names)
    assert (made / "merged" / "model.safetensors").is_file()
    assert read_record(made).status == "done"
    assert not list(made.glob("*.making*"))


def test_the_card_carries_metadata_that_the_hub_reads(made: Path) -> None:
    metadata, _ = read_card(made / "bundle")
    assert metadata["pipeline_tag"] == "text-classification"
    # A local folder is no model on the Hub, and nothing is known of its licence.
    assert not {"base_model", "license"} & metadata.keys()
    (result,) = metadata["model-index"][0]["results"]
    assert result["dataset"] == {"name": "mine", "type": "csv", "split": "test"}
    test = read_manifest(made / "bundle").metrics["test"]
    assert [metric["value"] for metric in result["metrics"][:2]] == [test["micro_f1"][0], test["macro_f1"][0]]


def test_the_card_states_figures_with_intervals_for_every_label_and_how_to_do_it_again(made: Path) -> None:
    manifest = read_manifest(made / "bundle")
    _, text = read_card(made / "bundle")
    value, low, high = manifest.metrics["test"]["micro_f1"]
    assert f"| micro-F1 | {value:.3f} [{low:.3f}, {high:.3f}] |" in text
    f1 = manifest.metrics["test"]["labels"]["bug"]["f1"]
    assert f"| bug | {manifest.thresholds['bug']:.2f} | {f1[0]:.3f} [{f1[1]:.3f}, {f1[2]:.3f}] |" in text
    assert "bug, enhancement, area/a\\|b &lt;i&gt;: fewer than 20 issues" in text
    assert manifest.provenance["data sha256"] in text
    assert "made\\_up 15" in text
    command = next(line for line in text.splitlines() if line.startswith("python -m training run"))
    assert command == (
        "python -m training run --data mine --base a-base --out run --backend peft "
        "--set rank=2 --set targets=q_proj --set learning_rate=0.001 --set describe=false"
    )
    assert str(made.parent) not in (made / "bundle" / "README.md").read_text()
    assert str(made.parent) not in (made / "bundle" / "bundle.json").read_text()


def test_a_label_with_markup_in_its_name_stays_one_cell_of_the_table(made: Path) -> None:
    _, text = read_card(made / "bundle")
    page = MarkdownIt().enable("table").render(text)
    assert "<td>area/a|b &lt;i&gt;</td>" in page
    assert "<i>" not in page
    rows = [line for line in text.splitlines() if line.startswith("| area/a")]
    assert [len(line.replace("\\|", "").split("|")) for line in rows] == [8]


@pytest.mark.parametrize(
    ("name", "metadata", "licence"),
    [
        ("unsloth/gemma-3-270m-it", "", "gemma"),
        ("someone/model", "license: apache-2.0", "apache-2.0"),
        ("someone/model", "license: 'gemma'", "gemma"),
        ("someone/model", "", ""),
    ],
)
def test_the_licence_is_that_of_the_base(tmp_path: Path, name: str, metadata: str, licence: str) -> None:
    if metadata:
        (tmp_path / "README.md").write_text(f"---\nlanguage: en\n{metadata}\n---\n# A model\nlicense: mit\n")
    assert licence_of(name, tmp_path) == licence


def test_a_derivative_of_gemma_carries_its_terms(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"name": "unsloth/gemma-3-270m-it", "revision": "0" * 40})
    bundle = make_bundle(run)
    metadata, text = read_card(bundle)
    assert metadata["license"] == "gemma"
    assert metadata["base_model"] == "unsloth/gemma-3-270m-it"
    terms = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
    assert terms in " ".join(text.split())
    assert (bundle / NOTICE).read_text().startswith(terms + "\n")
    assert licence_files("gemma").keys() <= read_manifest(bundle).files.keys()
    assert licence_of("merged", run / "merged") == "gemma"
    assert all((run / "merged" / name).is_file() for name in licence_files("gemma"))
    assert f"--base unsloth/gemma-3-270m-it@{'0' * 40}" in text


def test_what_others_measured_survives_while_the_weights_are_the_same(run: Path) -> None:
    bundle = run / "bundle"
    text = (bundle / "README.md").read_text(encoding="utf-8")
    hostile = "## Hostile text\n\nIt can be swayed.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    (bundle / "README.md").write_text(text.replace("## Training", hostile + "\n\n## Training"), encoding="utf-8")
    manifest = read_manifest(bundle)
    manifest.metrics["injection"] = {"figure": 1}
    write_manifest(bundle, manifest)

    make_bundle(run, name="tiny", version="1.1", target_precision=0.8)
    assert hostile in (bundle / "README.md").read_text(encoding="utf-8")
    assert read_manifest(bundle).metrics["injection"] == {"figure": 1}
    assert "the lowest with a precision of 0.8" in (bundle / "README.md").read_text(encoding="utf-8").replace("\n", " ")

    make_bundle(run, name="tiny", version="1.1")
    assert "target_precision" not in read_manifest(bundle).metrics
    assert hostile in (bundle / "README.md").read_text(encoding="utf-8")

    adapter = run / "adapter" / "adapter_config.json"
    adapter.write_text(adapter.read_text().replace('"lora_alpha": 4', '"lora_alpha": 8'))
    make_bundle(run, name="tiny", version="1.2")
    assert "Hostile" not in (bundle / "README.md").read_text(encoding="utf-8")
    assert "injection" not in read_manifest(bundle).metrics


def test_a_share_of_the_tuning_is_merged_and_written_down(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = TensorFile(run / "merged" / "model.safetensors")
    changed = "model.layers.1.self_attn.q_proj.weight"
    before = TensorFile(Path(read_record(run).base.path) / "model.safetensors").as_float32(changed)
    after = whole.as_float32(changed).copy()
    assert main(["bundle", "--run", str(run), "--merge-share", "0.25"]) == 0
    quarter = TensorFile(run / "merged" / "model.safetensors").as_float32(changed)
    assert np.allclose(quarter, before + 0.25 * (after - before), rtol=2**-6, atol=1e-2)
    assert not np.allclose(quarter, after, rtol=2**-6, atol=1e-2)
    assert "--set merge_share=0.25" in (run / "bundle" / "README.md").read_text(encoding="utf-8")
    assert read_record(run).settings.merge_share == read_settings(str(run / "preset.toml")).merge_share == 0.25
    capsys.readouterr()
    assert main(["bundle", "--run", str(run), "--merge-share", "0"]) == 2
    assert "not above 0 and up to 1" in capsys.readouterr().err


def test_sections_of_an_older_card_follow_and_its_own_are_replaced() -> None:
    old = "# m 1\n\nold\n\n## Quality\n\nold\n\n## Hostile text\n\nkept\n\n### in it\n\nkept too\n\n## Mine\n\nkept\n"
    new = "# m 2\n\n## Quality\n\nnew\n"
    kept = keep_sections(new, old)
    expected = "# m 2\n\n## Quality\n\nnew\n\n## Hostile text\n\nkept\n\n### in it\n\nkept too\n\n## Mine\n\nkept\n"
    assert kept == expected
    assert keep_sections(kept, kept) == kept


def test_a_card_of_a_manifest_that_knows_little_says_no_more(made: Path) -> None:
    manifest = read_manifest(made / "bundle")
    bare = type(manifest)(**{**vars(manifest), "metrics": {}, "provenance": {}, "thresholds": {}})
    text = card(bare)
    assert "Quality" not in text
    assert "## Training" not in text
    assert "| bug | 0.50 | – | – | – | – |" in text


def test_text_of_a_cell_cannot_be_more_than_text() -> None:
    assert cell("a|b\n*c* `d` <script>") == r"a\|b \*c\* \`d\` &lt;script&gt;"


def test_changed_data_an_unfinished_run_and_a_folder_that_is_none_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path)
    with open(tmp_path / "mine" / "labels.yml", "a") as file:
        file.write("- name: another\n")
    with pytest.raises(InputError, match="not the data that .* was tuned on"):
        make_bundle(run)
    write_record(run, replace(read_record(run), status="begun", result=None))
    with pytest.raises(InputError, match="tuning is not finished"):
        make_bundle(run)
    assert not (run / "bundle").exists()
    assert main(["bundle", "--run", str(tmp_path / "none")]) == 1
    assert main(["bundle", "--run", str(run), "--target-precision", "90"]) == 2
    assert "not between 0 and 1" in capsys.readouterr().err


def test_the_command_prints_figures_and_the_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "--run", str(run), "--name", "tiny"]) == 0
    printed = capsys.readouterr().out
    assert "test (n = 15)" in printed
    assert "macro-F1" in printed
    assert "3 labels" in printed.splitlines()[-1]


def test_the_comparison_stands_first_in_the_card_and_keeps_what_others_measured(run: Path) -> None:
    bundle = run / "bundle"
    before, card_before = read_card(bundle)
    one = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 2125}
    ours = {"micro_f1": one, "macro_f1": one, "labels": dict.fromkeys(LABELS.names, one | {"true": 30})}
    systems = {"model": {"name": "tiny 1.0"}, "linear": {"name": "a linear model"}}
    judged = {
        "figures": dict.fromkeys(systems, ours),
        "intervals_by": "repository",
        "tuned_on": False,
        "model_minus": {},
    }
    results: dict[str, Any] = {"date": "2026-01-02", "command": "measure it", "limit": None, "seed": 0}
    results |= {"systems": systems, "sets": {"dev": judged}}
    manifest = read_manifest(bundle)
    manifest.metrics["injection"] = {"figure": 1}
    write_manifest(bundle, manifest)
    for _ in range(2):  # the second time it replaces what stands there
        write_card(bundle, results)
        metadata, text = read_card(bundle)
        assert metadata == before
        assert re.findall("^## .*", text, re.MULTILINE) == [
            "## Beside a linear model", *re.findall("^## .*", card_before, re.MULTILINE)
        ]  # fmt: skip
    assert "micro-F1 | 2,125 | 0.700 [0.600, 0.800] | 0.700 [0.600, 0.800] |" in text
    assert "Measured on 2026-01-02 by `measure it`" in text.replace("\n", " ")
    cell = "0.700 [0.600, 0.800] (n = 30)"
    assert f"| {LABELS.names[0]} | {cell} | {cell} |" in text
    # A name that has the mark of a table's column in it stays one cell.
    assert f"| area/a\\|b &lt;i&gt; | {cell} | {cell} |" in text
    found = read_manifest(bundle).metrics
    assert found["injection"] == {"figure": 1}
    assert found["scores"]["sets"] == {"dev": ours}
    verify(bundle)
