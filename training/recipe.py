"""A recipe: the TOML file that says how a model is made from nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labeler.errors import InputError

SECTIONS = ("tokenizer", "model", "pretrain", "dataset")


def read_recipe(path: Path, sections: Sequence[str] = SECTIONS) -> dict[str, Any]:
    """The recipe with at least those sections.

    Raises:
        InputError: there is no such file, it is no TOML, or a section is missing.
    """
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Recipes lie in training/recipes.") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}", "Mend it at that line.") from error
    missing = [section for section in (*sections, "seed") if section not in recipe]
    if missing:
        raise InputError(f"{path}: no {', '.join(missing)}", "Compare it with training/recipes/starter.toml.")
    return recipe
