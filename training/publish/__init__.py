"""Publishing a bundle: a commit on the Hugging Face Hub, or the asset of a GitHub release.

What is printed as a pin has been fetched back by the labeller's own code and compared; all before that can be repeated,
and sends nothing twice.
"""

from __future__ import annotations

import re

from labeler.errors import UsageError
from labeler.fetch.hub import parse
from labeler.fetch.hub_upload import check_name
from labeler.fetch.release import ReleaseReference
from training.publish.content import Content, Plan, Published, read_content
from training.publish.hub import HubTarget
from training.publish.release import ReleaseTarget

__all__ = ["FORMS", "Content", "HubTarget", "Plan", "Published", "ReleaseTarget", "parse_target", "read_content"]

FORMS = """Accepted are:
  owner/name                           a model repository on the Hugging Face Hub, made if missing
  github:owner/repo@tag                an asset NAME.tar.gz of a GitHub release, which is made if missing
  github:owner/repo@tag/asset.tar.gz   the same under another name"""
_ARCHIVES = (".tar.gz", ".tgz")


def parse_target(text: str, name: str) -> HubTarget | ReleaseTarget:
    """Where to publish. `name`: the bundle's, for an asset that is not named. Raises UsageError with FORMS."""
    text = text.strip()
    if not text.startswith("github:"):
        if "@" in text:
            raise UsageError(f"--to {text!r}: a commit is what publishing makes; it goes to the branch main", FORMS)
        return HubTarget(check_name(text))
    if "#sha256=" in text:
        raise UsageError(f"--to {text!r}: the sha256 is what publishing prints", FORMS)
    whole = text if text.endswith(_ARCHIVES) and "/" in text.partition("@")[2] else f"{text}/{_file_name(name)}.tar.gz"
    try:
        reference = parse(whole)
    except UsageError as error:
        raise UsageError(f"--to {text!r}: not github:owner/repo@tag", FORMS) from error
    assert isinstance(reference, ReleaseReference)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", reference.asset):
        raise UsageError(f"--to {text!r}: GitHub would rename {reference.asset}", "Use letters, digits, - _ and dots.")
    return ReleaseTarget(reference)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "bundle"
