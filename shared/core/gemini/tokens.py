"""How many tokens a call will cost, before it is made: an estimate, corrected by what the answer reports.

Images are counted by the rule of the model's generation, as Google's image-understanding guides put it. Text and
output are rules of thumb, and say so.
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
_TYPICAL_PART_OF_OUTPUT = 16


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Tokens that a call will probably be billed for. `output` holds thoughts too: they cost the same."""

    prompt: int
    output: int


def estimate_tokens(
    model: ModelProfile,
    *,
    images_px: Sequence[tuple[int, int]],
    text_bytes: int,
    max_output_tokens: int,
    media_resolution: str | None,
) -> TokenEstimate:
    """Estimate the tokens of one call.

    `images_px` holds (width, height) of every image as it is sent. `text_bytes` counts prompt, system instruction
    and response schema as UTF-8: about four bytes are a token.

    A typical output is taken for a sixteenth of `max_output_tokens`: the tasks' limits are set far above need, so
    that an answer is not cut. A recorded answer with five boxes took 198 tokens (tests/replies/det_fish_gemini20exp):
    25 boxes, the most that detect asks for, about 1,000 of its 16,384.
    """
    pixels = sum(image_tokens(model, size_px, media_resolution) for size_px in images_px)
    return TokenEstimate(
        prompt=pixels + math.ceil(text_bytes / _BYTES_PER_TOKEN),
        output=math.ceil(max_output_tokens / _TYPICAL_PART_OF_OUTPUT),
    )


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
