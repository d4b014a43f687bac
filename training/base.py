"""The base model of a run: a folder or a repository of the Hub; a bundle, or one that also reads images, converted."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labeler.bundle import MANIFEST, read_manifest, sha256
from labeler.config import environment, read_machine
from labeler.errors import DownloadError, InputError
from labeler.files import write_text
from labeler.textfile import one_line
from training.checkpoint import Config, Weights, read_config

_WANTED = ("*.safetensors", "*.json", "tokenizer.model", "decoder.onnx", "decoder*.bin", "README.md", "NOTICE")
_TEXT = re.compile(r"(?:model\.)?language_model\.(?:model\.)?(?=embed_tokens|layers|norm)")
_ORIGIN = "origin.txt"  # beside a converted base: what it was made from
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model")


@dataclass(frozen=True)
class Base:
    """What is tuned.

    Attributes:
        name: the Hub's "owner/name", or the folder as it was given.
        revision: the Hub's commit; empty for a folder.
        path: the folder with config.json, tokenizer.json and the weights of a text model.
        plain_text: it is a bundle whose model reads issues as `labeler.prompt.plain_text` makes them.
    """

    name: str
    revision: str
    path: str
    plain_text: bool = False

    @property
    def config(self) -> Config:
        return read_config(Path(self.path))

    @property
    def tokenizer(self) -> Path:
        return Path(self.path) / "tokenizer.json"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def find_base(given: str, converted: Path) -> Base:
    """The base that `given` names: a folder, "owner/name" or "owner/name@revision" of the Hub.

    Args:
        converted: where the text part of a model that also reads images is written, or the weights of a bundle; once.

    Raises:
        InputError: it is no Gemma 3 model in Hugging Face form, and no bundle.
        BundleError: it is a damaged bundle.
        DownloadError: the Hub does not give it.
    """
    folder = Path(given)
    name, revision = given, ""
    if not folder.is_dir():
        name, _, wanted = given.partition("@")
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise InputError(f"{given}: no such folder", "Give a folder, or owner/name of a model on the Hub.")
        folder = _download(name, wanted)
        revision = folder.name
    plain_text = False
    if (folder / MANIFEST).is_file():
        from training.unpack import unpack

        if not _is_there(converted, f"{folder.resolve()} ({sha256(folder / MANIFEST)[:12]})"):
            unpack(folder, converted)
        plain_text = read_manifest(folder).plain_text
        folder = converted
    for file in ("config.json", "tokenizer.json"):
        if not (folder / file).is_file():
            remedy = "A base is a folder saved by save_pretrained, a bundle's folder, or either on the Hub."
            raise InputError(f"{folder / file}: missing", remedy)
    config = json.loads((folder / "config.json").read_bytes())
    if "quantization_config" in config:
        remedy = "Give the 16-bit model that it was made from; quantise_base=4bit quantises it."
        raise InputError(f"{given}: quantised already", remedy)
    if "text_config" in config:
        folder = text_part(folder, converted)
    base = Base(name, revision, str(folder.resolve()), plain_text)
    _ = base.config  # refuses what cannot be exported before hours go into tuning it
    return base


def text_part(folder: Path, out: Path) -> Path:
    """Writes the language model of a Gemma 3 that also reads images as a checkpoint of its own; returns `out`.

    One file of weights is in memory at a time. Done already, nothing is written.

    Raises:
        InputError: it holds no such model, or `out` holds that of another folder.
    """
    if _is_there(out, str(folder.resolve())):
        return out
    from safetensors import safe_open
    from safetensors.torch import save_file

    from training.merge import text_config

    where: dict[str, str] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            names = {name: _TEXT.sub("model.", name) for name in tensors.keys() if _TEXT.match(name)}  # noqa: SIM118
            if names:
                save_file({new: tensors.get_tensor(name) for name, new in names.items()}, out / file.name)
                where |= dict.fromkeys(names.values(), file.name)
    if not where:
        raise InputError(f"{folder}: no language model among its weights", "Use a Gemma 3 checkpoint.")
    index = {"metadata": {}, "weight_map": where}
    (out / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    for name in _TOKENIZER:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    # Last, since its presence says that all is there.
    write_text(out / "config.json", json.dumps(text_config(folder, Weights(out)) | {"model_type": "gemma3_text"}))
    return out


def _is_there(out: Path, source: str) -> bool:
    """Whether `out` holds already what is made of `source`; if not, it is claimed for that.

    Raises:
        InputError: it holds what was made of something else.
    """
    origin = out / _ORIGIN
    if origin.is_file() and (there := origin.read_text(encoding="utf-8")) != source:
        raise InputError(f"{out}: holds the language model of {there}", "Give another --out.")
    out.mkdir(parents=True, exist_ok=True)
    write_text(origin, source)
    return (out / "config.json").is_file()


def _download(name: str, revision: str) -> Path:
    """The Hub's snapshot in its own cache; its folder is named by the commit."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    machine = read_machine(environment())
    try:
        folder = snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=list(_WANTED),
            endpoint=machine.hub_endpoint,
            token=machine.hub_token or None,
        )
    except LocalEntryNotFoundError as error:
        remedy = "Check the network and HF_ENDPOINT, or give a folder."
        raise DownloadError(f"{name}: the Hub cannot be reached and no copy is in the cache", remedy) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        remedy = "Check the name; for a gated model accept its terms on the Hub and set HF_TOKEN."
        raise DownloadError(f"{name}: the Hub refuses it ({status})", remedy) from error
    except (OSError, ValueError) as error:
        raise DownloadError(f"{name}: {one_line(str(error))}", "Run it again: what is there is kept.") from error
    return Path(folder)
