"""A host whose name cannot be resolved: two tries, and a word on the network, by every way out. The client is real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labeler.base.retry import second_look
from labeler.config import GeminiAccess
from labeler.errors import LabelerError
from labeler.fetch.hub import resolve
from labeler.github.client import GitHub
from synthetic.llm.asking import Asker
from synthetic.llm.cost import Price
from synthetic.llm.gemini import Gemini
from synthetic.llm.messages import Request
from synthetic.llm.pace import Pace

URL = "https://nowhere.invalid"
Way = Callable[[Callable[[float], None], Path], object]


def ask_gemini(wait: Callable[[float], None], folder: Path) -> object:
    asker = Asker(Gemini(GeminiAccess("AIza-none", URL)), Pace(wait=lambda seconds: bool(wait(seconds))))
    return asker.ask(Request("gemini-x", "s", "u", {"type": "object"}), Price("gemini-x", 1.0, 1.0), str)


def get_model(model: str) -> Way:
    return lambda wait, folder: resolve(model, cache=folder, starter=folder, github_api_url=URL, hub_url=URL, wait=wait)


WAYS: dict[str, Way] = {
    "GitHub": lambda wait, folder: GitHub("ghs_x", URL, sleep=wait, budget_seconds=300).issue("octo/hello", 1),
    "a bundle on the Hub": get_model(f"octo/model@{'a' * 40}"),
    "a branch on the Hub": get_model("octo/model"),
    "a release": get_model("github:octo/hello@v1/bundle.tar.gz"),
    "Gemini": ask_gemini,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_host_is_tried_twice_and_the_network_is_named(way: str, tmp_path: Path) -> None:
    waits: list[float] = []
    with pytest.raises(LabelerError, match="no network") as caught:
        WAYS[way](waits.append, tmp_path)
    assert len(waits) == 1
    assert sum(waits) <= 5
    assert "nowhere.invalid" in caught.value.what
    assert "connection" in caught.value.remedy


def test_a_slow_resolver_is_not_asked_twice() -> None:
    assert second_look(1, 0.1) is not None
    assert second_look(1, 5.0) is None
    assert second_look(2, 0.1) is None
