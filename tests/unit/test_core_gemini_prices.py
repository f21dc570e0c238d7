"""Prices: what a call cost, and what one will cost, probably and at most."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.gemini.prices import (
    cost_usd,
    dearest_on,
    estimate_usd,
    most_usd,
    price_on,
    reserve_usd,
    spent_usd,
)
from shared.core.gemini.registry import BackendName, End, ModelProfile, Price, known_models, profile
from shared.core.gemini.request import ModelRequest
from shared.core.gemini.tokens import image_tokens
from shared.core.replies.answer import read_answer
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


def _request(model: str = "gemini-3.8-flash", *, resolution: str | None = None) -> ModelRequest:
    schema_bytes = len("null")
    return ModelRequest(
        model=model,
        prompt="x" * (1200 - schema_bytes),
        images=(),
        max_output_tokens=6400,
        thinking_level="low",
        media_resolution=resolution,
    )


def _estimate(model: str, *, images: int = 1, resolution: str | None = None, day: dt.date = TODAY) -> float | None:
    return estimate_usd(_request(model, resolution=resolution), images_px=[(4000, 3000)] * images, day=day)


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
def test_a_call_of_unknown_price_has_no_estimate_and_reserves_that_of_the_dearest_model(model: str) -> None:
    dearest = max(
        reserve_usd(_request(each.id), images_px=[(4000, 3000)], day=dt.date(2027, 6, 1))
        for each in known_models()
        if each.prices and each.counting == "fixed"
    )

    assert _estimate(model) is None
    assert most_usd(_request(model), images_px=[(4000, 3000)], day=TODAY) is None
    assert reserve_usd(_request(model), images_px=[(4000, 3000)], day=TODAY) >= dearest


def _spent(model: str, counts: dict[str, int], *, served: str | None = None) -> float | None:
    return spent_usd(model, served=served, usage=read_answer({"usageMetadata": counts}).usage, day=TODAY)


@given(
    st.sampled_from(_PRICED),
    st.lists(st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)), max_size=5),
    st.integers(1, 32_768),
    st.tuples(st.dates(dt.date(2026, 11, 20), dt.date(2027, 2, 1)), st.integers(-1, 1)),
)
def test_no_answer_that_keeps_to_its_limits_costs_more_than_was_reserved(
    model: ModelProfile, images_px: list[tuple[int, int]], limit: int, when: tuple[dt.date, int]
) -> None:
    """Whatever the day of the bill: the price of the day before, of the day after, or of the day itself."""
    day, later = when
    text = "ü¶猫" * 50
    level = model.level("low") if model.thinking == "level" else None
    budget = 0 if model.thinking == "budget" else None
    request = ModelRequest(model.id, text, (), limit, thinking_level=level, thinking_budget=budget)
    prompt = sum(image_tokens(model, size_px, None) for size_px in images_px) + len(text.encode())
    paid = cost_usd(model, Usage(prompt, limit // 3, limit - limit // 3), day=day + dt.timedelta(days=later))

    reserved = reserve_usd(request, images_px=images_px, day=day)

    assert paid is not None
    assert paid <= reserved


def test_a_day_on_which_the_price_rises_is_the_dearer_one_already_the_day_before() -> None:
    (before, eve, new) = (
        reserve_usd(_request(), images_px=[], day=day)
        for day in (dt.date(2026, 12, 30), dt.date(2026, 12, 31), dt.date(2027, 1, 1))
    )

    assert eve == new == pytest.approx(2 * before)


@pytest.mark.parametrize("backend", ["developer", "vertex"])
def test_a_retired_model_is_reserved_for_as_the_dearer_of_itself_and_whatever_answers_in_its_place(
    backend: BackendName,
) -> None:
    own, successor = profile("gemini-2.5-flash-lite"), profile("gemini-3.8-flash")
    retired = replace(own, id="m", ends={backend: End(TODAY, firm=True, successor=successor.id)})

    price, dearer = dearest_on(retired, TODAY), price_on(successor, TODAY)

    assert price is not None
    assert dearer is not None
    assert (price.usd_in, price.usd_out) == (dearer.usd_in, dearer.usd_out)


def test_an_answer_is_billed_as_the_model_that_served_it() -> None:
    counts = {"promptTokenCount": 1_000_000, "totalTokenCount": 1_000_000}

    asked = _spent("gemini-3.8-flash", counts)
    served = _spent("gemini-3.8-flash", counts, served="gemini-3.5-flash-lite")

    assert (asked, served) == (0.75, 0.30)


def test_what_a_total_has_beyond_prompt_and_words_costs_as_much_as_words() -> None:
    counts = {"promptTokenCount": 1000, "candidatesTokenCount": 10, "totalTokenCount": 3000}

    assert _spent("gemini-3.8-flash", counts) == pytest.approx((1000 * 0.75 + 2000 * 3.75) / 1e6)


@pytest.mark.parametrize(
    ("model", "counts"),
    [
        ("gemini-9-uranium", {"promptTokenCount": 5, "totalTokenCount": 5}),
        ("gemini-3.8-flash", {"promptTokenCount": 5, "candidatesTokenCount": 5}),
        ("gemini-3.8-flash", {"totalTokenCount": 5}),
        ("gemini-3.8-flash", {"promptTokenCount": 5, "totalTokenCount": -1}),
    ],
)
def test_what_an_answer_cost_is_unknown_where_price_prompt_or_total_are(model: str, counts: dict[str, int]) -> None:
    assert _spent(model, counts) is None
