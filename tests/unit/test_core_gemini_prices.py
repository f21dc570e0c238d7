"""Prices: what a call cost, and what one will probably cost."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.gemini.prices import cost_usd, estimate_usd, price_on
from shared.core.gemini.registry import ModelProfile, Price, known_models, profile
from shared.core.values import Usage

TODAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("day", "usd"),
    [
        # 1,120 image and 300 prompt tokens in, 700 + 100 thought tokens out.
        (dt.date(2026, 12, 31), (1420 * 0.75 + 800 * 3.75) / 1e6),  # 0.004065
        (dt.date(2027, 1, 1), (1420 * 1.50 + 800 * 7.50) / 1e6),  # 0.008130
        (dt.date(2030, 1, 1), (1420 * 1.50 + 800 * 7.50) / 1e6),
        (dt.date(2026, 9, 1), None),  # the day before it was for sale
    ],
)
def test_a_call_costs_what_the_list_said_that_day(day: dt.date, usd: float | None) -> None:
    usage = Usage(prompt_tokens=1420, output_tokens=700, thought_tokens=100, total_tokens=2220)

    cost = cost_usd(profile("gemini-3.8-flash"), usage, day=day)

    assert cost == (None if usd is None else pytest.approx(usd))


def test_the_price_of_the_day_does_not_depend_on_the_order_of_the_list() -> None:
    new, old = Price(dt.date(2027, 1, 1), 2, 2), Price(dt.date(2026, 1, 1), 1, 1)
    usage = Usage(prompt_tokens=1_000_000)

    costs = [cost_usd(ModelProfile("m", prices=prices), usage, day=TODAY) for prices in ((new, old), (old, new))]

    assert costs == [1.0, 1.0]


@pytest.mark.parametrize(
    ("model", "usage"),
    [("gemini-9-uranium", Usage(prompt_tokens=1, output_tokens=1)), ("gemini-3.8-flash", Usage(output_tokens=1))],
)
def test_an_unknown_price_or_count_gives_no_cost_instead_of_a_wrong_one(model: str, usage: Usage) -> None:
    assert cost_usd(profile(model), usage, day=TODAY) is None


_PRICED = [model for model in known_models() if price_on(model, TODAY)]
_counts = st.none() | st.integers(0, 10**7)


@given(st.sampled_from(_PRICED), st.integers(0, 10**7), _counts, _counts)
def test_no_cost_is_negative_and_thoughts_cost_as_much_as_words(
    model: ModelProfile, prompt: int, output: int | None, thought: int | None
) -> None:
    cost = cost_usd(model, Usage(prompt, output, thought), day=TODAY)

    assert cost is not None
    assert cost >= 0
    assert cost == cost_usd(model, Usage(prompt, thought, output), day=TODAY)


def _estimate(model: str, *, images: int = 1, resolution: str | None = None, day: dt.date = TODAY) -> float | None:
    return estimate_usd(
        profile(model),
        images_px=[(4000, 3000)] * images,
        text_bytes=1200,
        max_output_tokens=12_800,
        media_resolution=resolution,
        day=day,
    )


def test_a_call_with_one_image_is_estimated_as_the_price_list_has_it() -> None:
    # 1,120 image and 300 text tokens in, 800 out.
    assert _estimate("gemini-3.8-flash") == pytest.approx(0.004065)
    assert _estimate("gemini-3.8-flash", day=dt.date(2027, 1, 1)) == pytest.approx(0.00813)
    assert _estimate("gemini-3.5-flash-lite") == pytest.approx(0.002426)


def test_more_images_cost_more_and_a_lower_resolution_less() -> None:
    one, two = _estimate("gemini-3.8-flash"), _estimate("gemini-3.8-flash", images=2)
    low = _estimate("gemini-3.8-flash", resolution="low")

    assert one is not None
    assert two == pytest.approx(one + 1120 * 0.75e-6)
    assert low == pytest.approx(one - 840 * 0.75e-6)


@pytest.mark.parametrize("model", ["gemini-9-uranium", "gemini-robotics-er-2-preview"])
def test_a_call_of_unknown_price_has_no_estimate_instead_of_a_wrong_one(model: str) -> None:
    assert _estimate(model) is None
