"""Weights in 4 bits: codes, scales, files, and the way there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from labeler.errors import InputError
from labeler.model.bundle import read_manifest, verify
from labeler.model.decoder import DATA_SIZE, Embeddings, unpack_codes
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile, write_tensors
from labeler.text.issue import Issue
from tests.models import LABELS, write_checkpoint
from training.cli import main
from training.export.bundle_export import export
from training.export.data_files import DataFiles
from training.export.embeddings import most_used
from training.export.graph import write_decoder
from training.model.checkpoint import Weights, read_config
from training.model.unpack import ROUNDED, unpack
from training.quantise.quantisation import EIGHT_BITS, FOUR_BITS, Grid, Quantisation, parse
from training.quantise.rounding import GivenScales, best_scales, coded, in_blocks, nearest, stored_scales

pytestmark = pytest.mark.training

ISSUE = Issue("The application crashes", "when I open the settings page")
RNG = np.random.default_rng(3)
FORMS = [
    "4/32",
    "4/64 embeddings=4/128",
    "8/32 embeddings=8/32",
    "4/32 attention=8/32 down=8/128",
    "4/64 scales=8",
    "4/32 level=1",
]


def probabilities(bundle: Path) -> list[float]:
    return list(Labeler(bundle).predict(ISSUE).probabilities.values())


def test_the_best_scales_err_less_than_the_largest_weights() -> None:
    grid, grouped = Grid(4, 32), in_blocks(RNG.standard_normal((64, 128)).astype(np.float32), 32)
    largest = np.abs(grouped).max(axis=2) / 7

    def error(scales: np.ndarray) -> float:
        blocks = coded("x", grouped, scales, grid)
        return float(np.square(blocks.matrix(128).reshape(grouped.shape) - grouped).sum())

    assert error(best_scales("x", grouped, grid)) < 0.9 * error(largest)


def test_what_is_rounded_already_stays_as_it_is() -> None:
    for grid in (Grid(4, 32), Grid(4, 64), Grid(8, 32)):
        once = nearest("x", RNG.standard_normal((40, 96)).astype(np.float32), grid)
        again = nearest("x", once.matrix(96), grid)
        np.testing.assert_array_equal(once.matrix(96), again.matrix(96))


def test_packed_codes_are_what_was_packed() -> None:
    blocks = nearest("x", RNG.standard_normal((5, 64)).astype(np.float32), Grid(4, 32))
    np.testing.assert_array_equal(unpack_codes(blocks.packed(4)), blocks.codes)


@pytest.mark.parametrize("form", FORMS)
def test_the_runtime_computes_with_the_rounded_weights(tmp_path: Path, form: str) -> None:
    """Beside a 32-bit bundle of what the weights became; activations in 32 bits leave nothing but that."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    export(checkpoint, LABELS, tmp_path / "bundle", quantisation=parse(form))
    verify(tmp_path / "bundle")
    assert read_manifest(tmp_path / "bundle").format == 4
    export(unpack(tmp_path / "bundle", tmp_path / "out"), LABELS, tmp_path / "exact", quantise=False)
    tolerance = 1e-3 if "level=1" in form else 0.03
    assert probabilities(tmp_path / "bundle") == pytest.approx(probabilities(tmp_path / "exact"), abs=tolerance)


