from __future__ import annotations

import pytest

from labeler.text.language import _SCRIPTS, _WORDS, MEASURED, NAMES, codes_of, guess

SAMPLES = {
    "en": "The window does not open when I click on the icon",
    "de": "Das Fenster öffnet sich nicht, wenn ich auf das Symbol klicke",
    "fr": "La fenêtre ne s'ouvre pas quand je clique sur une icône dans le menu",
    "es": "La ventana no se abre cuando pulso el icono en las opciones del menú",
    "pt": "A janela não abre quando clico em uma pasta, mas o ícone está ativo",
    "it": "La finestra non si apre quando premo il tasto nel menu delle opzioni, anche dopo il riavvio",
    "nl": "Het venster gaat niet open als ik op de knop klik, maar wel met een toets",
    "pl": "Okno nie otwiera się, gdy klikam na ikonę, ale można użyć klawisza",
    "tr": "Pencere bir türlü açılmıyor ve simgeye çok kez tıkladım ama yok",
    "ru": "Окно не открывается, когда я нажимаю на значок",
    "uk": "Вікно не відкривається, коли я натискаю на значок її меню",
    "zh": "点击图标以后窗口没有打开",
    "ja": "アイコンを押してもウィンドウが開きません",
    "ko": "아이콘을 눌러도 창이 열리지 않습니다",
    "ar": "النافذة لا تفتح عند النقر على الرمز",
    "fa": "پنجره با کلیک روی نماد باز نمی‌شود و چیزی گفته نمی‌شود",
    "he": "החלון לא נפתח כשלוחצים על הסמל",
    "th": "หน้าต่างไม่เปิดเมื่อคลิกที่ไอคอน",
    "hi": "आइकन पर क्लिक करने पर विंडो नहीं खुलती",
    "sv": "Fönstret öppnas inte när jag klickar på ikonen och det är som om att den inte har fokus",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_a_sentence_is_known_by_its_script_or_its_commonest_words(language: str) -> None:
    assert guess("", SAMPLES[language]) == language


def test_code_links_and_logs_are_no_prose() -> None:
    code = "```\nthe and is not with for this that when\n```\n`the is not`\nhttps://the.and/is/not"
    assert guess("Fenster", f"{code}\nDas Fenster ist nicht offen und das Symbol wird grau") == "de"
    assert guess("Окно", f"TypeError in {code}\nОкно не открывается, NullPointerException") == "ru"


@pytest.mark.parametrize("text", ["", "42", "ok", "TypeError: undefined", "crash crash crash", "🎉"])
def test_where_little_is_there_nothing_is_said(text: str) -> None:
    assert guess(text, "") == ""


def test_what_was_measured_is_guessed_at() -> None:
    assert set(MEASURED) <= set(SAMPLES)


def test_whatever_can_be_guessed_has_a_name() -> None:
    assert set(NAMES) == {*_SCRIPTS, *_WORDS}


def test_a_list_of_languages_is_read_in_any_case_and_each_once() -> None:
    assert codes_of(" DE,ja\nde ,\r\nzh") == ("de", "ja", "zh")


@pytest.mark.parametrize("text", ["german", "xx", "de;fr", "pt-BR", "de, klingon", ","])
def test_a_language_that_is_never_guessed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="two letters for each language, separated by commas, of ar, bn"):
        codes_of(text)
