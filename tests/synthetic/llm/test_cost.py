from __future__ import annotations

import threading
import tomllib
from datetime import date
from pathlib import Path

import pytest

from labeler.errors import UsageError
from synthetic.llm.cost import PRICES, Budget, Price, caching, estimated_tokens, prices
from synthetic.llm.messages import Request
from tests.what_it_costs import costs

TODAY = date(2026, 11, 20)
PRICE = Price("gemini-x", 1.0, 10.0, cached=0.1, storage=4.0, cache_minimum=1000)


def request(system: str = "s" * 400, user: str = "u" * 41, **options: object) -> Request:
    return Request("gemini-x", system, user, {}, **options)  # type: ignore[arg-type]


def test_thoughts_cost_as_output_and_cached_tokens_their_own_price() -> None:
    tokens = {"prompt": 1_000_000, "cached": 400_000, "thoughts": 30_000, "output": 20_000}
    assert PRICE.of(tokens) == pytest.approx(0.6 + 0.04 + 0.5)
    assert PRICE.of(tokens, batched=True) == pytest.approx(0.3 + 0.04 + 0.25)


def test_the_worst_case_counts_bytes_and_the_whole_room_for_the_answer() -> None:
    one = request(system="é", user="語語", max_output_tokens=100)
    assert PRICE.worst(one) == pytest.approx((8 * 1.0 + 100 * 10.0) / 1_000_000)


def test_tokens_are_estimated_from_characters_until_answers_were_measured() -> None:
    assert estimated_tokens(request(), {}, PRICE) == {"prompt": 111, "thoughts": 500, "output": 15}
    assert estimated_tokens(request(thinking="minimal"), {}, PRICE)["thoughts"] == 0
    assert estimated_tokens(request(thinking="64"), {}, PRICE)["thoughts"] == 64
    measured = {"thoughts": 120.4, "output": 9.6}
    assert estimated_tokens(request(), measured, PRICE) == {"prompt": 111, "thoughts": 120, "output": 10}


def test_every_listed_price_says_when_and_where_it_was_read() -> None:
    table = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    assert table["price"]
    for one in table["price"]:
        assert date(2026, 1, 1) <= one["read"] <= TODAY
        assert one["source"]
        assert 0 < one["input"] < one["output"]
        assert 0 < one.get("cached", 0.001) < one["input"]
    for model in {one["model"] for one in table["price"]}:
        assert prices([], [model], date(2030, 1, 1))[model].model == model


def test_a_price_that_ends_is_followed_by_the_next() -> None:
    assert prices([], ["gemini-3.8-flash"], date(2026, 12, 31))["gemini-3.8-flash"].input == 0.75
    assert prices([], ["gemini-3.8-flash"], date(2027, 1, 1))["gemini-3.8-flash"].input == 1.5


def test_an_unknown_model_asks_for_its_price_and_takes_it() -> None:
    with pytest.raises(UsageError, match="--price gemini-new=IN,OUT"):
        prices([], ["gemini-new"], TODAY)
    assert prices(["0.3,2.5"], ["gemini-new"], TODAY)["gemini-new"] == Price("gemini-new", 0.3, 2.5)
    own = prices(["gemini-2.5-pro=1,2"], ["gemini-2.5-pro"], TODAY)["gemini-2.5-pro"]
    assert (own.input, own.output, own.read) == (1.0, 2.0, "")
    assert prices(["1,2"], ["gemini-2.5-pro"], TODAY)["gemini-2.5-pro"].input == 1.25


@pytest.mark.parametrize("text", ["cheap", "1", "1,2,3", "-1,2", "nan,1", "m=1"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not two prices"):
        prices([text], ["gemini-2.5-pro"], TODAY)


def test_an_explicit_cache_is_used_only_where_it_pays() -> None:
    assert caching(PRICE, 5000, 1000, 1.0)[0]
    # 1,000 × 5,000 × (1.0 - 0.1) saved, 5,000 × (1.0 + 4.0 × 1 h) paid, a million of each a dollar.
    assert "saves about $4.47" in caching(PRICE, 5000, 1000, 1.0)[1]
    assert caching(PRICE, 5000, 3, 1.0) == (False, "for gemini-x it would cost about $0.01 over 3 requests")
    assert "caches from 1,000" in caching(PRICE, 999, 1000, 1.0)[1]
    assert "none with a known price" in caching(Price("m", 1.0, 2.0), 5000, 1000, 1.0)[1]


def test_the_budget_gives_nothing_beyond_its_limit() -> None:
    budget = Budget(1.0)
    assert budget.reserve(0.6)
    budget.settle(0.6, 0.5)
    assert not budget.reserve(0.6)
    assert budget.reserve(0.5)
    assert budget.spent == 0.5


def test_the_table_of_costs_is_close_to_what_the_service_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(name, "")  # to be put back at the end
    alone, batched, cheap = costs(tmp_path, count=20)
    assert [one.requests for one in (alone, batched, cheap)] == [20, 20, 60]
    for one in (alone, batched, cheap):
        assert one.counted == pytest.approx(one.estimated, rel=0.2)
    assert batched.estimated == pytest.approx(alone.estimated / 2)
    assert cheap.estimated < alone.estimated / 10


def test_the_budget_waits_for_what_others_may_give_back() -> None:
    budget = Budget(1.0)
    assert budget.reserve(0.9)
    got: list[bool] = []
    waiting = threading.Thread(target=lambda: got.append(budget.reserve(0.9)))
    waiting.start()
    budget.settle(0.9, 0.05)
    waiting.join(5)
    assert got == [True]


def test_threads_never_spend_more_than_the_budget() -> None:
    budget = Budget(1.0)

    def spend() -> None:
        while budget.reserve(0.03):
            budget.settle(0.03, 0.02)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    assert 0.97 <= budget.spent <= 1.0
