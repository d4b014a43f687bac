"""The bundle: the folder that is exported, published, cached and loaded.

bundle.json               the manifest (below): format, labels, thresholds, hashes of all other files
tokenizer.safetensors     compact tokenizer, or tokenizer.json where its kind isn't supported
embeddings.safetensors    rows (vocabulary x hidden): 4 or 8 bits with scales, or float32
(`labeler.model.decoder.Embeddings`) decoder.onnx              the transformer: embeddings in, hidden states out
decoder.bin, -1.bin, …    its weights, in files below the size that hosts of repositories refuse
scales.safetensors        what its weights' codes are multiplied by, where that is in half precision
prefix.safetensors        key/value cache of instruction and label list
README.md                 the model card
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from labeler.decision.abstain import Abstain
from labeler.errors import BundleError, NewerBundleError
from labeler.files import replaced
from labeler.labels.label_set import LabelSet
from labeler.model.calibration import Calibration
from labeler.text.prompt import PROMPT_VERSION

# 2 since bundles can carry a calibration, 3 since they can ask for plain text, 4 since weights can have other forms
# than 8 bits with scales in single precision, 5 since they can say which issues to leave alone. A reader that passed
# over such a field would set wrong labels and say nothing: it has to refuse. Without them a bundle is still written as
# 1, which every version reads.
FORMAT_VERSION = 5
_FIRST_FORMS = ("int8", "float32")  # of weights, before format 4
_WEIGHTS = re.compile(r"decoder\.onnx|decoder(?:-\d+)?\.bin|scales\.safetensors|embeddings\.safetensors")
MANIFEST = "bundle.json"
_FETCH_AGAIN = "Fetch or export the bundle again."


@dataclass(frozen=True)
class Rope:
    """Rotary position embedding of one kind of layer; `factor` divides positions (linear scaling)."""

    theta: float
    factor: float = 1.0


@dataclass(frozen=True)
class Shape:
    """What the engine must know of the decoder."""

    hidden_size: int
    layers: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    embedding_scale: float
    local_rope: Rope
    global_rope: Rope


@dataclass(frozen=True)
class Manifest:
    """`bundle.json`.

    Attributes:
        thresholds: label name -> (calibrated) probability from which the label is set.
        quantisation: "int8" or "float32"; since format 4 also what `training.quantise.quantisation.Quantisation` calls
        itself. provenance: free facts: data and its hash, settings, seed, date of making.
        metrics: free figures for the model card; never used in deciding.
        files: every other file's size in bytes and sha256, by name.
        plain_text: the model reads issues as `labeler.text.prompt.plain_text` makes them.
        calibration: applied to the model's probabilities before anything else sees them; None leaves them as they are.
        new_label_threshold: of labels that are none of the model's own, in a list of somebody's own; None: half.
        abstain: which issues are left alone, whatever the labels' probabilities; None: none is.
    """

    name: str
    version: str
    base_model: str
    prompt_version: int
    token_budget: int
    describe: bool
    labels: LabelSet
    thresholds: dict[str, float]
    shape: Shape
    quantisation: str
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    calibration: Calibration | None = None
    plain_text: bool = False
    new_label_threshold: float | None = None
    abstain: Abstain | None = None

    @property
    def format(self) -> int:
        """The oldest bundle format that can express this manifest."""
        if self.abstain is not None:
            return 5
        if self.half_prefixes or self.new_label_threshold is not None:
            return 4
        if self.plain_text:
            return 3
        return 1 if self.calibration is None else 2

    @property
    def half_prefixes(self) -> bool:
        """Whether key/value caches of label lists are kept in half precision, like the scales of the weights."""
        return self.quantisation not in _FIRST_FORMS

    @property
    def weights(self) -> dict[str, str]:
        """The sha256 of every file that the model's hidden states depend on, by name."""
        return {name: facts["sha256"] for name, facts in self.files.items() if _WEIGHTS.fullmatch(name)}


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hashes every file of the folder into the manifest and writes it, last of all."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {name: _facts(folder / name) for name in names if name != MANIFEST}
    document = {
        "format": manifest.format,
        "name": manifest.name,
        "version": manifest.version,
        "base_model": manifest.base_model,
        "prompt_version": manifest.prompt_version,
        "token_budget": manifest.token_budget,
        "describe": manifest.describe,
        "labels": manifest.labels.to_dicts(),
        "thresholds": manifest.thresholds,
        **({"calibration": manifest.calibration.to_dict()} if manifest.calibration else {}),
        **({"plain_text": True} if manifest.plain_text else {}),
        **({"new_label_threshold": manifest.new_label_threshold} if manifest.new_label_threshold is not None else {}),
        **({"abstain": manifest.abstain.to_dict()} if manifest.abstain else {}),
        "shape": {
            **{k: v for k, v in vars(manifest.shape).items() if not k.endswith("rope")},
            "local_rope": vars(manifest.shape.local_rope),
            "global_rope": vars(manifest.shape.global_rope),
        },
        "quantisation": manifest.quantisation,
        "provenance": manifest.provenance,
        "metrics": manifest.metrics,
        "files": files,
    }
    with replaced(folder / MANIFEST) as partial:
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return read_manifest(folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone; says nothing of the other files.

    Raises:
        BundleError: there is none, it cannot be read, or a newer version wrote it.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(f"{path}: missing", "A model is a folder with a bundle.json: check the path.")
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        known = (("format", "bundle format", FORMAT_VERSION), ("prompt_version", "prompt version", PROMPT_VERSION))
        for key, what, newest in known:
            if int(document[key]) > newest:
                raise NewerBundleError(
                    f"{path}: {what} {document[key]}, this version reads up to {newest}",
                    "Use a newer version of the labeller, or an older bundle.",
                )
        del document["format"]
        if "calibration" in document:
            document["calibration"] = Calibration.from_dict(document["calibration"])
        if "abstain" in document:
            document["abstain"] = Abstain.from_dict(document["abstain"])
        shape = document.pop("shape")
        shape |= {key: Rope(**shape[key]) for key in ("local_rope", "global_rope")}
        document["files"] = {
            name: {"size": int(f["size"]), "sha256": str(f["sha256"])} for name, f in document["files"].items()
        }
        labels = LabelSet.from_dicts(document.pop("labels"), str(path))
        return Manifest(labels=labels, shape=Shape(**shape), **document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path}: not a bundle manifest: {error!r}", _FETCH_AGAIN) from error


def verify(folder: Path) -> None:
    """Checks that every file of the bundle is there, whole and unchanged.

    Raises:
        BundleError: names the file and what is wrong with it.
    """
    verify_files(folder, read_manifest(folder).files)


def verify_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """`verify`, for a manifest's `files` already read."""
    for name, facts in files.items():
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name or ":" in name:
            raise BundleError(f"{folder / MANIFEST}: file name {name!r} leaves the bundle", "Do not use this bundle.")
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing", _FETCH_AGAIN)
        if (size := path.stat().st_size) != facts["size"]:
            raise BundleError(f"{path}: {size} bytes instead of {facts['size']}", _FETCH_AGAIN)
    with ThreadPoolExecutor(2) as threads:  # hashing releases the interpreter lock
        for name, found in zip(files, threads.map(lambda name: sha256(folder / name), files), strict=True):
            if found != files[name]["sha256"]:
                raise BundleError(f"{folder / name}: sha256 differs from the manifest's", _FETCH_AGAIN)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _facts(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}
