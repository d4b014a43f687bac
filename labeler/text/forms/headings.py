"""Which part of a report a form's heading asks for, told by stems in a dozen languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

Kind = Literal["main", "aside", "machine", ""]
_MOST_CHARACTERS = 200  # of a heading are looked at

# Versions, systems, logs, and how grave it is: what surrounds the problem.
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
# Steps, expectations, alternatives: beside the problem or the wish, and read after it.
_ASIDE = (
    "step|reproduc|expected|should happen|actual|alternativ|workaround|additional|anything else|context|prior art|"
    "who would|benefit|related|link|reference|checklist|check|confirm|before|example|code|"
    "schritte|erwartet|alternativ|zusätzlich|kontext|sonst noch|étapes|reproduire|attendu|contexte|complément|"
    "pasos|reproducir|esperad|adicional|contexto|passos|reproduzir|passaggi|riprodurre|atteso|aggiuntiv|contesto|"
    "шаги|воспроизв|ожида|дополнительн|контекст|альтернатив|kroki|odtworzyć|oczekiwan|dodatkow|kontekst|"
    "adım|yeniden üret|beklenen|ek bilgi|bağlam|stappen|verwacht|aanvullend|"
    "步骤|重现|复现|预期|期望|补充|其他|替代|再現|手順|期待|補足|その他|代替|재현|단계|기대|추가|대안"
)
# What happens, or what somebody wants.
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


def kind_of(heading: str) -> Kind:
    """The first of aside, main and machine of which the heading has a stem; empty where it has none.

    >>> kind_of("What happened?"), kind_of("Expected behavior"), kind_of("Betriebssystem"), kind_of("Area")
    ('main', 'aside', 'machine', '')
    """
    said = heading.casefold()[:_MOST_CHARACTERS]
    return next((kind for kind, pattern in _patterns() if pattern.search(said)), "")


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    """Compiled where the first heading is met: most issues have none."""
    kinds: tuple[tuple[Kind, str], ...] = (("aside", _ASIDE), ("main", _MAIN), ("machine", _MACHINE))
    return tuple((kind, _any_of(stems.split("|"))) for kind, stems in kinds)


def _any_of(stems: Iterable[str]) -> re.Pattern[str]:
    """Stems at the beginning of a word; anywhere in scripts without spaces."""
    spaced: list[str] = []
    dense: list[str] = []
    for stem in sorted(set(stems), key=lambda stem: (-len(stem), stem)):
        (dense if stem[0] >= "\u3040" else spaced).append(re.escape(stem))
    return re.compile(r"(?<!\w)(?:" + "|".join(spaced) + ")|" + "|".join(dense))
