"""A light guess of the language an issue is written in: scripts by Unicode ranges, Latin ones by their commonest words.

It reads prose alone: code, links, logs and markup are English to anybody. Where it cannot tell it says nothing, and
what it says nothing of counts as any other issue.
"""

from __future__ import annotations

import re
from collections import Counter

# Languages that the figures of the model are given for. English is what most of its issues are in.
MEASURED = ("de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
# In English, by the two letters of ISO 639-1: all that can be guessed.
NAMES = {
    "ar": "Arabic",
    "bn": "Bengali",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "hy": "Armenian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ka": "Georgian",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "ta": "Tamil",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
_SCRIPTS = {  # by the ranges that belong to it alone; kana before Chinese characters, which Japanese has too
    "ja": r"[\u3040-\u30ff]",
    "ko": r"[\uac00-\ud7af\u1100-\u11ff]",
    "zh": r"[\u4e00-\u9fff\u3400-\u4dbf]",
    "uk": r"[іїєґІЇЄҐ]",
    "ru": r"[\u0400-\u04ff]",
    "el": r"[\u0370-\u03ff]",
    "he": r"[\u0590-\u05ff]",
    "fa": r"[پچژگی]",
    "ar": r"[\u0600-\u06ff]",
    "hi": r"[\u0900-\u097f]",
    "bn": r"[\u0980-\u09ff]",
    "ta": r"[\u0b80-\u0bff]",
    "th": r"[\u0e00-\u0e7f]",
    "ka": r"[\u10a0-\u10ff]",
    "hy": r"[\u0530-\u058f]",
}
_WORDS = {
    "de": "der die das und ist nicht ein eine mit auf für wird werden beim ich kann den dem wenn auch nach bitte",
    "en": "the and is not with for this that when are was have it of to in on but please does after",
    "es": "el los las una es no con para por que cuando del se está pero al favor más como desde",
    "fr": "le les des une est pas avec pour dans que quand du il sur je cette plus mais depuis au",
    "it": "il gli che non con per una è quando del della di sono nel si questo anche dopo dal come",
    "nl": "de het een niet met voor van is dat wordt bij als ik maar naar ook deze op kan zijn",
    "pl": "nie się jest na do to że przy po z w i jak dla gdy od ale proszę można brak",
    "pt": "o os as uma é não com para por que quando do da ao se está mas em foi depois",
    "tr": "bir ve bu için ile de da olarak değil ama sonra gibi çok var yok olan zaman her lütfen nasıl",
    "sv": "och det att en ett är inte med för som på när av till den kan jag har om efter",
    "da": "og det at en et er ikke med for som på når af til den kan jeg har om efter",
    "cs": "je se na v že to s pro při jako po ale není když by od která jsem také prosím",
    "ro": "și nu este cu pentru în la că o un din de pe când se mai după sunt care ar",
    "hu": "a az és nem hogy egy van de is meg ha csak mint után kell lehet amikor vagy ez nincs",
    "vi": "và không là của có cho trong khi được một này với các tôi để bị thì từ sau lỗi",
    "id": "yang dan di tidak untuk dengan ini dari pada saat ada bisa saya ke akan setelah jika tolong atau itu",
    "fi": "ja ei on että se kun mutta niin ole tai joka kuin myös jos sen ovat vain jälkeen voi tämä",
}
_TABLE = {name: frozenset(words.split()) for name, words in _WORDS.items()}
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|<!--.*?-->|<[^>\n]*>|https?://\S+|^\s{4,}.*$", re.DOTALL | re.MULTILINE
)
_WORD = re.compile(r"[^\W\d_]+")
_MOST = 20_000  # characters read
_SHARE = 0.3  # of the letters must be a script's, since English terms stand in prose of any
_LEAST_WORDS, _LEAD = 3, 1.5  # common words of a language, and how many times those of the next one


def guess(title: str, body: str) -> str:
    """Two letters of ISO 639-1; empty where too little is there to tell."""
    prose = _NOT_PROSE.sub(" ", f"{title}\n{body}"[:_MOST])
    words = [word.lower() for word in _WORD.findall(prose)]
    letters = sum(map(len, words))
    if not letters:
        return ""
    foreign = "".join(word for word in words if not word.isascii())
    for script, ranges in _SCRIPTS.items():
        # A letter of a few scripts makes a syllable or a word, where Latin needs several.
        found = len(re.findall(ranges, foreign))
        whole = {"uk": r"[\u0400-\u04ff]", "fa": r"[\u0600-\u06ff]", "ja": r"[\u3040-\u30ff\u4e00-\u9fff]"}.get(script)
        if (
            found
            and len(re.findall(whole or ranges, foreign)) >= _SHARE * letters
            and _is_script(script, found, foreign)
        ):
            return script
    return _latin(words)


def codes_of(text: str) -> tuple[str, ...]:
    """The languages of a list between commas or lines, `de, JA`, as `guess` names them: in order, each once.

    Raises ValueError with what is accepted, for one that is none or can't be guessed.
    """
    found = tuple(dict.fromkeys(part for raw in re.split(r"[,\r\n]", text) if (part := raw.strip().lower())))
    if not found or not set(found) <= NAMES.keys():
        raise ValueError(f"two letters for each language, separated by commas, of {', '.join(NAMES)}")
    return found


def _is_script(script: str, found: int, foreign: str) -> bool:
    """Of scripts that share letters, the one whose own letters are common enough."""
    return script not in ("uk", "fa", "ja") or found >= 0.05 * len(foreign)


def _latin(words: list[str]) -> str:
    counts = Counter({name: sum(word in table for word in words) for name, table in _TABLE.items()})
    (first, most), (_, second) = counts.most_common(2)
    return first if most >= _LEAST_WORDS and most >= _LEAD * second else ""
