"""How many tokens a call will cost, before it is made: probably, and at most.

Images are counted by the rule of the model's generation, as Google's image-understanding guides put it. Text and
output are rules of thumb where a likely number is wanted, and bounds where the most is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.gemini.registry import ModelProfile

_TOKENS_BY_RESOLUTION: Mapping[str, Mapping[str, int]] = {
    "fixed": {"low": 280, "medium": 560, "high": 1120, "ultra_high": 2240},
    "tiles": {"low": 64, "medium": 256},  # "high", the default, is tiled
}
_DEFAULT_RESOLUTION = "high"

_TILE_TOKENS = 258
_ONE_TILE_SIDE_PX = 384
_LEAST_CROP_UNIT_PX = 256
_CROP_UNITS_OF_SHORT_SIDE = 1.5

_BYTES_PER_TOKEN = 4
_TYPICAL_PART_OF_OUTPUT = 8

_ROOM_FOR_THOUGHTS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 4096,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
}
"""Tokens of thoughts that an answer must have room for, by level: a model that runs out of them says nothing at all."""

MAX_OUTPUT_TOKENS = 32_768
"""Most that any call asks for: beyond it Gemini 4 Argon ends a call and wants another one, billed anew, to go on."""

_IMAGE_MARGIN = 2
"""Bills have named other numbers than the guides (python-genai#1349): at most, an image counts as twice its tokens."""

_TOKENS_AROUND_A_CALL, _TOKENS_AROUND_AN_IMAGE = 256, 16
"""Marks of turns and parts, and the words `Image 7:`."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that a call is billed for, probably or at most. `output` holds thoughts too: they cost the same."""

    prompt: int
    output: int


def estimate_tokens(
    model: ModelProfile,
    *,
    images_px: Sequence[tuple[int, int]],
    text_bytes: int,
    max_output_tokens: int,
    media_resolution: str | None,
) -> Tokens:
    """Return the tokens that one call will probably take.

    `images_px` holds (width, height) of every image as it is sent. `text_bytes` counts prompt, system instruction
    and response schema as UTF-8: about four bytes are a token.

    A typical output is taken for an eighth of `max_output_tokens`: the tasks' limits are set above need, so that an
    answer is not cut. A recorded answer with five boxes took 198 tokens (tests/replies/det_fish_gemini20exp): 25 boxes,
    the most that detect asks for, about 1,000 of its 7,808.
    """
    pixels = sum(image_tokens(model, size_px, media_resolution) for size_px in images_px)
    return Tokens(
        prompt=pixels + math.ceil(text_bytes / _BYTES_PER_TOKEN),
        output=math.ceil(max_output_tokens / _TYPICAL_PART_OF_OUTPUT),
    )


def most_tokens(
    model: ModelProfile,
    *,
    images_px: Sequence[tuple[int, int]],
    text_bytes: int,
    max_output_tokens: int,
    thoughts: int,
    media_resolution: str | None,
) -> Tokens:
    """Return the tokens that one call can take at most; `thoughts` is the room that is left for them.

    No token of text is shorter than a byte. Gemini counts thoughts within `max_output_tokens`, as users measured it on
    2.5, 3 and 4 (python-genai#2062); Google's pages have said otherwise, and small overruns are told of. So the room
    for thoughts is counted once more.
    """
    pixels = sum(_IMAGE_MARGIN * image_tokens(model, size_px, media_resolution) for size_px in images_px)
    around = _TOKENS_AROUND_A_CALL + _TOKENS_AROUND_AN_IMAGE * len(images_px)
    return Tokens(prompt=pixels + text_bytes + around, output=max_output_tokens + thoughts)


def room_for_thoughts(*, level: str | None, budget: int | None) -> int:
    """Return how many tokens of thoughts to leave room for where a model is asked for this level, or this budget.

    A budget is a wish, not a limit (python-genai#782): even one of 0 has the room of the least level.
    """
    if level is not None:
        return _ROOM_FOR_THOUGHTS.get(level, max(_ROOM_FOR_THOUGHTS.values()))
    return 0 if budget is None else max(budget, _ROOM_FOR_THOUGHTS["minimal"])


def image_tokens(model: ModelProfile, size_px: tuple[int, int], media_resolution: str | None) -> int:
    """Return the prompt tokens of one image of this (width, height).

    From Gemini 3 on the media resolution alone decides; 2.5 tiles at its default.
    """
    by_resolution = _TOKENS_BY_RESOLUTION[model.counting]
    fixed = by_resolution.get(media_resolution or _DEFAULT_RESOLUTION)
    return _tiled(size_px) if fixed is None else fixed


def _tiled(size_px: tuple[int, int]) -> int:
    """Count tiles as Google's guides do: crop units of two thirds of the short side, all scaled to 768 x 768.

    The guides give no least unit any more; 256 px, that of earlier ones, keeps narrow strips from thousands of tiles.
    """
    if max(size_px) <= _ONE_TILE_SIDE_PX:
        return _TILE_TOKENS
    unit_px = max(_LEAST_CROP_UNIT_PX, math.floor(min(size_px) / _CROP_UNITS_OF_SHORT_SIDE))
    return _TILE_TOKENS * math.prod(math.ceil(side_px / unit_px) for side_px in size_px)
