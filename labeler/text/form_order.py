"""Puts first what a reporter wrote, in a body that an issue form or a template gave its order.

A form asks for versions and choices before, between and after the text that an issue is about. A body that begins
with a heading is read as sections; its main one, by heading and by length of prose, comes first without its heading,
then the other prose as it stands, then answers of a few words and descriptions of a machine. Nothing is left out but
the main section's heading. A body that begins with text has it first already and stays as it is, so that ordering
twice is ordering once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from labeler.text.template import BOLD_LEVEL, Code, Section, outside_code, sections_of

DROP_HEADING, SHORT = True, "as"  # variants: as, line, noenv, none

_MOST_SHORT = 60  # characters of an answer of a few words, such as a drop-down's
_ENOUGH = 160  # characters of prose from which on a longer section is no likelier to be the main one
_CODE, _FEW_WORDS = 0.2, 0.3  # what code, and short answers, count for beside prose
_PAIR = re.compile(r"(?:[-*+][ \t]+)?[^\n:]{1,40}:[^\n]{0,60}")
_NO_PROSE = re.compile(r"!?\[[^\[\]\n]{0,200}\]\([^()\n]{0,400}\)|https?://[^\s<>]{1,400}|<[^<>\n]{1,300}>")
# Stems of headings in a dozen languages; a heading counts for the first kind of which it has one.
_MACHINE = (
    "version|environment|platform|operating system|system info|browser|device|hardware|host|machine|"
    "installed|install method|installation method|set up by|setup|set-up|configuration|config|log|logs|"
    "console|terminal output|screenshot|recording|attachment|severity|priority|urgency|reproducib|repeatable|"
    "runtime|python|node|docker|architecture|release you|dependencies|"
    "umgebung|betriebssystem|gerät|protokoll|konfiguration|plattform|dringlichkeit|"
    "environnement|système|navigateur|journal|journaux|matériel|plateforme|capture|"
    "entorno|sistema operativo|navegador|registro|dispositivo|captura|plataforma|"
    "versão|ambiente|sistema operacional|registros|versione|sistema|piattaforma|schermat|dispositivo|"
    "версия|версии|окружени|операционн|систем|браузер|лог|журнал|скриншот|устройств|платформ|"
    "wersja|środowisk|system|przeglądark|dziennik|zrzut|urządzen|platforma|"
    "sürüm|ortam|işletim|tarayıcı|günlük|ekran|cihaz|platform|"
    "versie|omgeving|besturingssysteem|logboek|schermafbeelding|apparaat|"
    "版本|环境|環境|操作系统|系统|平台|浏览器|日志|截图|设备|バージョン|実行環境|ブラウザ|ログ|スクリーンショット|端末|"
    "버전|환경|운영 체제|운영체제|브라우저|로그|스크린샷|기기"
)
_ASIDE = (
    "step|reproduc|expected|should happen|actual|alternativ|workaround|additional|anything else|context|prior art|"
    "who would|benefit|related|link|reference|checklist|check|confirm|before|example|code|"
    "schritte|erwartet|alternativ|zusätzlich|kontext|sonst noch|étapes|reproduire|attendu|contexte|complément|"
    "pasos|reproducir|esperad|adicional|contexto|passos|reproduzir|passaggi|riprodurre|atteso|aggiuntiv|contesto|"
    "шаги|воспроизв|ожида|дополнительн|контекст|альтернатив|kroki|odtworzyć|oczekiwan|dodatkow|kontekst|"
    "adım|yeniden üret|beklenen|ek bilgi|bağlam|stappen|verwacht|aanvullend|"
    "步骤|重现|复现|预期|期望|补充|其他|替代|再現|手順|期待|補足|その他|代替|재현|단계|기대|추가|대안"
)
_MAIN = (
    "describ|description|what happen|what went|what goes|what is wrong|what do you|problem|summary|bug|issue|feature|"
    "request|proposal|propose|idea|suggest|question|report|motivation|"
    "beschreib|problem|fehler|was passiert|vorschlag|wunsch|frage|idee|zusammenfassung|"
    "décri|description|problème|que se passe|résumé|proposition|suggestion|souhait|idée|"
    "descri|problema|qué ocurre|qué pasa|qué sucede|resumen|propuesta|sugerencia|pregunta|"
    "o que acontece|o que aconteceu|resumo|proposta|sugestão|pergunta|dúvida|cosa succede|riassunto|richiesta|domanda|"
    "опис|проблем|что произош|что случ|предложен|вопрос|иде|суть|"
    "opis|co się|propozycj|pytanie|pomysł|açıkla|sorun|ne oldu|öneri|soru|istek|hata|"
    "beschrijf|beschrijving|probleem|wat gebeurt|wat is er|voorstel|vraag|"
    "描述|问题|問題|发生|建议|建議|需求|想法|提问|概要|説明|内容|不具合|提案|要望|質問|설명|문제|무슨|제안|질문|요청|내용"
)
_WEIGHTS = {"machine": 0.15, "aside": 0.5, "main": 1.5, "": 1.0}


def ordered(body: str) -> str:
    """The body with its main section first; one that begins with text, or has no prose, as it is."""
    text = body.strip()
    blocks = _parts(text)
    if not blocks or any(plain and "<!--" in line for line, plain in outside_code(text)):
        return text
    if fence := _open_fence(text):
        return ordered(f"{text}\n{fence}")
    scores = [_weight(block) for block in blocks]
    best = max(scores)
    if best <= 0:
        return text
    main = scores.index(best)
    first = blocks[main]
    others = [block for i, block in enumerate(blocks) if i != main]
    prose = [block for block in others if not is_short(block)]
    short = [block for block in others if is_short(block)]
    pieces = [ordered(first.answer) if DROP_HEADING else first.text, *(block.text for block in prose)]
    if SHORT == "line":
        lines = [f"{b.name.rstrip('?: ')}: {b.answer}" if "\n" not in b.answer else b.text for b in short]
        pieces.append("\n".join(lines))
    elif SHORT == "as":
        pieces += [block.text for block in short]
    elif SHORT == "noenv":
        pieces += [block.text for block in short if _kind(block.name) != "machine"]
    if not others and not first.own:
        pieces.append(first.name)
    return "\n\n".join(piece for piece in pieces if piece)


class Block:
    """A section with those below it."""

    def __init__(self, sections: Sequence[Section]) -> None:
        lines = [line for section in sections for line in section.lines]
        self.name = lines[0].strip(" \t\n#*_:")
        self.text = "".join(lines).strip()
        self.own = "".join(sections[0].lines[1:]).strip()
        self.answer = "".join(lines[1:]).strip()


def _parts(text: str) -> list[Block]:
    """The sections of a body that begins with one; empty for a body without this shape."""
    before, *sections = sections_of(text)
    if "".join(before.lines).strip() or not sections:
        return []
    bold = sum(section.level == BOLD_LEVEL for section in sections)
    if bold == 1 and sections[0].level == BOLD_LEVEL:  # somebody's emphasis
        return []
    groups: list[list[Section]] = []
    for section in sections:
        is_emphasis = bold == 1 and section.level == BOLD_LEVEL
        # A heading with nothing below it belongs to the next.
        if groups and (is_emphasis or section.level > sections[0].level or not Block(groups[-1]).answer):
            groups[-1].append(section)
        else:
            groups.append([section])
    return [Block(group) for group in groups]


def _open_fence(text: str) -> str:
    """The fence that nobody closed, without which sections cannot change places."""
    code = Code()
    for line in text.splitlines(keepends=True):
        code.holds(line)
    return code.fence


def is_short(block: Block) -> bool:
    """An answer of a few words, a list of names and values, or whatever describes a machine."""
    if _kind(block.name) == "machine":
        return True
    lines = [line for line in block.answer.split("\n") if line.strip()]
    if len(lines) == 1:
        return len(block.answer) <= _MOST_SHORT
    return all(_PAIR.fullmatch(line.strip()) for line in lines)


def _weight(block: Block) -> float:
    length = 0.0
    for line, plain in outside_code(block.answer):
        length += len(_NO_PROSE.sub("", line).strip()) if plain else _CODE * len(line.strip())
    return min(length, _ENOUGH) * _WEIGHTS[_kind(block.name)] * (_FEW_WORDS if is_short(block) else 1)


@cache
def _kinds() -> tuple[tuple[str, re.Pattern[str]], ...]:
    stems = {"aside": _ASIDE, "main": _MAIN, "machine": _MACHINE}
    return tuple((kind, _any_of(found.split("|"))) for kind, found in stems.items())


def _kind(name: str) -> str:
    said = name.casefold()[:200]
    return next((kind for kind, pattern in _kinds() if pattern.search(said)), "")


def _any_of(stems: Iterable[str]) -> re.Pattern[str]:
    """Stems at the beginning of a word; anywhere in scripts without spaces."""
    dense, spaced = [], []
    for stem in sorted(set(stems), key=lambda stem: (-len(stem), stem)):
        (dense if stem[0] >= "\u3040" else spaced).append(re.escape(stem))
    return re.compile(r"(?<!\w)(?:" + "|".join(spaced) + ")|" + "|".join(dense))
