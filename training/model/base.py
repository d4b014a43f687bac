"""The base model of a run: a folder, a GGUF file or a repository of the Hub, as a checkpoint of a text model."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labeler.base.claim import claim
from labeler.errors import InputError
from labeler.model.bundle import MANIFEST, read_manifest, sha256
from training.model.checkpoint import Config, read_config
from training.model.download import download
from training.model.exportable import check_exportable

_WANTED = ("*.safetensors", "*.json", "tokenizer.model", "decoder.onnx", "decoder*.bin", "README.md", "NOTICE")
_HUB = re.compile(r"([\w.-]+/[\w.-]+)(?:@([^@]+))?")
_HUB_GGUF = re.compile(r"([\w.-]+/[\w.-]+)@([^@/]+)/([^@]+\.gguf)", re.IGNORECASE)
_ORIGIN = "origin.txt"  # beside a converted base: what it was made from


@dataclass(frozen=True)
class Base:
    """What is tuned.

    Attributes:
        name: the Hub's "owner/name", or the folder or file as it was given.
        revision: the Hub's commit; empty for what is on this disk.
        path: the folder with config.json, tokenizer.json and the weights of a text model.
        plain_text: it is a bundle whose model reads issues as `labeler.text.prompt.plain_text` makes them.
        file: the GGUF file's path in the Hub's repository; empty where the repository is the base.
    """

    name: str
    revision: str
    path: str
    plain_text: bool = False
    file: str = ""

    @property
    def config(self) -> Config:
        return read_config(Path(self.path))

    @property
    def tokenizer(self) -> Path:
        return Path(self.path) / "tokenizer.json"

    @property
    def reference(self) -> str:
        """What `find_base` takes to find this very base on the Hub; the name alone for what is on this disk."""
        pinned = f"{self.name}@{self.revision}" if self.revision else self.name
        return f"{pinned}/{self.file}" if self.file else pinned


def find_base(given: str, converted: Path) -> Base:
    """The base that `given` names; whatever could make its export fail is looked at here.

    Args:
        given: a folder, the path of a GGUF file, "owner/name" or "owner/name@revision" of the Hub, or
            "owner/name@revision/file.gguf" there.
        converted: where a checkpoint is written, once: of a GGUF file, of a bundle, or of the text part of a model that
            also reads images.

    Raises:
        InputError: it is no Gemma 3 model that can be exported, and no bundle.
        BundleError: it is a damaged bundle.
        DownloadError: the Hub does not give it.
    """
    name, revision, file = given, "", ""
    path = Path(given)
    if not path.is_dir() and not (path.is_file() and _is_gguf(path)):
        name, wanted, file = _parse(given)
        path = download(name, wanted, _gguf_files(file) if file else _WANTED)
        revision, path = path.name, path / file
        if file and not path.is_file():
            raise InputError(f"{given}: {name} holds no {file}", "See the files of the repository on the Hub.")
    plain_text = False
    if path.is_file():
        from training.gguf.conversion import convert, source_of

        path = _convert(path, converted, source_of(path), convert)
    elif (path / MANIFEST).is_file():
        from training.model.unpack import unpack

        plain_text = read_manifest(path).plain_text
        path = _convert(path, converted, f"{path.resolve()} ({sha256(path / MANIFEST)[:12]})", unpack)
    for needed in ("config.json", "tokenizer.json"):
        if not (path / needed).is_file():
            remedy = "A base is a folder saved by save_pretrained, a GGUF file, a bundle's folder, or one on the Hub."
            if (path / "adapter_config.json").is_file():
                remedy = "It looks like an adapter: merge it into its base first."
            raise InputError(f"{path / needed}: missing", remedy)
    read_config(path)
    from training.model.text_part import needs_text_part, write_text_part

    if needs_text_part(path):
        path = _convert(path, converted, str(path.resolve()), write_text_part)
    check_exportable(path)
    return Base(name, revision, str(path.resolve()), plain_text, file)


def _convert(source: Path, out: Path, origin: str, write: Callable[[Path, Path], object]) -> Path:
    """Writes the checkpoint into `out` unless it is there; InputError where `out` holds what was made of another."""
    claim(out / _ORIGIN, origin)
    if not (out / "config.json").is_file():
        write(source, out)
    return out


def _parse(given: str) -> tuple[str, str, str]:
    """(owner/name, revision or "", GGUF file in it or "")."""
    if match := _HUB_GGUF.fullmatch(given):
        return match[1], match[2], match[3]
    if _is_gguf(Path(given)):
        remedy = "Give the path of a GGUF file, or owner/name@revision/file.gguf of one on the Hub."
        raise InputError(f"{given}: no such file", remedy)
    if match := _HUB.fullmatch(given):
        return match[1], match[2] or "", ""
    raise InputError(f"{given}: no such folder", "Give a folder, a GGUF file, or owner/name of a model on the Hub.")


def _is_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf"


def _gguf_files(file: str) -> tuple[str, ...]:
    """The file and what may lie beside it, as names within the repository."""
    return file, str(Path(file).with_name("tokenizer.json"))
