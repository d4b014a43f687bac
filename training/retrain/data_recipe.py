"""What retrain.toml asks of `synthetic.pipeline`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.config import Machine, environment

if TYPE_CHECKING:
    from synthetic.recipe import Recipe
    from training.retrain.config import RetrainConfig


def make_recipe(
    config: RetrainConfig, machine: Machine, data: Path, say: Callable[[str], None], *, asks: bool
) -> Recipe:
    """The recipe of the data folder, where labels.yml is placed.

    Args:
        asks: whether the annotators, if there are any, are to be asked: that needs a key.

    Raises:
        UsageError, InputError: a model has no price, there is no key, or no labels.yml.
    """
    from synthetic.annotating.consensus import Rule
    from synthetic.dataset.splitting import Wanted as Splitting
    from synthetic.fetching.fetcher import Wanted as Fetching
    from synthetic.llm.panel import Asking, open_panel
    from synthetic.recipe import Recipe
    from synthetic.workspace.label_file import place_labels

    asking = Asking(
        config.label_models,
        config.label_samples,
        prices=config.label_prices,
        max_cost=config.label_max_cost,
        requests_a_minute=config.label_requests_a_minute or None,
    )
    panel = open_panel(asking, environment(), asks=asks)
    labels = place_labels(data, Path(config.labels) if config.labels else None, say)
    api_url = (config.fetch_api_url or machine.github_api_url).rstrip("/")
    train, validation, test = config.split_shares
    # Labels of one kind only: beside the annotators' the repository's own would be another task.
    labels_from = "annotators" if config.label_models else "repository"
    return Recipe(
        labels=labels,
        fetching=Fetching(config.repository, api_url, events=config.events),
        machine=machine,
        asker=panel.asker,
        annotators=panel.annotators(labels),
        concurrency=config.label_concurrency,
        rule=Rule(config.label_votes or None, config.label_min_agreement),
        splitting=Splitting((train, validation, test), config.split_test_from, config.split_seed, labels_from),
    )
