"""Sets one line of text in any script with HarfBuzz and the Noto fonts.

HarfBuzz shapes *and* rasterises here: Pillow shapes only where the system has FriBidi, which the default base
image of Cloud Run functions lacks. Fonts come from the packages `manimgx-fonts` and `manimgx-fonts-cjk` and
are mapped into memory, so that only the pages of glyphs in use are read.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from shared.core.overlays.text import (
    ELLIPSIS,
    EMOJI_STYLE,
    clusters,
    is_letter,
    levels,
    visible,
    visual_order,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

_SUBPIXELS: Final = 64
_WEIGHT: Final = 550

_SANS: Final = "NotoSans"
_CJK: Final = "NotoSansCJK"
_EMOJI: Final = "NotoEmoji"
_ORDER: Final = (
    _SANS,
    "NotoSansArabic",
    "NotoSansArmenian",
    "NotoSansBengali",
    "NotoSansDevanagari",
    "NotoSansEthiopic",
    "NotoSansGeorgian",
    "NotoSansGujarati",
    "NotoSansGurmukhi",
    "NotoSansHebrew",
    "NotoSansKannada",
    "NotoSansKhmer",
    "NotoSansLao",
    "NotoSansMalayalam",
    "NotoSansMyanmar",
    "NotoSansOriya",
    "NotoSansSinhala",
    "NotoSansTamil",
    "NotoSansTelugu",
    "NotoSansThai",
    "NotoSansSymbols",
    _CJK,
    _EMOJI,
)
"""Fonts in the order they are asked for a character."""

_KANA: Final = range(0x3040, 0x3100)
_HANGUL: Final = range(0xAC00, 0xD7B0)
_FACE_JP, _FACE_KR, _FACE_SC = 0, 1, 2
"""Faces of the CJK collection: the same characters in the shapes of each region."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text as coverage (mode L), its left edge right of the pen, its top edge above the baseline, in px."""

    ink: Image.Image
    left: int
    top: int
    advance: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Clusters in logical order that share a font and a level."""

    text: str
    font: str
    level: int


@dataclass(frozen=True, slots=True)
class _Glyph:
    """A glyph of a HarfBuzz font at a pen position in 1/64 px."""

    font: Any
    code: int
    x: int
    y: int


def shortened(text: str, *, size: int, max_width: int) -> str:
    """Return `text`, or its longest beginning with an ellipsis that is at most `max_width` px wide."""
    if _advance(text, size) <= max_width:
        return text
    pieces = clusters(text)
    beginnings = ["".join(pieces[:count]).rstrip() + ELLIPSIS for count in range(len(pieces))]
    count = bisect_right(beginnings, max_width, key=lambda candidate: _advance(candidate, size))
    return beginnings[max(count - 1, 0)]


def set_line(text: str, *, size: int) -> Line:
    """Set `text` at `size` px per em; a character that no font has comes out as the box of a missing glyph."""
    import uharfbuzz as hb
    from PIL import Image

    glyphs, advance = _layout(text, size)
    raster = hb.RasterDraw()
    for glyph in glyphs:
        raster.transform = (1 / _SUBPIXELS, 0, 0, 1 / _SUBPIXELS, glyph.x / _SUBPIXELS, glyph.y / _SUBPIXELS)
        raster.draw_glyph(glyph.font, glyph.code)
    image = raster.render()
    box = image.extents
    ink = Image.frombytes("L", (box.width, box.height), image.buffer, "raw", "L", box.stride, -1)
    return Line(ink, left=box.x_origin, top=box.y_origin + box.height, advance=-(-advance // _SUBPIXELS))


def _advance(text: str, size: int) -> int:
    return -(-_layout(text, size)[1] // _SUBPIXELS)


def _layout(text: str, size: int) -> tuple[list[_Glyph], int]:
    """Place the glyphs of `text` from left to right; the advance is in 1/64 px."""
    runs, face = _runs(text), _cjk_face(text)
    glyphs: list[_Glyph] = []
    pen = 0
    for index in visual_order([run.level for run in runs]):
        run = runs[index]
        placed, pen = _shape(run, _font(run.font, face if run.font == _CJK else 0, size), pen)
        glyphs += placed
    return glyphs, pen


def _runs(text: str) -> list[_Run]:
    pieces = clusters(text)
    keyed = zip(pieces, _fonts_for(pieces), levels(pieces), strict=True)
    grouped = groupby(keyed, key=lambda piece: piece[1:])
    return [_Run("".join(piece[0] for piece in group), *key) for key, group in grouped]


def _shape(run: _Run, font: Any, pen: int) -> tuple[list[_Glyph], int]:
    import uharfbuzz as hb

    buffer = hb.Buffer()
    buffer.add_str(run.text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    buffer.language = "und"  # the guess would follow the locale of the process
    hb.shape(font, buffer, {})
    glyphs = []
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append(_Glyph(font, info.codepoint, pen + position.x_offset, position.y_offset))
        pen += position.x_advance
    return glyphs, pen


def _fonts_for(pieces: Sequence[str]) -> list[str]:
    """Name a font for each cluster; digits, spaces and punctuation stay in the font of the text before them."""
    fonts = [_SANS]
    for piece in pieces:
        stays = fonts[-1] != _EMOJI and not is_letter(piece) and EMOJI_STYLE not in piece
        fonts.append(fonts[-1] if stays and _covers(fonts[-1], visible(piece)) else _font_with(piece))
    return fonts[1:]


@lru_cache(maxsize=4096)
def _font_with(piece: str) -> str:
    order = (_EMOJI, *_ORDER) if EMOJI_STYLE in piece else _ORDER
    return next((name for name in order if _covers(name, visible(piece))), _SANS)


def _covers(name: str, chars: str) -> bool:
    font = _font(name, 0, 1)
    return all(font.get_nominal_glyph(ord(char)) for char in chars)


def _cjk_face(text: str) -> int:
    codes = [ord(char) for char in text]
    if any(code in _KANA for code in codes):
        return _FACE_JP
    return _FACE_KR if any(code in _HANGUL for code in codes) else _FACE_SC


@lru_cache(maxsize=256)
def _font(name: str, face: int, size: int) -> Any:
    import uharfbuzz as hb

    font = hb.Font(_face(name, face))
    font.scale = (size * _SUBPIXELS, size * _SUBPIXELS)
    font.set_variations({"wght": _WEIGHT})
    return font


@cache
def _face(name: str, index: int) -> Any:
    from importlib.resources import files

    import uharfbuzz as hb

    if name == _CJK:
        path = files("manimgx_fonts_cjk") / f"{name}-VF.otf.ttc"
    else:
        path = files("manimgx_fonts") / f"{name}[wght].ttf"
    return hb.Face(hb.Blob.from_file_path(str(path)), index)
