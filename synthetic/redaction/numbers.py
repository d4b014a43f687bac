"""Payment cards, by the check digit of Luhn (ISO/IEC 7812); telephone numbers, by the `phonenumbers` library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from labeler.errors import InputError
from synthetic.redaction.rule import Rule

# Four groups of four, or 4-6-5; or without gaps.
CARD = re.compile(
    r"(?<![\w.:/-])(?<!\d[ \t,;|])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|3[47]\d{2}([ -])\d{6}\2\d{5}|\d{13,19})(?![\w:/-]|\.\d|[ \t,;|]\d)",  # noqa: E501
    re.ASCII,
)
# Visa, Mastercard (51-55, 2221-2720), American Express, Discover, Diners, JCB, UnionPay, Maestro.
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})$|5[1-5]\d{14}$|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}$|3[47]\d{13}$|"
    r"6(?:011|4[4-9]\d|5\d\d)\d{12}$|3(?:0[0-5]|[68]\d)\d{11}$|35(?:2[89]|[3-8]\d)\d{12}$|62\d{14,17}$|(?:50|5[6-9]|6\d)\d{11,17}$"
)
_NAMED = re.compile(
    r"card|\bpan\b|visa|master|amex|american express|discover|\bcc\b|karte|carte|tarjeta|cart[aã]o|\bcarta\b|kaart|karta|карт|"  # noqa: E501
    r"カード|카드|卡|payment|\bkart",
    re.IGNORECASE,
)
_NEAR = 80  # characters before a number without gaps in which a word says that it is a card's
# Numbers that payment services publish for trials.
_TRIALS = re.compile(
    r"4(?:1{15}|242(?:4242){3}|0{11}\d{4}|012888888881881)|5(?:5{15}|5{3}4{12}|105105105105100)|378282246310005|60111{12}|(\d)\1+"
)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def is_card(match: re.Match[str]) -> bool:
    """Whether a number is a card's: length and issuer's prefix fit, the check digit too, and it is no trial number.

    Without gaps a word nearby has to say so: of all identifiers of 16 digits every tenth has the right check digit.
    """
    digits = re.sub("[ -]", "", match[0])
    if not _ISSUERS.match(digits) or _TRIALS.match(digits) or not luhn(digits):
        return False
    return len(digits) < len(match[0]) or bool(
        _NAMED.search(match.string[max(0, match.start() - _NEAR) : match.start()])
    )


CARDS = Rule("card number", CARD, is_card)


def phone_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of telephone numbers with a country's prefix (+49 …); others cannot be told from other numbers.

    Raises:
        InputError: the library is not installed.
    """
    if find_spec("phonenumbers") is None:
        raise InputError(
            "telephone numbers are to be redacted: phonenumbers is not installed", "pip install phonenumbers"
        )
    matcher = import_module("phonenumbers").PhoneNumberMatcher

    if "+" not in text and "00" not in text:
        return
    for match in matcher(text, None):
        yield match.start, match.end
