"""The language model of a Gemma 3 that also reads images as a checkpoint of its own, without torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from labeler.files import write_text
from labeler.model.tensors import write_tensors
from training.model.checkpoint import Weights
from training.model.config_keys import read_document
from training.model.licence import licence_of, write_licence
from training.model.merge import TOKENIZER_FILES, text_config

INDEX = "model.safetensors.index.json"


def needs_text_part(folder: Path) -> bool:
    """Whether transformers would load more than the text model, or an output layer apart from the embeddings.

    The latter may hold the same numbers as the embeddings; tuned as two matrices they would part.
    """
    document = read_document(folder / "config.json")
    return "text_config" in document or document.get("tie_word_embeddings") is False


def write_text_part(folder: Path, out: Path) -> None:
    """Writes the checkpoint into the folder `out`, config.json last, since its presence says that all is there.

    Numbers keep their precision. They are read from the disk as they are written.

    Raises:
        InputError: `folder` holds no such model, or an output layer of its own.
    """
    weights = Weights(folder)
    config = text_config(folder, weights)
    out.mkdir(parents=True, exist_ok=True)
    where: dict[str, str] = {}
    for file, names in weights.files():
        if names:
            tensors = {f"model.{short}": file[name] for name, short in names.items() if weights.shape(short)}
            write_tensors(out / file.path.name, tensors, bfloat16=True)
            where |= dict.fromkeys(tensors, file.path.name)
    write_text(out / INDEX, json.dumps({"metadata": {}, "weight_map": where}))
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    write_licence(out, licence_of(folder.name, folder))
    write_text(out / "config.json", json.dumps(config, indent=2) + "\n")
