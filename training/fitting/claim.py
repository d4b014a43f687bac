"""What a folder is for, written down before anything else in it: a later command must not go on with something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.files import write_text


def claim(path: Path, settings: Mapping[str, Any]) -> None:
    """Writes `settings` to `path`. Raises InputError where that file holds others, and names them."""
    wanted = json.loads(json.dumps(settings))
    if path.exists():
        there = json.loads(path.read_bytes())
        other = [key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key)]
        if other:
            what = f"{path.parent}: holds a run with another {', '.join(sorted(other))}"
            raise InputError(what, "Give the same as then to go on with it, or another --out.")
    write_text(path, json.dumps(wanted, indent=1) + "\n", parents=True)
