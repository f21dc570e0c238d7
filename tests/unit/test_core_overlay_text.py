from __future__ import annotations

from itertools import groupby

import pytest

from shared.core.overlays import typesetting
from shared.core.overlays.text import clusters, drawable_label, levels, visual_order
from shared.core.overlays.typesetting import set_line, shortened

NO_GLYPH = "\U0010ffff"


def left_to_right(text: str) -> str:
    pieces = clusters(text)
    runs = [list(run) for _, run in groupby(zip(levels(pieces), pieces, strict=True), key=lambda pair: pair[0])]
    order = visual_order([run[0][0] for run in runs])
    return "".join("".join(piece for _, piece in runs[i][:: -1 if runs[i][0][0] % 2 else 1]) for i in order)


def test_a_long_label_ends_in_an_ellipsis_and_fits() -> None:
    text = shortened("a very long label that tells the whole story", size=20, max_width=150)
    assert text == "a very long la…"
    assert set_line(text, size=20).advance <= 150


def test_a_label_that_fits_is_left_whole() -> None:
    assert shortened("cat", size=20, max_width=150) == "cat"


def test_marks_joiners_skin_tones_and_flags_stay_with_their_base() -> None:
    assert clusters("e\u0301कि👩🏽\u200d🍳🇨🇿🇩🇪x") == ["e\u0301", "कि", "👩🏽\u200d🍳", "🇨🇿", "🇩🇪", "x"]


def test_a_label_is_never_cut_inside_a_character_and_its_marks() -> None:
    assert shortened("e\u0301" * 40, size=20, max_width=100).endswith("e\u0301…")


SCRIPTS = {
    "latin": "crème brûlée žluťoučký Ðiệp",
    "cyrillic": "Кофейная чашка ґїў",
    "greek": "Φλιτζάνι καφέ",
    "arabic": "فنجان قهوة",
    "persian": "کتاب‌خانهٔ من",
    "hebrew": "כוס קפה",
    "devanagari": "कॉफ़ी का प्याला",
    "bengali": "কফি কাপ",
    "tamil": "காபி கோப்பை",
    "telugu": "కాఫీ కప్పు",
    "thai": "ถ้วยกาแฟ น้ำปั่น",
    "khmer": "កាហ្វេ",
    "georgian": "ყავის ჭიქა",
    "armenian": "սուրճ",
    "ethiopic": "ቡና",
    "chinese": "一杯咖啡\uff08热\uff09",
    "traditional chinese": "一杯咖啡\uff0c熱",
    "japanese": "コーヒーカップ、猫",
    "korean": "커피 한 잔",
    "symbols": "→ ★ ½ € № ①",
    "emoji": "☕ 🐱 ❤️ 👩🏽‍🍳 🇨🇿 1️⃣",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_character_of_a_script_has_a_glyph(script: str) -> None:
    glyphs, _ = typesetting._layout(drawable_label(SCRIPTS[script]), 20)
    assert [glyph.code for glyph in glyphs if glyph.code == 0] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_label_of_a_script_looks_different_from_missing_glyphs(script: str) -> None:
    label = SCRIPTS[script]
    boxes = set_line(" ".join(NO_GLYPH * len(word) for word in label.split()), size=20).ink
    assert set_line(label, size=20).ink != boxes
    assert set_line(label, size=20).ink.getextrema() == (0, 255)


def test_arabic_letters_are_joined() -> None:
    joined = set_line("قهوة", size=40)
    apart = set_line("\u200c".join("قهوة"), size=40)
    assert joined.advance < apart.advance


def test_devanagari_vowels_are_reordered_before_their_consonant() -> None:
    sign_first = typesetting._layout("कि", 20)[0][0].code
    assert sign_first != typesetting._layout("क", 20)[0][0].code


def test_han_characters_take_the_shape_of_the_labels_language() -> None:
    chinese, japanese = set_line("骨", size=40).ink, set_line("骨の", size=40).ink
    assert chinese != japanese.crop((0, 0, *chinese.size))


@pytest.mark.parametrize(
    ("logical", "visual"),
    [
        ("cat", "cat"),
        ("abc אבג def", "abc גבא def"),
        ("אבג abc", "abc גבא"),
        ("אבג 12.5", "12.5 גבא"),
        ("قهوة 3:45 cup", "cup 3:45 ةوهق"),
        ("cat אבג דה 20% dog", "cat 20% הד גבא dog"),
        ("אבג, דה!", "!הד ,גבא"),
    ],
)
def test_mixed_directions_read_as_the_unicode_algorithm_says(logical: str, visual: str) -> None:
    assert left_to_right(logical) == visual


@pytest.mark.fault(81)
@pytest.mark.parametrize(
    ("label", "clean"),
    [
        ("  two\n\r\nlines\tand\x00 nulls \x1b[31m", "two lines and nulls [31m"),
        ("safe\u202egpj.exe\u202c\u2066\u2069\u200f", "safegpj.exe"),
        ("\ud800half", "\ufffdhalf"),
        ("\ufeff\u2028\u2029\u200b", ""),
        ("\u200d\u200c", ""),
        ("x" * 100_000, "x" * 200),
        ("خ\u200cم", "خ\u200cم"),
    ],
)
def test_a_hostile_label_is_made_harmless(label: str, clean: str) -> None:
    assert drawable_label(label) == clean
