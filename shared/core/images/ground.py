"""What transparent pictures are laid on: white, or black where nothing would be seen on white."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from shared.core.images.pixels import Picture, shrunk

if TYPE_CHECKING:
    from PIL import Image

Colour = tuple[int, int, int]
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)
_NEARLY_WHITE, _NEARLY_BLACK = 240, 16
_HARDLY_ANYTHING = 0.01


def drawn(picture: Picture, size: tuple[int, int]) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the opaque picture at `size`, and what was done with its transparency."""
    if not picture.transparent:
        return shrunk(picture, size), ()
    on_white = shrunk(_laid_on(picture, _WHITE), size)
    # One look at the small copy tells the ordinary picture; only what is nearly white all over is drawn twice.
    contrasting = sum(on_white.convert("L").histogram()[:_NEARLY_WHITE])
    if contrasting <= _HARDLY_ANYTHING * size[0] * size[1]:
        on_black = shrunk(_laid_on(picture, _BLACK), size)
        visible = sum(on_black.convert("L").histogram()[_NEARLY_BLACK:])
        if contrasting < _HARDLY_ANYTHING * visible:
            return on_black, ("transparency laid on black: on white hardly anything would be seen",)
    return on_white, ("transparency laid on white",)


def _laid_on(picture: Picture, ground: Colour) -> Picture:
    return replace(picture, rows=partial(_strip_on, picture, ground), transparent=False)


def _strip_on(picture: Picture, ground: Colour, y0: int, y1: int) -> Image.Image:
    from PIL import Image

    strip = picture.rows(y0, y1)
    # Premultiplied alpha converts one step at a time only.
    straight = {"La": "LA", "RGBa": "RGBA"}.get(strip.mode)
    rgba = (strip.convert(straight) if straight else strip).convert("RGBA")
    paper = Image.new("RGB", strip.size, ground)
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return paper
