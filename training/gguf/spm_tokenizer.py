"""Gemma's tokenizer from the tokens and scores of a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, processors

from eval.speed.gemma_tokenizer import BYTE_TOKENS, like_gemma
from labeler.errors import InputError
from labeler.model.tokenizer import CONTROL_NAMES, SPACE

_CONTROL, _DEFINED, _BYTE = 3, 4, 6  # llama.cpp's types of tokens
# The special ones of Gemma 3's own tokenizer.json; <mask> and the reserved tokens are added ones, but not special.
_SPECIAL = (*CONTROL_NAMES, "<start_of_image>", "<end_of_image>")


def rebuilt_tokenizer(path: Path, fields: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of which `fields` holds the tokens: equal to the published tokenizer.json, its image token apart.

    SentencePiece stores no merges. A piece can be merged from any two pieces that join to it, the earlier the higher
    its score, and of one piece's pairs the one with the longer left part first: so transformers'
    `convert_slow_tokenizer.generate_merges` has it. Pieces that were defined by hand (runs of spaces, tabs and
    newlines) come before all others.

    Raises:
        InputError: its tokenizer is of another kind.
    """
    tokens, scores, kinds = (fields.get(f"tokenizer.ggml.{name}", ()) for name in ("tokens", "scores", "token_type"))
    pieces = [
        piece.replace(" ", SPACE) if kind == _DEFINED else piece for piece, kind in zip(tokens, kinds, strict=False)
    ]
    vocab = {piece: token for token, piece in enumerate(pieces)}
    is_gemmas = (
        fields.get("tokenizer.ggml.model") == "llama"
        and fields.get("tokenizer.ggml.add_space_prefix") is False
        and not len(fields.get("tokenizer.ggml.precompiled_charsmap", ()))
        and len(tokens) == len(scores) == len(kinds) == len(vocab)
        and not {*BYTE_TOKENS, *CONTROL_NAMES} - vocab.keys()
    )
    if not is_gemmas:
        remedy = f"Put the model's own tokenizer.json beside it, in {path.parent}."
        raise InputError(f"{path}: holds no tokenizer of Gemma's kind", remedy)
    ranked = []
    for piece, kind, score in zip(pieces, kinds.tolist(), scores.tolist(), strict=True):
        if kind in (_CONTROL, _BYTE):
            continue
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocab and right in vocab:
                ranked.append((0.0 if kind == _DEFINED else -score, -cut, -len(right), left, right))
    ranked.sort(key=lambda merge: merge[:3])
    tokenizer = like_gemma(vocab, [merge[3:] for merge in ranked], [name for name in _SPECIAL if name in vocab])
    added = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind in (_CONTROL, _DEFINED)]
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in added if piece not in _SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", vocab["<bos>"])]
    )
    return tokenizer
