"""A small base of Gemma's structure with all that a vocabulary holds, and the same with fewer tokens."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from eval.speed.gemma_tokenizer import train_tokenizer
from eval.speed.shapes import write_random_checkpoint
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.issue import Issue
from labeler.text.prompt import Renderer
from tests.models import LABELS, TEXT, tiny_config
from training.model.base import Base
from training.vocabulary.counts import Counts, write_counts
from training.vocabulary.keep import all_ids
from training.vocabulary.trimming import trimmed

GERMAN = "Beim Speichern der Datei stürzt das Programm ab. Bitte ergänzt eine Einstellung für das dunkle Design. "
RUSSIAN = "Программа падает при сохранении файла. Как настроить сборку проекта? "
SIZE = 440
ISSUE = Issue("crash on save", "The application crashes when I click save in the menu.\n\n<h1>steps</h1>")


@cache
def whole_json() -> str:
    """As Gemma's: a reserved token below all others, tags and line ends added, one of images above the embeddings."""
    state: dict[str, Any] = json.loads(train_tokenizer([TEXT, GERMAN, RUSSIAN] * 3, 700).to_str())
    model, added = state["model"], state["added_tokens"]
    pieces = ["<unused0>", *model["vocab"], "\n", "\n\n", "<h1>", "<start_of_image>", "<image_soft_token>"]
    model["vocab"] = {piece: token for token, piece in enumerate(pieces)}
    plain = [p for p in pieces if p.startswith(("<unused", "\n", "<h1", "<start_of_im", "<image"))]
    added += [dict(added[0], content=piece, special="image" in piece, normalized=False) for piece in plain]
    state["added_tokens"] = sorted(
        (token | {"id": model["vocab"][token["content"]]} for token in added), key=lambda token: token["id"]
    )
    bos = {"id": "<bos>", "ids": [model["vocab"]["<bos>"]], "tokens": ["<bos>"]}
    single = [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    state["post_processor"] = {
        "type": "TemplateProcessing", "single": single, "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<bos>": bos},
    }  # fmt: skip
    return json.dumps(state, ensure_ascii=False)


def order(*texts: str) -> list[str]:
    """Pieces of the whole tokenizer, those of the texts first."""
    library = Tokenizer.from_str(whole_json())
    used = Counter(piece for text in texts for piece in library.encode(text, add_special_tokens=False).tokens)
    rest = [piece for piece in json.loads(whole_json())["model"]["vocab"] if piece not in used]
    return [piece for piece, _ in used.most_common()] + rest[::-1]


def write_whole(folder: Path, **changes: Any) -> Base:
    """A checkpoint one row short of its tokenizer, as Gemma 3's text models are published."""
    ids = all_ids(json.loads(whole_json()))
    tokens = {f"{kind}_token_id": ids[f"<{kind}>"] for kind in ("bos", "pad")} | {
        "eos_token_id": [ids["<eos>"], ids["<end_of_turn>"]]
    }
    config = tiny_config(vocab_size=len(ids) - 1, boi_token_index=ids["<start_of_image>"], **tokens, **changes)
    write_random_checkpoint(folder, config, whole_json(), dtype="bfloat16")
    decoder = {
        str(token): {"content": piece}
        for piece, token in ids.items()
        if piece.startswith("<unused") or piece == "<bos>"
    }
    extra = {
        "bos_token": "<bos>",
        "boi_token": "<start_of_image>",
        "extra": ["<h1>", {"content": "<image_soft_token>"}],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(extra | {"added_tokens_decoder": decoder}))
    (folder / "generation_config.json").write_text(json.dumps(tokens | {"top_k": 64}))
    (folder / "README.md").write_text("---\nlicense: gemma\n---\n")
    (folder / "tokenizer.model").write_text("the whole vocabulary")
    return Base("owner/name", "abc", str(folder))


def write_order(path: Path, *texts: str) -> Path:
    pieces = order(*texts)
    write_counts(path, Counts(tuple(pieces), tuple(range(len(pieces), 0, -1))))
    return path


def write_both(folder: Path) -> tuple[Base, Base]:
    """A whole base, and the same with fewer tokens: those of the prompt for `ISSUE` and `LABELS` among them."""
    whole = write_whole(folder / "whole")
    renderer, library = Renderer(LibraryTokenizer(whole.tokenizer)), Tokenizer.from_file(str(whole.tokenizer))
    prompt = library.decode([*renderer.prefix(LABELS), *renderer.issue(ISSUE)], skip_special_tokens=False)
    answers = [f"{label.name}, {label.name}" for label in LABELS]
    return whole, trimmed(whole, SIZE, write_order(folder / "counts.xz", prompt, *answers), folder / "smaller")
