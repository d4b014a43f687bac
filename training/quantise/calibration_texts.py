"""The prompts that calibrated rounding looks at: issues of a dataset under varied lists, with their answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from eval.data.rows import Labelled
from labeler.data.dataset_folder import open_dataset
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.model.tokenizer import LIBRARY_NAME, LibraryTokenizer
from labeler.text.issue import Issue
from labeler.text.prompt import Renderer
from training.export.embeddings import most_used
from training.rows.examples import Encoder, Variation

ROWS = 128  # of calibration, by default
_COUNTED = 20_000  # rows whose tokens are counted
_TRAINING = ("train", "")  # splits, where a dataset has any: what is measured on must not be looked at here
# Whoever has other labels than the model's own shows it other lists.
_VARIATION = Variation(subset=0.3, drop_label=0.5, shuffle=0.5, hide_descriptions=0.3)


def labelled_rows(data: Path, splits: Sequence[str] = ()) -> tuple[LabelSet, list[Labelled]]:
    """A dataset's labels, and its rows of these splits; of all where none are given.

    Raises:
        InputError: the dataset is wrong, or has no such row.
    """
    dataset = open_dataset(data)
    rows = [
        Labelled(
            Issue(row.title, row.body, row.number, row.repo, id=row.id),
            frozenset(row.labels),
            dataset.space(row),
            row.source,
        )
        for row in dataset.rows()
        if not splits or row.split in splits
    ]
    if not rows:
        wanted = " or ".join(split or "none" for split in splits)
        raise InputError(f"{dataset.file}: no row of split {wanted}", "Give other data.")
    return dataset.labels, rows


def calibration_texts(
    checkpoint: Path, data: Path, *, rows: int = ROWS, token_budget: int, describe: bool, seed: int = 0
) -> list[list[int]]:
    """Prompts with answers as token ids, for `rows` training rows that the seed draws.

    Raises:
        InputError: the dataset is wrong, or has no training rows.
    """
    labels, found = labelled_rows(data, _TRAINING)
    renderer = Renderer(LibraryTokenizer(checkpoint / LIBRARY_NAME), token_budget, describe)
    encoder = Encoder(renderer, labels, _VARIATION, seed)
    drawn = random.Random(seed).sample(found, min(rows, len(found)))
    return [encoder(row, 0).ids.tolist() for row in drawn]


def used_tokens(checkpoint: Path, data: Path, count: int, *, token_budget: int, seed: int = 0) -> list[int]:
    """The `count` tokens that training rows use most; those that every prompt has, and its labels, come first.

    Raises:
        InputError: the dataset is wrong, or has no training rows.
    """
    labels, found = labelled_rows(data, _TRAINING)
    renderer = Renderer(LibraryTokenizer(checkpoint / LIBRARY_NAME), token_budget)
    drawn = random.Random(seed).sample(found, min(_COUNTED, len(found)))
    prompt = [*renderer.tokenizer.control.values(), *renderer.prefix(labels), *renderer.issue(Issue(""))]
    return most_used((renderer.issue(row.issue) for row in drawn), count, prompt)
