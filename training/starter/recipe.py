"""The recipe: a TOML file with every choice that makes the starter, checked before anything is loaded.

`training/recipes/starter.toml` holds all of them, each with its reason.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from labeler.base.toml import read_toml_as
from labeler.errors import InputError
from training.quantise.quantisation import Quantisation, parse

KINDS = ("large", "public", "label_lists", "project_lists", "areas")


@dataclass(frozen=True)
class DataSettings:
    """Which rows are used (`training.starter.selection`).

    Attributes:
        held_out_step: every so many large-model rows are the scoreboard's.
        validation_rows: large-model rows kept for calibration, beside as many of people's that no cap lets in.
        caps: rows of a source; one that has no cap is not used.
        first: source -> label whose rows are taken before others.
        with_pulls: sources whose pull requests are used.
        calibration_sources: whose rows, as far as the caps leave them out, calibrate.
        area_commits: commits that must name an area of a project for it to be a label.
        no_areas: areas that are none.
        read_twice: chance of a people's row to stay where a large model read the issue as well.
    """

    held_out_step: int
    validation_rows: int
    caps: dict[str, int]
    first: dict[str, str]
    with_pulls: tuple[str, ...]
    calibration_sources: tuple[str, ...]
    area_commits: int
    no_areas: tuple[str, ...]
    read_twice: float


@dataclass(frozen=True)
class Variation:
    """How one kind of episode varies its label list and its issues; chances in 0..1.

    Attributes:
        share: of the episodes.
        subset: chance that the list is shortened; drop: chance of each label to go then; least: labels that stay.
        shuffle: chance of another order; hide: chance that no description is shown.
        form: chance of an issue to be put into a form; plain: chance of `labeler.text.prompt.plain_text`.
    """

    share: float
    subset: float
    drop: float
    least: int
    shuffle: float
    hide: float
    form: float
    plain: float


@dataclass(frozen=True)
class MixtureSettings:
    """What an episode is: one label list and so many issues under it.

    Attributes:
        rows: issues of an episode; large_more, large, written: how many of each pile make one of the kind "large".
        other_names: chance that the ten labels get other names and descriptions.
        one_style: chance that these are then all of one style.
        budgets: tokens of an issue's text, drawn by `budget_weights`.
        longest: tokens of prompt and answer together.
        batch_tokens: tokens of one part of a step, prefix not counted, where issues of an episode share its prefix.
        whole_tokens: the same on a GPU, where every issue comes with its own and those of a whole step are mixed: plain
            causal attention over long rows is what it is quick at.
    """

    rows: int
    large_more: int
    large: int
    written: int
    other_names: float
    one_style: float
    budgets: tuple[int, ...]
    budget_weights: tuple[float, ...]
    longest: int
    batch_tokens: int
    whole_tokens: int
    kinds: dict[str, Variation]


@dataclass(frozen=True)
class TuningRecipe:
    """LoRA and its optimiser (`training.fast.loop.LoopSettings`)."""

    rank: int
    alpha: float
    rslora: bool
    first_layer: int
    learning_rate: float
    beta2: float
    weight_decay: float
    clip: float
    warmup_steps: int
    hold: float
    episodes_a_step: int
    rows: int
    seconds: float
    save_every: int


@dataclass(frozen=True)
class FourBitSettings:
    """In what form the bundle holds the weights, and how they come to it.

    Attributes:
        form: as `training.quantise.quantisation.parse` reads it.
        fine: most used tokens whose embeddings are in 8 bits (`training.vocabulary.fine`); 0: no token's are.
        texts: prompts for calibrated rounding (`training.quantise.gptq`), where matrices are not distilled.
        distil_rows: issues from which rounded matrices learn to answer as the tuned model (`training.fast.distil`); 0:
            they are rounded by calibration. distil_seconds: how long at most; 0: as long as that takes. distil_rate:
            the learning rate at its beginning.
    """

    form: str
    fine: int
    texts: int
    distil_rows: int
    distil_seconds: float
    distil_rate: float

    def quantisation(self, fine: int = 0) -> Quantisation:
        """The form. Args: fine: how many tokens have embeddings in 8 bits, all counted. Raises InputError."""
        return dataclasses.replace(parse(self.form), fine=fine)


@dataclass(frozen=True)
class Recipe:
    """All of it.

    Attributes:
        vocabulary: tokens that the base has to have.
        labels: file of the ten labels, beside the recipe.
        token_budget: tokens of an issue in serving.
    """

    name: str
    version: str
    base_model: str
    vocabulary: int
    labels: str
    token_budget: int
    seed: int
    data: DataSettings
    mixture: MixtureSettings
    tuning: TuningRecipe
    four_bit: FourBitSettings


def read_recipe(path: Path) -> Recipe:
    """The recipe of a file.

    Raises:
        InputError: it is no TOML, lacks a key, has one that is unknown, or a value that cannot be; names the key.
    """
    recipe = read_toml_as(Recipe, path, "Compare it with training/recipes/starter.toml.")
    for key, is_right, remedy in (
        ("mixture.kinds", set(recipe.mixture.kinds) == set(KINDS), f"Give {', '.join(KINDS)}."),
        ("mixture.budget_weights", len(recipe.mixture.budget_weights) == len(recipe.mixture.budgets), "One a budget."),
        ("mixture.rows", recipe.mixture.rows > 0, "Give 1 or more."),
        ("tuning.rank", recipe.tuning.rank > 0, "Give 1 or more."),
        ("tuning.episodes_a_step", recipe.tuning.episodes_a_step > 0, "Give 1 or more."),
        ("tuning.hold", 0 <= recipe.tuning.hold < 1, "Give a share below 1."),
        ("four_bit.texts", recipe.four_bit.texts > 0 or recipe.four_bit.distil_rows > 0, "Give 1 or more."),
        ("four_bit.fine", recipe.four_bit.fine >= 0, "Give 0 or more."),
        ("data.held_out_step", recipe.data.held_out_step > 1, "Give 2 or more."),
    ):
        if not is_right:
            raise InputError(f"{path}: {key} cannot be that", remedy)
    _check_form(path, recipe.four_bit)
    return dataclasses.replace(recipe, labels=str(path.parent / recipe.labels))


def _check_form(path: Path, settings: FourBitSettings) -> None:
    key = f"{path}: four_bit.form = {settings.form!r}"
    try:
        form = settings.quantisation(settings.fine)
    except InputError as error:
        raise InputError(f"{key}: {error.what}", error.remedy) from error
    if "fine=" in settings.form:
        raise InputError(f"{key}: fine tokens are not counted here", "Give four_bit.fine.")
    if settings.distil_rows and len({form.qkv, form.o, form.gate_up, form.down}) > 1:
        raise InputError(
            f"{key}: all matrices are distilled alike", "Give one form for them, or four_bit.distil_rows = 0."
        )