@pytest.mark.parametrize("form", FORMS[:5])
def test_unpacked_and_exported_again_by_its_scales_it_is_the_same_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """By scales that no search would choose: those that tuning learned."""
    monkeypatch.setattr("training.export.embeddings._ROWS", 100)  # embeddings a part at a time, as a large table goes
    checkpoint, quantisation = write_checkpoint(tmp_path / "checkpoint"), parse(form)
    weights = Weights(checkpoint)
    scales = {}
    for layer in range(3):
        for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj"):
            name = f"{layer}.{part}"
            grid = quantisation.grid(name)
            found = np.abs(in_blocks(weights(f"layers.{name}.weight"), grid.block)).max(axis=2)
            scales[name] = (found * RNG.uniform(0.9, 1.4, found.shape) / -grid.lowest).astype(np.float32)
    write_tensors(tmp_path / "learned", scales)
    export(checkpoint, LABELS, tmp_path / "a", quantisation=quantisation, rounding=GivenScales(tmp_path / "learned"))
    out = unpack(tmp_path / "a", tmp_path / "out")
    name = "1.mlp.down_proj"
    grid = quantisation.grid(name)
    half = stored_scales(name, scales[name], grid).astype(np.float32)[:, :, None]
    largest = np.abs(scales[name]).max(axis=1)[:, None, None]
    assert np.abs(half - scales[name][:, :, None]).max() <= (np.abs(largest) / 250).max()
    grouped = in_blocks(weights(f"layers.{name}.weight"), grid.block)
    seen = np.rint(grouped / half).clip(grid.lowest, -grid.lowest - 1) * half
    np.testing.assert_array_equal(Weights(out)(f"layers.{name}.weight"), seen.reshape(64, -1)[:, :128])
    export(out, LABELS, tmp_path / "b", quantisation=quantisation, rounding=GivenScales(out / ROUNDED))
    assert read_manifest(tmp_path / "a").weights == read_manifest(tmp_path / "b").weights


@pytest.mark.parametrize(("hidden", "grid"), [(64, Grid(4, 32)), (80, Grid(4, 32)), (72, Grid(4, 64)), (80, Grid())])
def test_embeddings_are_read_as_they_were_rounded(tmp_path: Path, hidden: int, grid: Grid) -> None:
    """Also where the last block is not full."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint", hidden_size=hidden)
    form = replace(FOUR_BITS, embeddings=grid)
    manifest = export(checkpoint, LABELS, tmp_path / "bundle", quantisation=form)
    rows = Weights(checkpoint)("embed_tokens.weight")
    read = Embeddings(tmp_path / "bundle/embeddings.safetensors", manifest.shape)([5, 7, 300])
    np.testing.assert_array_equal(read, nearest("x", rows, grid).matrix(hidden)[[5, 7, 300]])


def test_embeddings_of_some_tokens_are_in_8_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stay so when the bundle is unpacked and exported again."""
    monkeypatch.setattr("training.export.embeddings._ROWS", 100)
    checkpoint, form = write_checkpoint(tmp_path / "checkpoint"), replace(FOUR_BITS, fine=3)
    manifest = export(checkpoint, LABELS, tmp_path / "bundle", quantisation=form, fine=[300, 2, 150])
    assert manifest.quantisation == "int4/32, embeddings int4/32 and 3 int8"
    rows = Weights(checkpoint)("embed_tokens.weight")
    read = Embeddings(tmp_path / "bundle/embeddings.safetensors", manifest.shape)
    expected = nearest("x", rows, Grid(4, 32)).matrix(64)
    expected[[2, 150, 300]] = nearest("x", rows, Grid()).matrix(64)[[2, 150, 300]]
    np.testing.assert_array_equal(read(list(range(len(rows)))), expected)
    np.testing.assert_array_equal(read([300, 7, 2, 7]), expected[[300, 7, 2, 7]])
    out = unpack(tmp_path / "bundle", tmp_path / "out")
    np.testing.assert_array_equal(Weights(out)("embed_tokens.weight"), expected)
    command = ["export", "--checkpoint", str(out), "--labels", str(tmp_path / "labels.yml"), "--bits", "4"]
    command += ["--out", str(tmp_path / "again"), "--mixed", "fine=3", "--rounded", str(out / ROUNDED)]
    (tmp_path / "labels.yml").write_text("- bug\n")
    assert main(command) == 0
    assert read_manifest(tmp_path / "again").weights == manifest.weights


def test_the_tokens_that_text_uses_most() -> None:
    assert most_used([[5, 6, 6, 7], [6, 7, 9]], 3) == [5, 6, 7]
    assert most_used([[5, 6, 6, 7], [6, 7, 9]], 3, always=[1, 9]) == [1, 6, 9]


