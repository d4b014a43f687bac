"""A tokenizer's files with fewer tokens: ids counted anew in the old order, merges and added tokens to match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labeler.errors import InputError
from training.vocabulary.keep import all_ids, read_merges


class Renumbering:
    """From old ids to new ones.

    Attributes:
        pieces: kept piece -> new id.
        lost: the added tokens that went.
    """

    def __init__(self, state: Mapping[str, Any], kept: np.ndarray) -> None:
        old = all_ids(state)
        self._new = {int(token): new for new, token in enumerate(kept)}
        self.pieces = {piece: self._new[token] for piece, token in old.items() if token in self._new}
        self.lost = {token["content"] for token in state["added_tokens"]} - self.pieces.keys()

    def tokenizer(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """tokenizer.json."""
        pieces, model = self.pieces, state["model"]
        vocab = sorted((pieces[piece], piece) for piece in model["vocab"] if piece in pieces)
        merges = [[a, b] for a, b in read_merges(state) if a in pieces and b in pieces and a + b in pieces]
        added = [
            token | {"id": pieces[token["content"]]} for token in state["added_tokens"] if token["content"] in pieces
        ]
        changed = {
            "model": model | {"vocab": {piece: token for token, piece in vocab}, "merges": merges},
            "added_tokens": added,
            "post_processor": self._template(state.get("post_processor")),
        }
        if padding := state.get("padding"):
            changed["padding"] = padding | {"pad_id": pieces[padding["pad_token"]]}
        return dict(state) | changed

    def tokenizer_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """tokenizer_config.json or special_tokens_map.json: what names a lost token goes, or it would be added anew."""
        decoder = settings.get("added_tokens_decoder")
        found: dict[str, Any] = self._without_lost({k: v for k, v in settings.items() if k != "added_tokens_decoder"})
        if decoder:
            new = {self.pieces[t["content"]]: t for t in decoder.values() if t["content"] in self.pieces}
            found["added_tokens_decoder"] = {str(token): new[token] for token in sorted(new)}
        return found

    def config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """config.json or generation_config.json: every *_token_id; without those of lost tokens."""
        found: dict[str, Any] = {}
        for key, value in config.items():
            if not key.endswith(("_token_id", "_token_index")) or value is None:
                found[key] = value
            elif isinstance(value, list):
                found[key] = [self._new[token] for token in value if token in self._new]
            elif value in self._new:
                found[key] = self._new[value]
        return found

    def _template(self, processor: Any) -> Any:
        if not isinstance(processor, Mapping):
            return processor
        found = dict(processor)
        if "processors" in found:
            found["processors"] = [self._template(one) for one in found["processors"]]
        if "special_tokens" in found:
            try:
                found["special_tokens"] = {
                    name: token | {"ids": [self._new[old] for old in token["ids"]]}
                    for name, token in found["special_tokens"].items()
                }
            except KeyError as error:
                what = f"The base's tokenizer puts token {error} around every text, which a smaller vocabulary lacks"
                raise InputError(what, "Keep its vocabulary whole.") from error
        return found

    def _without_lost(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._without_lost(item) for key, item in value.items() if not self._is_lost(item)}
        if isinstance(value, list):
            return [self._without_lost(item) for item in value if not self._is_lost(item)]
        return value

    def _is_lost(self, item: Any) -> bool:
        name = item.get("content") if isinstance(item, Mapping) else item
        return isinstance(name, str) and name in self.lost
