"""A recipe: the TOML file that says how a model is made from nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from labeler.errors import InputError

SECTIONS = ("tokenizer", "model", "pretrain", "tune")


def read_recipe(path: Path) -> dict[str, Any]:
    """The recipe with all its sections.

    Raises:
        InputError: there is no such file, it is no TOML, or a section is missing.
    """
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Recipes lie in training/recipes.") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}", "Mend it at that line.") from error
    missing = [section for section in (*SECTIONS, "seed") if section not in recipe]
    if missing:
        raise InputError(f"{path}: no {', '.join(missing)}", "Compare it with training/recipes/starter.toml.")
    return recipe
