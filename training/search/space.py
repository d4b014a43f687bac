"""What a search varies, and within which bounds: how fast and how freely to learn, not what the model is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.tuning.settings import TuningSettings

if TYPE_CHECKING:
    import optuna

_REACH = 8.0  # learning rates from an eighth of the given one to eight times it
_AS_THEY_ARE = ("learning_rate", "rank", "dropout", "weight_decay", "schedule")


def params_of(settings: TuningSettings) -> dict[str, Any]:
    """The settings that the search varies, as the study names them."""
    params = {name: getattr(settings, name) for name in _AS_THEY_ARE}
    params["alpha_by_rank"] = settings.alpha / settings.rank
    return params if settings.batch_tokens else params | {"batch_size": settings.batch_size}


def suggest(trial: optuna.Trial, settings: TuningSettings) -> TuningSettings:
    """Settings to try, near the given ones; none takes more memory than those."""
    given = params_of(settings)
    near = given["learning_rate"]
    trial.suggest_float("learning_rate", near / _REACH, near * _REACH, log=True)
    halves: dict[str, set[Any]] = {
        name: {given[name], max(1, given[name] // 2)} for name in ("rank", "batch_size") if name in given
    }
    halves["rank"].add(max(1, settings.rank // 4))
    others: dict[str, set[Any]] = {
        **halves,
        "alpha_by_rank": {0.5, 1.0, 2.0, given["alpha_by_rank"]},
        "dropout": {0.0, 0.05, given["dropout"]},
        "weight_decay": {0.0, 0.01, given["weight_decay"]},
        "schedule": {"linear", "cosine", given["schedule"]},
    }
    for name, values in others.items():
        trial.suggest_categorical(name, sorted(values))
    return settings_of(trial.params, settings)


def settings_of(params: dict[str, Any], settings: TuningSettings) -> TuningSettings:
    """The given settings with what the study varies."""
    varied = {name: value for name, value in params.items() if name != "alpha_by_rank"}
    return replace(settings, **varied, alpha=params["alpha_by_rank"] * params["rank"])
