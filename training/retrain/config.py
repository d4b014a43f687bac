"""What `retrain.toml` says, checked before anything is fetched or paid. `examples/retrain.toml` explains each key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from labeler.base.toml import read_toml
from labeler.errors import UsageError
from training.backends import BACKENDS

LAST, NONE = "last", "none"
EXAMPLE = "examples/retrain.toml shows every key."
_SECTIONS = ("fetch", "label", "split", "tune", "export", "gate", "publish")
# Paths stand relative to the file that names them; of the second kind each may also be a name.
_PATHS, _PERHAPS_PATHS = ("labels", "corrections", "gate_rules"), ("champion", "tune_base", "tune_preset")


@dataclass(frozen=True)
class RetrainConfig:
    """retrain.toml, its sections joined: `tune.base` is `tune_base`. An empty text stands for "not given"."""

    repository: str = ""
    labels: str = ""
    champion: str = LAST
    corrections: str = ""
    fetch_api_url: str = ""
    fetch_events: bool | None = None
    label_models: tuple[str, ...] = ()
    label_samples: int = 1
    label_votes: int = 0
    label_min_agreement: float = 0.5
    label_max_cost: float | None = None
    label_prices: tuple[str, ...] = ()
    label_concurrency: int = 8
    label_requests_a_minute: int = 0
    split_shares: tuple[float, ...] = (0.8, 0.1, 0.1)
    split_test_from: str = ""
    split_seed: int = 0
    tune_base: str = "unsloth/gemma-3-270m-it"
    tune_preset: str = "default"
    tune_set: tuple[str, ...] = ()
    tune_backend: str = "auto"
    export_name: str = ""
    export_target_precision: float | None = None
    gate_rules: str = ""
    publish_to: str = ""
    publish_private: bool = False

    def __post_init__(self) -> None:
        for name, (accepted, said) in _CHECKS.items():
            value = getattr(self, name)
            if not accepted(value):
                shown = list(value) if isinstance(value, tuple) else value
                raise UsageError(f"{_key(name)} is {shown!r}.", f"Accepted: {said}.")

    @property
    def events(self) -> bool:
        """Whether to ask who set which label: a repository's own labels may be those of the action itself."""
        return not self.label_models if self.fetch_events is None else self.fetch_events

    @property
    def model_name(self) -> str:
        """What the bundle is called."""
        return self.export_name or self.repository.partition("/")[2]


def read_config(path: Path | None, changes: Mapping[str, Any]) -> RetrainConfig:
    """The file's settings, those of `changes` (field -> value) over them.

    Raises:
        InputError: the file cannot be read or is not TOML.
        UsageError: a key is unknown, a value does not fit, or no repository is named.
    """
    config = replace(RetrainConfig(**(_read(path) if path else {})), **changes)
    if not config.repository:
        raise UsageError("No repository is named.", "Give --repo owner/name, or `repository` in the --config file.")
    return config


def _read(path: Path) -> dict[str, Any]:
    toml = read_toml(path)
    flat: dict[str, Any] = {}
    for key, value in toml.values.items():
        if isinstance(value, dict) and key in _SECTIONS:
            flat |= {f"{key}_{inner}": one for inner, one in value.items()}
        else:
            flat[key] = value
    found = toml.source(named=_key, written=_key, error=UsageError).some(RetrainConfig, flat)
    for name in (*_PATHS, *_PERHAPS_PATHS):
        text = found.get(name)
        if text and (name in _PATHS or (path.parent / text).exists()):
            found[name] = str(path.parent / text)
    return found


def _key(name: str) -> str:
    section, _, rest = name.partition("_")
    return f"{section}.{rest}" if section in _SECTIONS else name


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _whole(low: int) -> tuple[Callable[[int], bool], str]:
    return (lambda value: value >= low), f"a whole number from {low} up"


_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "repository": ((lambda text: not text or bool(_REPOSITORY.fullmatch(text))), "owner/name"),
    "champion": (bool, "last, none, starter, or what the action takes as `model`"),
    "label_samples": _whole(1),
    "label_votes": _whole(0),
    "label_min_agreement": ((lambda value: 0 <= value <= 1), "0 to 1"),
    "label_max_cost": ((lambda value: value is None or 0 <= value < math.inf), "US dollars"),
    "label_concurrency": _whole(1),
    "label_requests_a_minute": _whole(0),
    "split_shares": (
        (lambda shares: len(shares) == 3 and min(shares) > 0 and math.isclose(sum(shares), 1, abs_tol=1e-6)),
        "three numbers above 0 that sum to 1, for train, validation and test",
    ),
    "split_test_from": ((lambda text: not text or _is_date(text)), "a date like 2026-01-31"),
    "tune_base": (bool, "a folder (also of a bundle), or owner/name[@revision] on the Hugging Face Hub"),
    "tune_backend": ((lambda text: text in BACKENDS), ", ".join(BACKENDS)),
    "export_target_precision": ((lambda value: value is None or 0 < value < 1), "a share between 0 and 1"),
}
