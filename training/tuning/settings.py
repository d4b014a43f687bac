"""Every setting of tuning, read from TOML presets and from the command line, checked before anything is loaded.

`training/presets/default.toml` holds all of them, each with its reason; another preset, or a file of one's own, states
only what it does otherwise.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.base.toml import read_toml
from labeler.base.typed import Source
from labeler.errors import UsageError

PRESETS = Path(__file__).parents[1] / "presets"
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class TuningSettings:
    """What `training/presets/default.toml` explains, key by key. Lengths are in tokens, chances and shares in 0..1.

    Attributes:
        warmup: below 1 a share of all steps, from 1 on a number of steps.
        batch_tokens: tokens of one batch, filling included; 0 means batches of `batch_size` rows.
        evaluations: how often an epoch is interrupted for an evaluation.
        vocabulary: tokens of the base that are kept; 0 means all.
        vocabulary_counts: path of a file that `python -m training vocabulary count` made; "" means the shipped counts.
        patience: evaluations without a gain of `min_change` after which training stops; 0 means never.
        rows: training rows that are taken, drawn by the seed, the same in all epochs; 0 means all.
        score_rows: validation rows that are answered at an evaluation for micro-F1; 0 means none.
    """

    rank: int
    alpha: float
    rslora: bool
    dropout: float
    targets: tuple[str, ...]
    train_embeddings: bool
    train_norms: bool
    quantise_base: str
    merge_share: float
    epochs: int
    rows: int
    learning_rate: float
    schedule: str
    warmup: float
    decay: float
    optimizer: str
    beta2: float
    weight_decay: float
    clip: float
    batch_size: int
    batch_tokens: int
    accumulation: int
    gradient_checkpointing: str
    precision: str
    compile: bool
    vocabulary: int
    vocabulary_counts: str
    sequence_length: int
    token_budget: int
    describe: bool
    length_grouping: bool
    fill_to: int
    own_list: bool
    teach_unknown: float
    teach_known: float
    subset_lists: float
    drop_label: float
    shuffle_labels: float
    hide_descriptions: float
    plain_text: float
    plain_serving: bool
    evaluations: int
    select_on: str
    patience: int
    min_change: float
    score_rows: int
    log_every: int
    check_memory: bool
    seed: int

    def __post_init__(self) -> None:
        for key, (accepted, said) in _CHECKS.items():
            value = getattr(self, key)
            if not accepted(value):
                raise UsageError(f"Setting '{key}' is {value!r}.", f"Accepted: {said}.")
        if self.select_on == "micro_f1" and not self.score_rows:
            raise UsageError("Setting 'select_on' is 'micro_f1' while 'score_rows' is 0.", "Set score_rows=500.")


def read_settings(preset: str = "default", changes: Sequence[str] = ()) -> TuningSettings:
    """The default preset, then what `preset` (a name or a TOML file) states, then `changes` ("key=value", in TOML).

    Raises:
        UsageError: there is no such preset, a key is unknown, or a value is not acceptable; names the key.
        InputError: the preset's file is not TOML.
    """
    values = _read_preset(PRESETS / "default.toml")
    if preset != "default":
        values |= _read_preset(_preset_file(preset))
    for change in changes:
        values |= _read_change(change)
    missing = [field.name for field in dataclasses.fields(TuningSettings) if field.name not in values]
    assert not missing, f"default.toml lacks {missing}"
    return TuningSettings(**values)


def fast_can(settings: TuningSettings) -> bool:
    """Whether an adapter can be computed as a change of weights (training/backends/fast.py)."""
    return settings.dropout == 0 and settings.quantise_base == "none" and settings.precision != "fp16"


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def as_toml(settings: TuningSettings, note: str) -> str:
    """The settings as the text of a preset file with `note` as its first line."""
    lines = [f"# {note}", *(f"{key} = {_toml(value)}" for key, value in vars(settings).items())]
    return "\n".join(lines) + "\n"


def _preset_file(preset: str) -> Path:
    named = PRESETS / f"{preset}.toml"
    if preset.isidentifier() and named.is_file():
        return named
    if not Path(preset).is_file():
        remedy = f"Presets are {', '.join(preset_names())}; or give the path of a TOML file."
        raise UsageError(f"{preset}: no such preset", remedy)
    return Path(preset)


def _read_preset(path: Path) -> dict[str, Any]:
    """Keys with their values; sections only group them."""
    toml = read_toml(path)
    flat: dict[str, Any] = {}
    source = toml.source(_known(), _named, error=UsageError)
    for key, value in toml.values.items():
        section, given = (key, value) if isinstance(value, dict) else ("", {key: value})
        flat |= source.some(TuningSettings, _listed(given), section)
    return flat


def _read_change(change: str) -> dict[str, Any]:
    key, equals, text = (part.strip() for part in change.partition("="))
    if not equals:
        raise UsageError(f"--set {change}: no equals sign", "Write it like --set rank=16")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = text  # a bare word: on a shell's command line quotes are a nuisance
    return Source(lambda _: "--set", _known(), _named, UsageError).some(TuningSettings, _listed({key: value}))


def _known() -> str:
    return f"Settings are: {', '.join(field.name for field in dataclasses.fields(TuningSettings))}."


def _named(key: str) -> str:
    return f"setting '{key.rpartition('.')[2]}'"


def _listed(given: dict[str, Any]) -> dict[str, Any]:
    """With `targets` as a list where one text names them."""
    targets = given.get("targets")
    if isinstance(targets, str):
        return given | {"targets": [name.strip() for name in targets.split(",")]}
    return given


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


_Check = tuple[Callable[[Any], bool], str]


def _at_least(low: float) -> _Check:
    return (lambda value: math.isfinite(value) and value >= low), f"{low:g} or more"


def _one_of(*words: str) -> _Check:
    return (lambda value: value in words), ", ".join(words)


_SHARE: _Check = (lambda value: 0 <= value <= 1), "0 to 1"
_BELOW_ONE: _Check = (lambda value: 0 <= value < 1), "0 up to, but not 1"
_POSITIVE: _Check = (lambda value: math.isfinite(value) and value > 0), "a number above 0"
_CHECKS: Mapping[str, _Check] = {
    "rank": _at_least(1),
    "alpha": _POSITIVE,
    "dropout": _BELOW_ONE,
    "targets": ((lambda value: bool(value) and set(value) <= set(PROJECTIONS)), f"some of {', '.join(PROJECTIONS)}"),
    "quantise_base": _one_of("none", "4bit"),
    "merge_share": ((lambda value: 0 < value <= 1), "above 0, up to 1"),
    "epochs": _at_least(1),
    "rows": _at_least(0),
    "learning_rate": _POSITIVE,
    "schedule": _one_of("linear", "cosine", "constant", "plateau"),
    "warmup": _at_least(0),
    "decay": _SHARE,
    "optimizer": _one_of("adamw", "adamw_8bit"),
    "beta2": _BELOW_ONE,
    "weight_decay": _at_least(0),
    "clip": _at_least(0),
    "batch_size": _at_least(1),
    "batch_tokens": _at_least(0),
    "accumulation": _at_least(1),
    "gradient_checkpointing": _one_of("auto", "on", "off"),
    "precision": _one_of("auto", "bf16", "fp16", "fp32"),
    "vocabulary": _at_least(0),
    "sequence_length": _at_least(64),
    "token_budget": _at_least(16),
    "fill_to": _at_least(1),
    "teach_unknown": _SHARE,
    "teach_known": _SHARE,
    "subset_lists": _SHARE,
    "drop_label": _SHARE,
    "shuffle_labels": _SHARE,
    "hide_descriptions": _SHARE,
    "plain_text": _SHARE,
    "evaluations": _at_least(1),
    "select_on": _one_of("loss", "micro_f1"),
    "patience": _at_least(0),
    "min_change": _at_least(0),
    "score_rows": _at_least(0),
    "log_every": _at_least(1),
    "seed": _at_least(0),
}
