"""Fetching as every command does it: with the environment's token, and with what to do where GitHub refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.errors import GitHubError
from synthetic.fetching.fetcher import PATIENCE_SECONDS, TOKEN_REMEDY, Fetched, Wanted, fetch
from synthetic.workspace.records import FETCH

if TYPE_CHECKING:
    from labeler.config import Machine


def fetch_from_github(machine: Machine, wanted: Wanted, folder: Path, tell: Callable[[str], None]) -> Fetched:
    """Brings the folder's issues.jsonl up to date. A used-up rate limit is sat out where there is a token.

    Raises:
        GitHubError: GitHub refused; the remedy says what is kept.
        UsageError, InputError: as `synthetic.fetching.fetcher.fetch`.
    """
    from labeler.github.client import GitHub
    from labeler.github.refusals import RateLimited

    token = machine.github_token
    github = GitHub(token, wanted.api_url, budget_seconds=PATIENCE_SECONDS, on_wait=tell)
    try:
        return fetch(github, replace(wanted, waits=bool(token)), folder, tell=tell)
    except GitHubError as error:
        remedy = TOKEN_REMEDY if isinstance(error, RateLimited) and not token else error.remedy
        if (folder / FETCH).is_file():
            remedy += "\nWhat was fetched is kept; the same command goes on from there."
        raise type(error)(error.what, remedy) from error
