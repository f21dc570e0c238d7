"""Token estimates, held against the guides' numbers and a recorded answer's usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.gemini.registry import THINKING_LEVELS, ModelProfile, known_models, profile
from shared.core.gemini.tokens import Tokens, estimate_tokens, image_tokens, most_tokens, room_for_thoughts

FISH = Path(__file__).parents[1] / "replies" / "det_fish_gemini20exp"
TILED, FIXED = profile("gemini-2.5-flash"), profile("gemini-3.8-flash")
sides_px = st.integers(1, 20_000)


@pytest.mark.parametrize(
    ("size_px", "tokens"),
    [
        ((384, 384), 258),  # "258 tokens if both dimensions <= 384 pixels"
        ((1, 1), 258),
        ((960, 540), 6 * 258),  # the guides' own example: a crop unit of 360, so 3 * 2 tiles
        ((540, 960), 6 * 258),
        ((1000, 1000), 4 * 258),
        ((4000, 4000), 4 * 258),  # tiles grow with the image
        ((4000, 3000), 4 * 258),
        ((385, 100), 2 * 258),
        ((8000, 20), 32 * 258),  # a strip has tiles of 256 pixels at least
    ],
)
def test_2_5_counts_tiles_as_the_guides_do(size_px: tuple[int, int], tokens: int) -> None:
    assert image_tokens(TILED, size_px, None) == tokens
    assert image_tokens(TILED, size_px, "high") == tokens


@pytest.mark.parametrize(("resolution", "tokens"), [("low", 64), ("medium", 256)])
def test_2_5_does_not_tile_at_a_lower_resolution(resolution: str, tokens: int) -> None:
    assert image_tokens(TILED, (4000, 3000), resolution) == tokens


@pytest.mark.parametrize(
    ("resolution", "tokens"), [(None, 1120), ("low", 280), ("medium", 560), ("high", 1120), ("ultra_high", 2240)]
)
@given(width_px=sides_px, height_px=sides_px)
def test_from_gemini_3_on_the_media_resolution_alone_decides(
    resolution: str | None, tokens: int, width_px: int, height_px: int
) -> None:
    assert image_tokens(FIXED, (width_px, height_px), resolution) == tokens


@given(st.sampled_from(known_models()), sides_px, sides_px)
def test_an_image_costs_the_same_on_its_side(model: ModelProfile, width_px: int, height_px: int) -> None:
    assert image_tokens(model, (width_px, height_px), None) == image_tokens(model, (height_px, width_px), None) >= 258


def test_a_recorded_answer_took_about_as_many_tokens_as_estimated() -> None:
    usage = json.loads((FISH / "meta.json").read_text())["usage"]
    # Its prompt is not recorded, but asked for boxes as that of detect does, in about 200 bytes.
    estimate = estimate_tokens(
        TILED, images_px=[(384, 384)], text_bytes=200, max_output_tokens=8192, media_resolution=None
    )

    assert estimate.prompt == pytest.approx(usage["promptTokenCount"], rel=0.1)
    # Five boxes were found; the estimate is for a typical answer, which stays below 25 boxes of this size.
    assert usage["candidatesTokenCount"] < estimate.output == 1024 > usage["candidatesTokenCount"] / 5 * 25


def test_text_counts_by_four_bytes_and_images_add_up() -> None:
    estimate = estimate_tokens(
        FIXED, images_px=[(10, 10), (4000, 3000)], text_bytes=1201, max_output_tokens=4097, media_resolution="medium"
    )

    assert estimate == Tokens(prompt=2 * 560 + 301, output=513)


def test_at_most_every_byte_is_a_token_every_image_twice_its_own_and_the_room_for_thoughts_is_used_twice() -> None:
    most = most_tokens(
        FIXED, images_px=[(10, 10)] * 3, text_bytes=1201, max_output_tokens=5000, thoughts=4096, media_resolution="low"
    )

    assert most == Tokens(prompt=3 * 2 * 280 + 1201 + 256 + 3 * 16, output=9096)


def test_the_higher_the_level_the_more_room_there_is_for_thoughts() -> None:
    rooms = [room_for_thoughts(level=level, budget=None) for level in THINKING_LEVELS]

    assert rooms == sorted(set(rooms))
    assert room_for_thoughts(level="a level of next year", budget=None) == rooms[-1]
    assert [room_for_thoughts(level=None, budget=budget) for budget in (None, 0, 128, 5000)] == [0, 1024, 1024, 5000]
