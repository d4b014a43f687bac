"""The entry of GitHub's cache that a run of the action restores and its warm-up saves: the bundle, and the key/value
cache of a label list of one's own.

An entry can never be replaced, so its key names all that its content depends on: the pin of the model or the manifest
of a bundle that is there already, and for a list of one's own the bytes of its file and the code that makes a prompt
of it.
What is restored is looked up by its own content again (`labeler.model.prefix`): a wrong entry would cost time, nothing
else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from labeler.base.code_hash import code_hash
from labeler.config import CACHE_PATH, STARTER, cache_plan

_PACKAGE = Path(__file__).parents[1]
_MANIFEST = "bundle.json"


@dataclass(frozen=True)
class CacheEntry:
    """Inputs of actions/cache; all empty where there is nothing to be cached.

    Attributes:
        fallback: a beginning of other entries' keys that hold the same bundle with another list; or empty.
    """

    key: str = ""
    path: str = ""
    fallback: str = ""


def cache_entry(model: str, system: str, labels: Path | None) -> CacheEntry:
    """What is cached for a model, as the action resolves it, with the model's own labels or with those of a file.

    Args:
        system: the runner's, RUNNER_OS.
        labels: a labels.yml; one that is not there counts as none, since labelling will say so.
    """
    key, path = cache_plan(model, system)
    if labels is None or not labels.is_file():
        return CacheEntry(key, path)
    bundle = (_PACKAGE / "starter" if model == STARTER else Path(model)) / _MANIFEST
    if not key and not bundle.is_file():
        return CacheEntry()  # a model that moves, such as a branch
    digest = hashlib.sha256(labels.read_bytes())
    digest.update(code_hash("labeler").encode())  # it decides which tokens a list becomes, and how their cache is kept
    if key:
        return CacheEntry(f"{key}-{digest.hexdigest()[:40]}", path, fallback=key)
    digest.update(bundle.read_bytes())
    return CacheEntry(f"issue-labeler-{system}-labels-{digest.hexdigest()[:40]}", CACHE_PATH)
