"""Everything of a base that could make its export fail, looked at before hours go into tuning it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from labeler.data.textfile import one_line
from labeler.errors import BundleError, InputError
from labeler.model.tokenizer import LIBRARY_NAME, LibraryTokenizer
from training.model.checkpoint import EMBEDDINGS, Config, Weights, read_config


def check_exportable(folder: Path) -> None:
    """Reads the settings, the shape of every tensor and the tokenizer.

    Raises:
        InputError: a setting cannot be honoured, a tensor is missing or of another shape, or text could become a
            token that has no embedding.
        BundleError: a file is cut short, or the tokenizer lacks a control token.
    """
    config, weights = read_config(folder), Weights(folder)
    for name, shape in tensor_shapes(config):
        if (found := weights.shape(name)) != shape:
            raise InputError(
                f"{folder}: {name} is {_by(found)}, config.json asks for {_by(shape)}",
                "The two are of different models: download or save the checkpoint again.",
            )
    if (size := _read_tokenizer(folder / LIBRARY_NAME).vocab_size) > config.vocab_size:
        what = f"{folder}: text can become token {size - 1:,}, the embeddings have {config.vocab_size:,} rows"
        raise InputError(what, "The tokenizer is another model's: put the base's own in its place.")


def tensor_shapes(config: Config) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name within the text model, shape) of every tensor that the graph is made of."""
    hidden, inner = config.hidden_size, config.intermediate_size
    q_size, kv_size = config.heads * config.head_dim, config.kv_heads * config.head_dim
    yield EMBEDDINGS, (config.vocab_size, hidden)
    for layer in range(config.layers):
        at = f"layers.{layer}."
        for place in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
            yield f"{at}{place}_layernorm.weight", (hidden,)
        for part, size in (("q", q_size), ("k", kv_size), ("v", kv_size)):
            yield f"{at}self_attn.{part}_proj.weight", (size, hidden)
        yield f"{at}self_attn.o_proj.weight", (hidden, q_size)
        for part in "qk":
            yield f"{at}self_attn.{part}_norm.weight", (config.head_dim,)
        for part in ("gate", "up"):
            yield f"{at}mlp.{part}_proj.weight", (inner, hidden)
        yield f"{at}mlp.down_proj.weight", (hidden, inner)
    yield "norm.weight", (hidden,)


def _read_tokenizer(path: Path) -> LibraryTokenizer:
    try:
        return LibraryTokenizer(path)
    except BundleError:
        raise
    except Exception as error:  # the tokenizers library raises nothing narrower
        remedy = "Take the tokenizer.json that was published with the model."
        raise InputError(f"{path}: no tokenizer: {one_line(str(error))}", remedy) from error


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
