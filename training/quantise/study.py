"""What rounding costs and saves: one trained model in many forms, beside itself in 32 bits, on labelled issues.

Each point is exported, measured and deleted again; its figures go to a line of `results.jsonl` at once: a study that
was stopped goes on where it was. A line is of the same study if checkpoint, labels, issues and prompt are the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from eval.data.rows import Labelled, truth_and_known
from labeler.base.markdown_table import markdown_table
from labeler.console.progress import counted
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.errors import InputError
from labeler.files import replaced, write_text
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import read_manifest, sha256, write_manifest
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from training.export.bundle_export import export
from training.fitting.fitted import measure
from training.model.checkpoint import Weights, read_config
from training.quantise.gptq import calibrated
from training.quantise.quantisation import EIGHT_BITS, Quantisation, parse
from training.quantise.rounding import GivenBlocks, Rounding, fine_of, given, nearest

RESULTS = "results.jsonl"
EXACT, DYNAMIC = "float32", "dynamic"
ROUNDINGS = ("nearest", "calibrated", "given")
_WARM = 10  # issues timed one by one in a loaded model
Array = np.ndarray


@dataclass(frozen=True)
class Point:
    """One form of the weights, written "4/32 embeddings=4/64 calibrated", "float32" or "dynamic".

    Attributes:
        form: None is what the name says: 32 bits, or onnxruntime's `quantize_dynamic` of those.
    """

    name: str
    form: Quantisation | None
    rounding: str = "nearest"

    @classmethod
    def read(cls, text: str) -> Point:
        """Raises InputError where a word is wrong."""
        words = text.split()
        if words in ([EXACT], [DYNAMIC]):
            return cls(words[0], None)
        rounding = words.pop() if words and words[-1] in ROUNDINGS else "nearest"
        start = Quantisation()  # all in 8 bits, in blocks of 32
        return cls(" ".join([*words, rounding]), parse(" ".join(words), start), rounding)


@dataclass(frozen=True)
class Study:
    """A model and the issues that its forms are measured on.

    Attributes:
        out: folder of the results.
        texts: prompts for calibrated rounding, as token ids.
        used: so many of the tokens that text uses most.
        rounded: file for points with the rounding "given".
        cold_runs: processes started to time a cold start; 0 leaves that out.
    """

    checkpoint: Path
    labels: LabelSet
    rows: Sequence[Labelled]
    out: Path
    texts: Callable[[], Sequence[Sequence[int]]]
    used: Callable[[int], list[int]]
    token_budget: int
    describe: bool
    rounded: Path | None = None
    cold_runs: int = 3
    progress: Callable[[str], None] = lambda step: None

    @cached_property
    def key(self) -> str:
        """Of checkpoint, labels, issues and prompt."""
        digest = hashlib.sha256()
        for path in sorted(self.checkpoint.glob("*.safetensors")):
            digest.update(sha256(path).encode())
        digest.update(repr((self.labels, list(self.rows), self.token_budget, self.describe)).encode())
        return digest.hexdigest()[:16]

    def run(self, points: Sequence[Point]) -> list[dict[str, Any]]:
        """The figures of all points in their order, those measured already read from the results.

        Raises:
            InputError: the checkpoint cannot be exported, or a point needs a file that was not given.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        if any(point.rounding == "given" for point in points) and self.rounded is None:
            raise InputError("a point is rounded as given", "Give the file with scales or codes.")
        self._exact()
        return [self._known(point.name) or self._measured(point) for point in points]

    def _known(self, name: str) -> dict[str, Any] | None:
        path = self.out / RESULTS
        if not path.is_file():
            return None
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
                if (found["study"], found["point"]) == (self.key, name):
                    return dict(found)
            except (ValueError, KeyError, TypeError):
                continue  # cut off when the study was stopped
        return None

    def _exact(self) -> Array:
        """The probabilities in 32 bits: float64 (issues, labels)."""
        path = self.out / f"float32-{self.key}.npy"
        if not path.is_file():
            self._measured(Point(EXACT, None))
        found: Array = np.load(path)
        return found

    def _measured(self, point: Point) -> dict[str, Any]:
        bundle = self.out / "bundle"
        self.progress(point.name)
        shutil.rmtree(bundle, ignore_errors=True)
        try:
            self._export(point, bundle)
            figures = {"study": self.key, "point": point.name} | self._figures(point, bundle)
        finally:
            shutil.rmtree(bundle, ignore_errors=True)
        _append(self.out / RESULTS, json.dumps(figures))
        return figures

    def _fine(self, count: int) -> list[int]:
        """The tokens with embeddings in 8 bits: those that the file of rounded weights names, if it names so many."""
        if not count:
            return []
        named = fine_of(self.rounded) if self.rounded else []
        found = named if len(named) == count else self.used(count)
        if len(found) < count:
            what = f"fine={count}: the texts hold {len(found):,} tokens"
            raise InputError(what, f"Ask for {len(found)} at most, or give more texts by --calibrate.")
        return found

    def _export(self, point: Point, bundle: Path) -> None:
        write = partial(export, self.checkpoint, self.labels, token_budget=self.token_budget, describe=self.describe)
        if point.form is not None:
            fine = self._fine(point.form.fine)
            rounding = self._rounding(point, fine)
            write(bundle, quantisation=point.form, rounding=rounding, fine=fine)
            return
        write(bundle, quantise=False)
        if point.name == DYNAMIC:
            exact = bundle.rename(bundle.with_name("exact"))
            try:
                write(bundle, quantisation=EIGHT_BITS)
                _quantise_dynamically(exact, bundle)
            finally:
                shutil.rmtree(exact)

    def _rounding(self, point: Point, fine: list[int]) -> Rounding:
        if point.rounding == "given":
            assert self.rounded is not None  # `run` asked for it
            return given(self.rounded)
        if point.rounding == "nearest" or point.form is None:
            return nearest
        config, weights = read_config(self.checkpoint), Weights(self.checkpoint)
        return GivenBlocks(calibrated(config, weights, self.texts(), point.form, fine=fine, progress=self.progress))

    def _figures(self, point: Point, bundle: Path) -> dict[str, Any]:
        names = self.labels.names
        labeler = Labeler(bundle, threads=1, workers=available_cores())
        with counted(len(self.rows), point.name) as done:
            said = labeler.predict_many((row.issue for row in self.rows), done)
        p = np.array([list(prediction.probabilities.values()) for prediction in said])
        if point.name == EXACT:
            with replaced(self.out / f"float32-{self.key}.npy") as partial, open(partial, "wb") as file:
                np.save(file, p)
        exact = self._exact()
        sets, exact_sets = p >= DEFAULT_THRESHOLD, exact >= DEFAULT_THRESHOLD
        truth, known = truth_and_known(self.rows, names)
        found = measure(names, truth, sets, p, known)
        del labeler
        return {
            "form": read_manifest(bundle).quantisation,
            "issues": len(self.rows),
            "same_sets": float((sets == exact_sets).all(1).mean()),
            "difference": float(np.abs(p - exact).mean()),
            "micro_f1": found["micro_f1"],
            "macro_f1": found["macro_f1"],
            "bytes": sum(path.stat().st_size for path in bundle.iterdir()),
            **self._times(bundle),
        }

    def _times(self, bundle: Path) -> dict[str, float]:
        from eval.speed.cold import cold_file

        labeler = Labeler(bundle)
        warm = [labeler.predict(row.issue).seconds for row in self.rows[:_WARM]]
        times = {"warm_seconds": statistics.median(warm)}
        if self.cold_runs:
            cold = cold_file(bundle, self.rows[0].issue, self.cold_runs)
            times |= {"cold_seconds": cold.seconds, "cold_megabytes": cold.megabytes}
        return times


