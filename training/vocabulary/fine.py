"""Which tokens' embeddings a bundle holds in 8 bits where the others are in 4: those that text is made of."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from labeler.errors import InputError
from training.vocabulary.counts import Counts, read_counts
from training.vocabulary.keep import all_ids, always_kept


def fine_tokens(tokenizer: Path, count: int, counts: Counts | None = None) -> list[int]:
    """The `count` most used tokens, and with them those that every vocabulary keeps: control tokens, tags, bytes.

    Args:
        tokenizer: a tokenizer.json, whole or cut down.
        counts: by default those that ship; pieces that the tokenizer lacks are passed over.

    Returns:
        Token ids, ascending; none at all for a count of 0.

    Raises:
        InputError: there is no such file.
    """
    if not count:
        return []
    try:
        state = json.loads(tokenizer.read_bytes())
        ids = all_ids(state)
        always = {ids[piece] for piece in always_kept(state) if piece in ids}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{tokenizer}: no tokenizer.json: {error!r}", "Give that of the base.") from error
    used = (ids[piece] for piece in (counts or read_counts()).pieces if piece in ids)
    return sorted(always | set(islice(used, count)))
