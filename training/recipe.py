"""A recipe: the TOML file that says how a model is made from nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labeler.errors import InputError

SECTIONS = ("tokenizer", "model", "pretrain", "dataset")
_NEEDED = {
    "tokenizer": ("vocab_size", "sample_characters"),
    "model": ("head_dim",),
    "pretrain": ("tokens",),
    "dataset": ("labels", "cap", "commits_a_label", "validation_rows"),
}


def read_recipe(path: Path, sections: Sequence[str] = SECTIONS) -> dict[str, Any]:
    """The recipe with at least those sections.

    Raises:
        InputError: there is no such file, it is no TOML, or a section or a key is missing.
    """
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Recipes lie in training/recipes.") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}", "Mend it at that line.") from error
    check_recipe(recipe, sections, str(path))
    return recipe


def check_recipe(recipe: Mapping[str, Any], sections: Sequence[str], where: str) -> None:
    """Raises InputError where a section lacks a key that is needed."""
    missing = [section for section in (*sections, "seed") if section not in recipe]
    missing += [
        f"[{section}] {key}"
        for section in sections
        if section in recipe
        for key in _NEEDED.get(section, ())
        if key not in recipe[section]
    ]
    if missing:
        raise InputError(f"{where}: no {', '.join(missing)}", "Compare it with training/recipes/starter.toml.")
