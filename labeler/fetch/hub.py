"""From the word that names a model to a verified folder on this disk: fetched once, then without any request."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from pathlib import Path

from labeler.errors import UsageError
from labeler.fetch.cache import Cache, Verify, Warn
from labeler.fetch.download import Progress, UnreachableError, Wait, opened
from labeler.fetch.huggingface import Hub, HubReference
from labeler.fetch.release import ReleaseReference, fetch_release
from labeler.model import bundle

STARTER = "starter"
FORMS = """Accepted are:
  starter                                          the bundle that comes with the labeller
  path/to/folder                                   the folder of a bundle
  owner/name@<40-digit commit>                     a model repository on the Hugging Face Hub
  owner/name@branch, owner/name                    the same, not pinned: it may change under you
  github:owner/repo@tag/asset.tar.gz               a GitHub release asset
  github:owner/repo@tag/asset.tar.gz#sha256=<hex>  the same, its content pinned"""
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REVISION = r"[^\s\x00-\x1f\x7f@~^:?*\[\\#]+"
_HUB = re.compile(rf"({_NAME}/{_NAME})(?:@({_REVISION}))?")
_RELEASE = re.compile(
    rf"github:({_NAME})/([A-Za-z0-9._-]+)@({_REVISION})/([^/\s#]+\.(?:tar\.gz|tgz))(?:#sha256=([0-9a-fA-F]{{64}}))?"
)


def to_stderr(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def resolve(
    model: str,
    *,
    cache: Path,
    starter: Path,
    offline: bool = False,
    github_token: str = "",
    hub_token: str = "",
    github_api_url: str = "https://api.github.com",
    hub_url: str = "",
    warn: Warn = to_stderr,
    progress: Progress | None = None,
    verify: Verify = bundle.verify,
    wait: Wait = time.sleep,
) -> Path:
    """The folder of the verified bundle that `model` names (see FORMS).

    Args:
        cache: folder for downloaded bundles; made where missing.
        starter: what the word `starter` stands for.
        hub_url: "" for huggingface_hub's own setting.
        progress: called with the bytes done and the bytes in all, where known.
        wait: seconds to wait before another try.

    Raises:
        UsageError: `model` has none of the accepted forms, or names a folder that is not there.
        BundleError: what was found or fetched is not a whole bundle.
        DownloadError: it could not be fetched.
    """
    model = model.strip()
    folder = starter if model == STARTER else Path(os.path.expanduser(model))
    if model == STARTER or (model and os.path.isdir(folder)):
        verify(folder)
        return folder
    reference = parse(model)
    store = Cache(cache, verify, warn)
    hub = Hub(hub_url, hub_token, wait)
    if isinstance(reference, HubReference) and not reference.pinned:
        try:
            reference = _latest(reference, store, hub, offline)
        except UnreachableError as error:  # offline included
            return _earlier(reference, store, error, offline)
    entry = store.find(key_of(reference))
    if entry is not None:
        return entry
    if offline:
        raise _not_cached(str(reference), cache)

    def fetch(work: Path) -> Path:
        with opened(wait) as http:
            if isinstance(reference, ReleaseReference):
                return fetch_release(reference, work, http, github_token, github_api_url, progress)
            return hub.fetch(reference, work, http, progress)

    return store.fill(key_of(reference), fetch)


def parse(model: str) -> HubReference | ReleaseReference:
    """What is to be fetched. Raises UsageError with the accepted forms."""
    if match := _RELEASE.fullmatch(model):
        owner, repo, tag, asset, digest = match.groups()
        return ReleaseReference(owner, repo, tag, asset, (digest or "").lower())
    if match := _HUB.fullmatch(model):
        revision = match[2] or "main"
        return HubReference(match[1], revision.lower() if re.fullmatch(r"[0-9a-fA-F]{40}", revision) else revision)
    if model.startswith("github:"):
        what = f"model {model!r}: not github:owner/repo@tag/asset.tar.gz, optionally with #sha256=<64 hex digits>"
    elif os.path.isfile(model):
        what = f"model {model!r}: a file; the folder of a bundle is wanted"
    elif not model:
        what = "model: empty"
    else:
        what = f"model {model!r}: there is no such folder, and it has no other accepted form"
    raise UsageError(what, FORMS)


def key_of(reference: HubReference | ReleaseReference) -> str:
    """The name of the cache entry: equal for equal pins, and fit for a file name."""
    if isinstance(reference, HubReference):
        return f"hf-{reference.repository.replace('/', '--')}-{reference.revision}"
    readable = f"gh-{reference.owner}--{reference.repo}-{reference.tag}-{reference.asset}"
    digest = reference.sha256 or hashlib.sha256(str(reference).encode()).hexdigest()[:12]
    return f"{_file_name(readable)}-{digest}"


def _latest(reference: HubReference, store: Cache, hub: Hub, offline: bool) -> HubReference:
    if offline:
        raise _not_cached(str(reference), store.folder)
    commit = hub.commit(reference)
    store.note_commit(_ref(reference), commit)
    pin = HubReference(reference.repository, commit)
    store.warn(f"{reference} is not pinned: what it stands for may change. To keep this version, use {pin}")
    return pin


def _earlier(reference: HubReference, store: Cache, error: UnreachableError, offline: bool) -> Path:
    """The entry that the branch or tag last stood for; `error` is raised where there is none."""
    commit = store.commit_of(_ref(reference))
    pin = HubReference(reference.repository, commit)
    entry = store.find(key_of(pin)) if pin.pinned else None
    if entry is None:
        raise error
    reason = "offline" if offline else error.what
    store.warn(f"{reference} is not pinned and could not be looked up ({reason}). Using the version last seen, {pin}")
    return entry


def _not_cached(model: str, cache: Path) -> UnreachableError:
    return UnreachableError(
        f"{model}: no whole copy of it in the cache ({cache}), and offline is set",
        "Run once with a connection (the cache warm-up workflow does), or give the folder of a bundle as the model.",
    )


def _ref(reference: HubReference) -> str:
    digest = hashlib.sha256(str(reference).encode()).hexdigest()[:12]
    return f"{_file_name('hf-' + str(reference))}-{digest}"


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text.replace("/", "--"))[:100]
