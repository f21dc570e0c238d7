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
    """Return the opaque picture at `size`, and what was done with its transparency.

    It is shrunk once, with its alpha, and laid on either ground when it is small: that gives the same, and costs half.
    """
    if not picture.transparent:
        return shrunk(picture, size), ()
    small = shrunk(replace(picture, rows=partial(_premultiplied, picture), whole=None), size).convert("RGBA")
    on_white = _laid_on(small, _WHITE)
    contrasting = sum(on_white.convert("L").histogram()[:_NEARLY_WHITE])
    if contrasting <= _HARDLY_ANYTHING * size[0] * size[1]:
        on_black = _laid_on(small, _BLACK)
        visible = sum(on_black.convert("L").histogram()[_NEARLY_BLACK:])
        if contrasting < _HARDLY_ANYTHING * visible:
            return on_black, ("transparency laid on black: on white hardly anything would be seen",)
    return on_white, ("transparency laid on white",)


def _premultiplied(picture: Picture, y0: int, y1: int) -> Image.Image:
    strip = picture.rows(y0, y1)
    # Premultiplied alpha converts one step at a time only.
    straight = strip.convert("LA") if strip.mode == "La" else strip
    return straight if straight.mode == "RGBa" else straight.convert("RGBA").convert("RGBa")


def _laid_on(small: Image.Image, ground: Colour) -> Image.Image:
    from PIL import Image

    paper = Image.new("RGB", small.size, ground)
    paper.paste(small, mask=small.getchannel("A"))
    return paper
