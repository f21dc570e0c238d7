"""The emulator sees where lines of text are, and says that it cannot read them."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw, ImageFont

from infra.emulators.gemini.models import MaskForm
from infra.emulators.gemini.structured_output import UNREAD, Facts, fill
from infra.emulators.gemini.vision.analyzer import analyze

if TYPE_CHECKING:
    from infra.emulators.gemini.vision.analysis import Analysis

SENTENCES = ("The quick brown fox", "jumps over the lazy", "and sleepy old dog")
TOPS = (80, 230, 380)
BOX = {"type": "array", "items": {"type": "integer"}}
LINES = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "language": {"type": "string"}, "box_2d": BOX},
            },
        }
    },
}


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _page(ink: str, ground: str) -> Analysis:
    picture = Image.new("RGB", (800, 600), ground)
    draw = ImageDraw.Draw(picture)
    for top, sentence in zip(TOPS, SENTENCES, strict=True):
        draw.text((60, top), sentence, fill=ink, font=ImageFont.load_default(40))
    return analyze(_png(picture))


@pytest.mark.parametrize(("ink", "ground"), [("black", "white"), ("white", "navy")])
def test_printed_lines_are_seen_from_top_to_bottom(ink: str, ground: str) -> None:
    lines = _page(ink, ground).lines

    assert len(lines) == len(TOPS)
    for (ymin, _, ymax, _), top in zip(lines, TOPS, strict=True):
        assert ymin <= (top + 25) * 1000 / 600 <= ymax  # the middle of the letters


def test_a_bare_surface_and_a_single_thing_have_no_lines() -> None:
    picture = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(picture).ellipse((200, 100, 400, 300), fill="red")

    assert analyze(_png(picture)).lines == ()


def test_a_line_is_said_to_be_unread_and_its_language_undetermined() -> None:
    seen = _page("black", "white")

    answer = fill(LINES, Facts(seen, caption="", answer="", mask=MaskForm.POLYGON))

    assert answer["lines"] == [{"text": UNREAD, "language": "und", "box_2d": list(box)} for box in seen.lines]
    assert fill(LINES, Facts(replace(seen, lines=()), caption="", answer="", mask=MaskForm.POLYGON)) == {"lines": []}
