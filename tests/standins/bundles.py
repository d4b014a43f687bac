"""Bundles for tests of fetching: a true manifest, and files of any bytes. None can be loaded as a model."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import Manifest, Rope, Shape, write_manifest
from labeler.text.prompt import PROMPT_VERSION


def write_bundle(folder: Path, size: int = 300_000, seed: int = 0) -> Path:
    """Writes a bundle whose largest file, weights.bin, has `size` bytes that don't compress."""
    (folder / "extra").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(random.Random(seed).randbytes(size))
    (folder / "extra" / "small.json").write_bytes(b"{}")
    rope = Rope(10_000.0)
    manifest = Manifest(
        name="test",
        version=str(seed),
        base_model="none",
        prompt_version=PROMPT_VERSION,
        token_budget=64,
        describe=True,
        labels=LabelSet((Label("bug"),)),
        thresholds={"bug": 0.5},
        shape=Shape(8, 1, 1, 8, 16, 1.0, rope, rope),
        quantisation="float32",
    )
    write_manifest(folder, manifest)
    (folder / "README.md").write_bytes(b"# Card\n")  # beside the manifest, not listed in it
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def archive_of(files: dict[str, bytes], top: str = "") -> bytes:
    """A tar.gz with `files` under the folder `top`."""
    members = []
    for name, body in files.items():
        member = tarfile.TarInfo(f"{top}{name}")
        member.size = len(body)
        members.append((member, body))
    return archive(members)


def archive(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member, body in members:
            tar.addfile(member, io.BytesIO(body) if body else None)
    return buffer.getvalue()