def _append(path: Path, line: str) -> None:
    """Adds a line, apart from one that was cut off when the study was stopped."""
    with open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, 2)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode() + b"\n")


def _quantise_dynamically(exact: Path, bundle: Path) -> None:
    """Puts onnxruntime's own 8-bit form of a 32-bit decoder in place of a bundle's."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for path in bundle.glob("decoder*.bin"):
        path.unlink()
    quantize_dynamic(
        exact / "decoder.onnx",
        bundle / "decoder.onnx",
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},  # of what onnxruntime's own operators put out
    )
    (bundle / "prefix.safetensors").unlink()  # of another decoder; computed when it is asked for
    write_manifest(bundle, replace(read_manifest(bundle), quantisation=DYNAMIC))


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown, a row a point."""
    columns = ("form", "same label set", "mean difference of p", "micro-F1", "macro-F1", "MB", "cold s", "warm s")
    lines = []
    for row in results:
        micro, macro = (row[key][0] if row[key] else float("nan") for key in ("micro_f1", "macro_f1"))
        cold = f"{row['cold_seconds']:.2f}" if "cold_seconds" in row else "–"
        quality = (f"{100 * row['same_sets']:.1f} %", f"{row['difference']:.4f}", f"{micro:.3f}", f"{macro:.3f}")
        lines.append((row["point"], *quality, f"{row['bytes'] / 1e6:.1f}", cold, f"{row['warm_seconds']:.3f}"))
    return markdown_table(columns, lines, "lr") + "\n"


def write_study(out: Path, results: Sequence[dict[str, Any]]) -> None:
    """Writes table.md and table.json into the study's folder."""
    write_text(out / "table.md", table(results))
    write_text(out / "table.json", json.dumps(list(results), indent=1) + "\n")
