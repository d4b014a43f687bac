from __future__ import annotations

import sys
import types

import pytest

from labeler.errors import InputError
from synthetic.preparing.redact import redact
from synthetic.redaction.numbers import luhn

CARD = "4539 5787" + " 6362 1486"


def test_luhn_is_that_of_the_standard() -> None:
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")


@pytest.mark.parametrize(
    "text", [f"paid with {CARD}.", f"card={CARD.replace(' ', '')}", f"VISA {CARD.replace(' ', '-')}"]
)
def test_a_card_is_redacted(text: str) -> None:
    assert redact(text).counts == {"card number": 1}


@pytest.mark.parametrize(
    "text",
    [
        f"order {CARD.replace(' ', '')}",  # no gaps, and nothing says that it is a card's
        "card 4539 5787 6362 1487",  # another check digit
        "card 4242 4242 4242 4242 and 4111111111111111",  # for trials
        f"table 1204 {CARD} 1084",  # a column of numbers
        "card 1539 5787 6362 1486",
    ],
)
def test_another_number_stays(text: str) -> None:
    assert redact(text).text == text


def test_telephone_numbers_need_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthetic.redaction.numbers.find_spec", lambda name: None)
    with pytest.raises(InputError, match="phonenumbers is not installed"):
        redact("call +49 30 901820", phones=True)
    assert redact("call +49 30 901820").counts == {}


def test_telephone_numbers_are_redacted_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Match:
        start, end = 5, 18

    library = types.SimpleNamespace(PhoneNumberMatcher=lambda text, region: [Match()] if region is None else [])
    monkeypatch.setattr("synthetic.redaction.numbers.find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "phonenumbers", library)
    found = redact("call +49 30 901820 now", phones=True)
    assert found.text == "call [redacted: telephone number] now"
    assert found.counts == {"telephone number": 1}
