"""How many tokens a prompt costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Model

CHARACTERS_PER_TOKEN = 4
TILE_TOKENS, TILE_SIDE, SMALL_SIDE = 258, 768, 384
DEFAULT_RESOLUTION = "HIGH"


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for every four characters begun."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def image_tokens(model: Model, size: tuple[int, int], resolution: str | None) -> int:
    """Return the tokens of one image of `size` (width, height) in pixels.

    By media resolution where the model's table has it; else by tiles: 258 if both sides are at most 384,
    else 258 for each tile of 768 pixels begun.
    """
    fixed = model.image_tokens.get(resolution or DEFAULT_RESOLUTION)
    if fixed is not None:
        return fixed
    if max(size) <= SMALL_SIDE:
        return TILE_TOKENS
    return TILE_TOKENS * math.ceil(size[0] / TILE_SIDE) * math.ceil(size[1] / TILE_SIDE)
