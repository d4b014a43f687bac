"""The starter's recipe on a small scale: what it mixes, and the one command from data to a calibrated bundle."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import Gemma3ForCausalLM

from eval.starter.files import ISSUES
from eval.starter.source import EVERY
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet, read_labels
from labeler.model.bundle import read_manifest, verify
from labeler.model.decoder import Embeddings
from labeler.model.tokenizer import LibraryTokenizer
from tests.models import tokenizer_json
from tests.training.small import write_base
from tests.training.starter_material import RECIPE, TOPICS, small_recipe, write_material, write_recipe
from training.cli import main as train
from training.export.embeddings import held, rounded_embeddings
from training.model.checkpoint import Weights
from training.quantise.quantisation import FOUR_BITS, Grid
from training.quantise.rounding import given, nearest
from training.starter.episodes import Episodes
from training.starter.forms import formed
from training.starter.machine import open_model
from training.starter.material import Material
from training.starter.names import DESCRIPTIONS, HABITS, NAMES
from training.starter.recipe import Recipe, read_recipe
from training.starter.rows_record import read_used
from training.starter.selection import select
from training.tuning.logs import read_log
from training.vocabulary.fine import fine_tokens

pytestmark = pytest.mark.training

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return read_labels(RECIPE.with_name("starter-labels.yml"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return small_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> LibraryTokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(tokenizer_json())
    return LibraryTokenizer(path)


def stream(recipe: Recipe, data: Path, labels: LabelSet, tokenizer: LibraryTokenizer) -> Episodes:
    selection = select(Material(data), labels.names, recipe.data, recipe.seed)
    return Episodes(selection, labels, tokenizer, recipe.mixture, 1, recipe.seed)


def test_no_row_that_is_kept_apart_is_ever_shown(
    recipe: Recipe, data: Path, labels: LabelSet, tokenizer: LibraryTokenizer
) -> None:
    material, episodes = Material(data), stream(recipe, data, labels, tokenizer)
    selection = select(material, labels.names, recipe.data, recipe.seed)
    apart = set(selection.held_out) | {example.row for example in selection.validation}
    apart |= {issue.row for issue in material.issues if not issue.is_train}
    titles = {material.issues[row].title for row in apart}
    kinds = set()
    for _ in range(300):
        episode = episodes.draw()
        kinds.add(episode.kind)
        assert not titles & {shown.issue.title for shown in episode.issues}
        assert all(shown.labels <= set(episode.labels.names) for shown in episode.issues)
    assert kinds == set(recipe.mixture.kinds)
    seen = set().union(*episodes.dealt.values())
    assert seen <= {row for rows in selection.rows().values() for row in rows}
    assert len(seen) > 100
    assert not seen & apart
    assert len(selection.validation) == 10
    assert len(selection.held_out) == len(set(sorted(material.large)[::6]) | set(range(100, 112)))


def test_a_title_that_is_held_out_stays_out_under_another_row(data: Path, tmp_path: Path, labels: LabelSet) -> None:
    copied = write_material(tmp_path / "material")
    lines = gzip.decompress((copied / ISSUES).read_bytes()).decode().splitlines()
    first, other = json.loads(lines[0]), json.loads(lines[5])  # row 0 is the scoreboard's
    lines[5] = json.dumps(other | {"title": f" {first['title'].upper()}"})
    with gzip.open(copied / ISSUES, "wt") as file:
        file.write("\n".join(lines) + "\n")
    settings = small_recipe(tmp_path).data
    before, after = (select(Material(folder), labels.names, settings, 1).rows() for folder in (data, copied))
    assert 5 in before["project lists"]
    assert not any(5 in rows for rows in after.values())


def test_lists_vary_and_labels_follow_their_new_names(
    recipe: Recipe, data: Path, labels: LabelSet, tokenizer: LibraryTokenizer
) -> None:
    episodes = stream(recipe, data, labels, tokenizer)
    drawn = [episode for _ in range(400) if (episode := episodes.draw()).kind == "large"]
    names = [episode.labels.names for episode in drawn]
    assert len(set(names)) > len(names) / 3
    assert any(set(one) == set(labels.names) and one != labels.names for one in names), "another order"
    assert any(len(one) < 10 for one in names)
    assert all(len(one) >= recipe.mixture.kinds["large"].least for one in names)
    assert any(not any(label.description for label in episode.labels) for episode in drawn)
    other = [episode for episode in drawn if not set(episode.labels.names) & set(labels.names)]
    assert other
    own = {new: name for name, found in NAMES.items() for new in found}
    told = {own[name] for episode in other for shown in episode.issues for name in shown.labels}
    assert told == {"bug", "enhancement", "documentation", "question"}
    for episode in other:
        listed = {own[name]: name for name in episode.labels.names}
        for shown in episode.issues:
            crashes = any(word in shown.issue.title for word in TOPICS["bug"])
            assert (listed.get("bug") in shown.labels) == (crashes and "bug" in listed)


def test_names_are_ten_habits_and_descriptions_are_for_the_same_labels(labels: LabelSet) -> None:
    assert set(NAMES) == set(DESCRIPTIONS) == set(labels.names)
    for habit in range(HABITS):
        column = [found[habit] for found in NAMES.values()]
        assert len({name.casefold() for name in column}) == len(column)
    assert all(len(set(found)) == HABITS for found in NAMES.values())


def test_a_form_keeps_the_whole_text(recipe: Recipe) -> None:
    rng = random.Random(3)
    body = "First line\n\n```py\nx = {1: '{version}'}\n```"
    forms = [formed(body, rng) for _ in range(50)]
    first, code = body.split("\n\n")
    assert all(form.index(first) < form.index(code) for form in forms)
    assert 0 < sum(body not in form for form in forms) < 25, "now and then in two fields"
    assert sum("- [x]" in form for form in forms) > 25
    assert len(set(forms)) == 50
    assert formed("", rng)


def test_a_stream_goes_on_where_it_was(
    recipe: Recipe, data: Path, labels: LabelSet, tokenizer: LibraryTokenizer
) -> None:
    first, second = (stream(recipe, data, labels, tokenizer) for _ in range(2))
    for _ in range(20):
        next(first)
    state = json.loads(json.dumps(first.state()["piles"]))
    second.restore(first.state() | {"piles": state, "dealt": {name: set(rows) for name, rows in first.dealt.items()}})
    assert [next(first) for _ in range(20)] == [next(second) for _ in range(20)]
    assert first.dealt == second.dealt


def test_the_recipe_keeps_out_of_training_what_the_scoreboard_measures() -> None:
    assert read_recipe(RECIPE).data.held_out_step == EVERY


def test_the_recipe_that_ships_is_whole_and_a_wrong_one_names_the_key(tmp_path: Path) -> None:
    shipped = read_recipe(RECIPE)
    assert sum(kind.share for kind in shipped.mixture.kinds.values()) == pytest.approx(1)
    path = write_recipe(tmp_path)
    text = path.read_text()
    for old, new, said in (
        ("rank = 4", "rank = 4.5", "tuning.rank is 4.5"),
        ("clip = 1.0", "clop = 1.0", "missing: tuning.clip; unknown: tuning.clop"),
        ("distil_rate = 4e-5", 'distil_rate = "4e-5"', "four_bit.distil_rate is '4e-5'"),
        ("texts = 24", "texts = 0", "four_bit.texts cannot"),
        ('form = "4/32 ', 'form = "3/32 ', "four_bit.form = '3/32"),
        ('form = "4/32 ', 'form = "4/32 fine=7 ', "fine tokens are not counted here"),
        ("embeddings=4/32", "embeddings=8/32", "four_bit.form"),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=said):
            read_recipe(path)
    path.write_text(text.replace('form = "4/32 ', 'form = "4/32 down=8/32 '))
    assert read_recipe(path).four_bit.quantisation(9).down.bits == 8
    path.write_text(path.read_text().replace("distil_rows = 0", "distil_rows = 9"))
    with pytest.raises(InputError, match="all matrices are distilled alike"):
        read_recipe(path)


def test_prompts_for_rounding_are_of_all_kinds_and_whole(
    recipe: Recipe, data: Path, labels: LabelSet, tokenizer: LibraryTokenizer
) -> None:
    episodes = stream(recipe, data, labels, tokenizer)
    prompts = episodes.prompts(60)
    assert len(prompts) == 60
    assert prompts == stream(recipe, data, labels, tokenizer).prompts(60)
    library = Tokenizer.from_str(tokenizer_json())
    texts = [library.decode(ids) for ids in prompts]
    assert all(episodes.dealt.values()), "people's, the large model's and the lists' rows were among them"
    assert any("area/disk" in text for text in texts)
    assert any("bug" in text for text in texts)
    assert len({ids[-1] for ids in prompts}) == 1, "every answer comes to its end"


def test_one_command_makes_a_calibrated_bundle_and_given_again_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, out = write_base(tmp_path / "base", dtype="bfloat16"), tmp_path / "out"
    tokens = read_tokens(base)
    recipe = write_recipe(tmp_path, vocabulary=str(tokens))
    command = ["starter", "--recipe", str(recipe), "--data", str(data), "--base", str(base), "--out", str(out),
               "--no-compile", "--people", "40", "--large", "12"]  # fmt: skip
    assert train([*command, "--rows", "400"]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(out / "bundle")
    assert told.err.index("left out: ") < told.err.index("validation loss before")
    result = json.loads((out / "result.json").read_text())
    losses = result["validation"]
    assert losses["after"] < 0.8 * losses["before"]
    assert result["position"]["rows"] >= 400
    assert read_log(out / "log.jsonl")
    verify(out / "bundle")
    manifest = read_manifest(out / "bundle")
    assert (manifest.name, manifest.token_budget) == ("starter", 40)
    fine = fine_tokens(base / "tokenizer.json", 40)
    assert manifest.quantisation == f"int4/32, embeddings int4/32 and {len(fine)} int8, scales int8"
    assert manifest.provenance["settings"]["rounding"].endswith("for what they compute on 24 prompts")
    # The bundle holds, to the bit, the embeddings that tuning saw.
    seen = open_model(read_recipe(recipe), base, False, lambda step: None).embeddings
    rows = Embeddings(out / "bundle" / "embeddings.safetensors", manifest.shape)(list(range(tokens)))
    assert torch.equal(torch.from_numpy(rows).to(seen.dtype), seen)
    weights = Weights(base)
    blocks = rounded_embeddings(weights, FOUR_BITS, nearest)
    assert np.array_equal(rows, held(blocks, weights, fine, rows.shape[1]))
    assert np.array_equal(Weights(out / "merged")("embed_tokens.weight"), weights("embed_tokens.weight"))
    # By these names the scoreboard knows what it was tuned on.
    sources = manifest.provenance["sources"]
    assert {key: sources[key] for key in ("junk_and_thin", "issues_in_languages", "issue_forms", "written_issues")} == {
        "junk_and_thin": 4, "issues_in_languages": 4, "issue_forms": 4, "written_issues": 12
    }  # fmt: skip
    assert (sources["label_lists"], sources["project_lists"]) == (6, manifest.provenance["rows"]["1 project lists"])
    assert sources["large_model_labels"] + sources["large_model_labels_more"] > 80
    assert sources["own463_issues"] > 10
    assert manifest.provenance["data sha256"] == json.loads((out / "dataset.json").read_text())["sha256"]
    assert manifest.metrics["calibration rows"]["large model"] == 12
    assert len(manifest.thresholds) == 10
    # A row was shown or it calibrates: the record tells which.
    used = read_used([out / "rows.json"], data)
    assert used
    record = json.loads((out / "rows.json").read_text())
    assert not used & set(record["validation"])
    PeftModel.from_pretrained(Gemma3ForCausalLM.from_pretrained(base), out / "adapter")
    assert not (out / "scales.safetensors").exists()
    assert manifest.metrics["new labels"]["lists"] == 2
    assert 0.3 <= (manifest.new_label_threshold or 0) <= 0.6
    before = read_manifest(out / "bundle")
    monkeypatch.setattr("training.fast.loop.tune", None)
    assert train([*command, "--rows", "400"]) == 0
    assert read_manifest(out / "bundle") == before
    assert train([*command, "--rows", "500"]) == 1
    assert "with other values: tuning.rows" in capsys.readouterr().err
    assert train([*command[:-5], "--people", "4", "--adapter", str(tmp_path / "none")]) == 1
    assert "none: missing" in capsys.readouterr().err


def test_matrices_that_were_distilled_are_in_the_bundle_as_they_are(data: Path, tmp_path: Path) -> None:
    base, out = write_base(tmp_path / "base", dtype="bfloat16"), tmp_path / "out"
    recipe = write_recipe(tmp_path, vocabulary=str(read_tokens(base)), distil_rows="40")
    command = ["starter", "--recipe", str(recipe), "--data", str(data), "--base", str(base), "--out", str(out),
               "--no-compile", "--people", "4", "--large", "2", "--lists", "0", "--rows", "40"]  # fmt: skip
    assert train([*command, "--tune-only"]) == 0
    assert not (out / "bundle").exists()
    assert train(command) == 0
    manifest = read_manifest(out / "bundle")
    assert manifest.provenance["settings"]["distilled on"] >= 40
    assert "learn to answer as they did" in manifest.provenance["settings"]["rounding"]
    rounding = given(out / "blocks.safetensors")
    name, grid = "0.mlp.down_proj", Grid(4, 32, "byte")
    blocks = rounding(name, Weights(out / "merged")(f"layers.{name}.weight"), grid)
    held = (out / "bundle" / "decoder.bin").read_bytes()
    assert blocks.packed(4).tobytes() in held


def read_tokens(base: Path) -> int:
    found: int = json.loads((base / "config.json").read_text())["vocab_size"]
    return found