def test_weights_go_to_several_files_and_are_read_from_them(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    export(checkpoint, LABELS, tmp_path / "bundle", quantisation=FOUR_BITS)
    whole = probabilities(tmp_path / "bundle")
    graph = tmp_path / "bundle/decoder.onnx"
    write_decoder(read_config(checkpoint), Weights(checkpoint), graph, FOUR_BITS, data_size=40_000)
    files = sorted(path.name for path in (tmp_path / "bundle").glob("decoder*.bin"))
    assert len(files) > 2
    assert files[:2] == ["decoder-1.bin", "decoder-2.bin"]
    assert all((tmp_path / "bundle" / name).stat().st_size <= 40_000 for name in files)
    assert probabilities(tmp_path / "bundle") == whole
    located = {e.value for t in onnx.load(graph, load_external_data=False).graph.initializer for e in t.external_data}
    assert set(files) < located
    assert DATA_SIZE < 50_000_000


def test_an_array_above_the_size_stands_alone(tmp_path: Path) -> None:
    with DataFiles(tmp_path / "decoder.bin", 5000) as data:
        places = [data.append(np.zeros(size, np.uint8)) for size in (10, 9000, 10)]
    assert places == [("decoder.bin", 0, 10), ("decoder-1.bin", 0, 9000), ("decoder-2.bin", 0, 10)]


def test_the_form_that_older_versions_read_is_what_is_written_without_a_choice(tmp_path: Path) -> None:
    manifest = export(write_checkpoint(tmp_path / "checkpoint"), LABELS, tmp_path / "bundle")
    assert (manifest.format, manifest.quantisation) == (1, "int8")
    assert "scales.safetensors" not in manifest.files
    assert TensorFile(tmp_path / "bundle/prefix.safetensors")["cache"].dtype == np.float32


@pytest.mark.parametrize(
    "where", ["embed_tokens.weight", "layers.1.mlp.up_proj.weight", "layers.2.self_attn.q_norm.weight"]
)
@pytest.mark.parametrize("quantise", [False, True])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, where: str, quantise: bool) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    file = TensorFile(checkpoint / "model.safetensors")
    tensors = {name: file[name].copy() for name in file.names}
    tensors[f"model.{where}"].flat[3] = np.nan
    write_tensors(checkpoint / "model.safetensors", tensors)
    with pytest.raises(InputError, match="no finite number"):
        export(checkpoint, LABELS, tmp_path / "bundle", quantise=quantise)
    assert not (tmp_path / "bundle").exists()


def test_scales_of_another_block_are_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "scales", {"0.mlp.up_proj": np.ones((128, 2), np.float32)})
    with pytest.raises(InputError, match=r"0\.mlp\.up_proj has scales \(128, 2\), blocks of 64 need \(128, 1\)"):
        export(
            write_checkpoint(tmp_path / "checkpoint"),
            LABELS,
            tmp_path / "bundle",
            quantisation=parse("4/64"),
            rounding=GivenScales(tmp_path / "scales"),
        )


def test_forms_are_read_and_named() -> None:
    mixed = parse("4/32 mlp=8/64 embeddings=4/128 level=1")
    assert mixed == Quantisation(Grid(4), Grid(4), Grid(8, 64), Grid(8, 64), Grid(4, 128), 1)
    assert str(mixed) == (
        "qkv int4/32, o int4/32, gate_up int8/64, down int8/64, embeddings int4/128, activations float32"
    )
    assert (str(FOUR_BITS), str(EIGHT_BITS)) == ("int4/32, embeddings int4/32", "int8")


@pytest.mark.parametrize(
    "text",
    ["5/32", "4/33", "head=4/32", "4/32/1", "embeddings=8/32 fine=9", "fine=-1", "level=2", "embeddings=8/64", "x"],
)
def test_forms_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_the_command_writes_four_bits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    (tmp_path / "labels.yml").write_text("- bug\n- question\n")
    command = ["export", "--checkpoint", str(checkpoint), "--labels", str(tmp_path / "labels.yml")]
    command += ["--out", str(tmp_path / "bundle")]
    assert main([*command, "--bits", "4", "--mixed", "embeddings=4/64"]) == 0
    assert read_manifest(tmp_path / "bundle").quantisation == "int4/32, embeddings int4/64"
    assert main([*command, "--mixed", "embeddings=4/64"]) != 0
    assert "--bits" in capsys.readouterr().err
