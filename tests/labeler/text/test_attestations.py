from __future__ import annotations

import pytest

from labeler.text.attestations import attested, is_attestation

ATTESTATIONS = {
    "en": (
        "I have searched the existing issues",
        "I agree to follow the **Code of Conduct**",
        "I'm using the latest version",
    ),
    "de": ("Ich habe nach Duplikaten gesucht", "Ich stimme dem Verhaltenskodex zu", "Ich verwende die neueste Version"),
    "fr": (
        "J'ai cherché parmi les tickets existants",
        "J'accepte le code de conduite",
        "J'utilise la dernière version",
    ),
    "es": ("He buscado en los issues existentes", "Acepto el código de conducta", "Uso la última versión"),
    "pt": ("Pesquisei as issues existentes", "Concordo com o código de conduta", "Estou na versão mais recente"),
    "it": ("Ho cercato tra le segnalazioni", "Accetto il codice di condotta", "Sono sull'ultima versione"),
    "ru": ("Я искал похожие обращения", "Я согласен с правилами поведения", "Я использую последнюю версию"),
    "pl": ("Przeszukałem istniejące zgłoszenia", "Akceptuję kodeks postępowania", "Używam najnowszej wersji"),
    "tr": ("Mevcut kayıtları aradım", "Davranış kurallarını kabul ediyorum", "En son sürümü kullanıyorum"),
    "zh": ("我已搜索现有的 Issue", "我同意遵守行为准则", "我使用的是最新版本"),
    "ja": ("既存の Issue を検索しました", "行動規範に同意します", "最新バージョンで確認しました"),
    "ko": ("기존 이슈를 검색했습니다", "행동 강령에 동의합니다", "최신 버전을 사용하고 있습니다"),
}
EVIDENCE = (
    "Bug report", "Linux", "Docs need an update", "Feature request", "Windows 11", "Regression",
    "This is a bug in the parser", "The manual is wrong",
    "Build / CI", "Chrome", "Fehlerbericht", "Documentación", "Ошибка", "バグ報告", "错误报告", "버그 신고",
)  # fmt: skip


@pytest.mark.parametrize("language", ATTESTATIONS)
def test_what_a_form_makes_everybody_tick_is_an_attestation(language: str) -> None:
    assert [text for text in ATTESTATIONS[language] if not is_attestation(text)] == []


@pytest.mark.parametrize("text", EVIDENCE)
def test_what_an_issue_is_about_is_none(text: str) -> None:
    assert not is_attestation(text)


def test_most_of_a_list_speaks_for_the_rest_but_not_for_evidence() -> None:
    items = [
        "I read the FAQ",
        "I searched for duplicates",
        "I had a glass of water today",
        "The docs are wrong here",
    ]
    assert attested(items) == [True, True, True, False]
    assert attested(items[2:]) == [False, False]
