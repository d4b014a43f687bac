"""Names of labels without what decorates them, so that two spellings of one thing are found to be one.

GitHub tells labels apart by everything but case. People write `🐛 bug`, `:bug: bug` and `Bug` for one thing, so a name
is looked for as it stands first, and only then without what decorates it. Nothing is ever joined that both sides keep
apart: a decorated name counts for a label only where no other label could be meant by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

# The shortcodes that label names really use (GitHub shows them as glyphs; its API gives what was typed).
SHORTCODES = {
    "ambulance": "🚑", "apple": "🍎", "art": "🎨", "beetle": "🐞", "blue_book": "📘", "book": "📖", "books": "📚",
    "boom": "💥", "bug": "🐛", "bulb": "💡", "card_file_box": "🗃", "chart_with_upwards_trend": "📈",
    "construction": "🚧", "construction_worker": "👷", "earth_africa": "🌍", "exclamation": "❗", "eyes": "👀",
    "fire": "🔥", "gear": "⚙", "globe_with_meridians": "🌐", "green_heart": "💚", "grey_question": "❔",
    "hammer": "🔨", "hammer_and_wrench": "🛠", "heavy_check_mark": "✔", "heavy_plus_sign": "➕", "hourglass": "⌛",
    "lady_beetle": "🐞", "lipstick": "💄", "lock": "🔒", "mag": "🔍", "memo": "📝", "new": "🆕", "no_entry": "⛔",
    "package": "📦", "pencil": "📝", "pencil2": "✏", "penguin": "🐧", "question": "❓", "racehorse": "🐎",
    "recycle": "♻", "robot": "🤖", "rocket": "🚀", "rotating_light": "🚨", "shield": "🛡", "snail": "🐌",
    "sparkles": "✨", "speech_balloon": "💬", "star": "⭐", "tada": "🎉", "test_tube": "🧪", "turtle": "🐢",
    "warning": "⚠", "wastebasket": "🗑", "white_check_mark": "✅", "window": "🪟", "wrench": "🔧", "x": "❌",
    "zap": "⚡",
}  # fmt: skip
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")
_INVISIBLE = frozenset("\ufe0e\ufe0f\u200b\u200d\u2060\ufeff")  # variation selectors, joiners, empty spaces


def undecorated(name: str) -> str:
    """The name in composed form and one case, without variation selectors, and without emoji around it.

    >>> undecorated(":bug: Bug"), undecorated("🐛"), undecorated(":bug:")
    ('bug', '🐛', '🐛')
    """
    text = unicodedata.normalize("NFC", name).casefold()
    text = _SHORTCODE.sub(lambda match: SHORTCODES.get(match[1], match[0]), text)
    text = " ".join("".join(c for c in text if c not in _INVISIBLE).split())
    start, end = 0, len(text)
    while start < end and _decorates(text[start]):
        start += 1
    while end > start and _decorates(text[end - 1]):
        end -= 1
    return unicodedata.normalize("NFC", text[start:end] or text)


def _decorates(character: str) -> bool:
    """A space, an emoji or another picture, or what colours one; not the signs that names are made of (C++)."""
    return character.isspace() or (unicodedata.category(character) in ("So", "Sk", "Cn") and character not in "^`")


def unambiguous(spellings: Iterable[tuple[str, T]]) -> Mapping[str, T]:
    """By undecorated spelling, the labels that alone have it."""
    found: dict[str, set[T]] = defaultdict(set)
    for spelling, label in spellings:
        found[undecorated(spelling)].add(label)
    return {bare: next(iter(owners)) for bare, owners in found.items() if len(owners) == 1}
