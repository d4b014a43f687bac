"""The form of a bundle's weights and how they are rounded, as the options of `training export` say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labeler.errors import UsageError
from labeler.text.prompt import DEFAULT_TOKEN_BUDGET
from training.model.checkpoint import Weights, read_config
from training.quantise.calibration_texts import ROWS, calibration_texts, used_tokens
from training.quantise.gptq import calibrated
from training.quantise.quantisation import EIGHT_BITS, Grid, Quantisation, parse
from training.quantise.rounding import GivenBlocks, Rounding, fine_of, given, nearest


def chosen_form(bits: int | None, block: int, mixed: str) -> Quantisation:
    """What --bits, --block and --mixed say together; `EIGHT_BITS` without bits.

    Raises:
        InputError: it is nothing known.
    """
    if bits is None:
        if mixed:
            raise UsageError("--mixed goes with --bits", "Say --bits 4 or --bits 8.")
        return EIGHT_BITS
    grid = Grid(bits, block)
    # In 8 bits the embeddings have one block size.
    return parse(mixed, Quantisation.uniform(grid, grid if grid.bits == 4 else Grid()))


@dataclass(frozen=True)
class Calibration:
    """What rounding goes by.

    Attributes:
        rounded: a file of scales or codes (`training.quantise.rounding.given`).
        data: a dataset whose prompts shall change least; beside `rounded`, tokens are counted in it only.
        rows: of its training rows, so many.
        token_budget, describe: the prompts' (`labeler.text.prompt.Renderer`).
    """

    rounded: Path | None = None
    data: Path | None = None
    rows: int = ROWS
    token_budget: int = DEFAULT_TOKEN_BUDGET
    describe: bool = True


def chosen_rounding(
    checkpoint: Path, form: Quantisation, by: Calibration, progress: Callable[[str], None] = lambda step: None
) -> tuple[Rounding, list[int]]:
    """The rounding of a checkpoint's matrices into `form`, and the tokens with embeddings in 8 bits.

    Raises:
        InputError: a file is wrong, or the form needs or takes no calibration.
    """
    if (by.rounded or by.data) and form == EIGHT_BITS:
        raise UsageError("--rounded and --calibrate go with --bits", "Say --bits 4 or --bits 8.")
    fine: list[int] = []
    if form.fine:
        fine = fine_of(by.rounded) if by.rounded else []
        if not fine and not by.data:
            raise UsageError("fine= needs issues to count tokens in", "Give them by --calibrate.")
        if not fine and by.data:
            fine = used_tokens(checkpoint, by.data, form.fine, token_budget=by.token_budget)
    if by.rounded:
        return given(by.rounded), fine
    if not by.data:
        return nearest, fine
    texts = calibration_texts(checkpoint, by.data, rows=by.rows, token_budget=by.token_budget, describe=by.describe)
    config, weights = read_config(checkpoint), Weights(checkpoint)
    return GivenBlocks(calibrated(config, weights, texts, form, fine=fine, progress=progress)), fine
