"""The models: data that is sane, and safe answers about models nobody has heard of."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.model import Usage
from shared.core.registry import ModelProfile, Price, cost_usd, known_models, profile
from shared.core.tasks import TASKS

TODAY = dt.date(2026, 11, 21)
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
each_model = pytest.mark.parametrize("model", known_models(), ids=lambda model: model.id)


@each_model
def test_a_model_says_how_it_thinks_with_levels_from_the_lowest_up(model: ModelProfile) -> None:
    assert list(model.levels) == [level for level in LEVELS if level in model.levels]
    assert bool(model.levels) is (model.thinking == "level")


@each_model
def test_a_model_has_known_masks_and_back_ends(model: ModelProfile) -> None:
    assert model.masks in {"png", "polygon", "none"}
    assert set(model.backends) <= {"developer", "vertex"}
    assert model.backends


@each_model
def test_prices_stand_in_the_order_of_their_days_and_answers_cost_more_than_prompts(model: ModelProfile) -> None:
    days = [price.start for price in model.prices]

    assert days == sorted(set(days))
    assert days[0] <= TODAY
    assert all(0 < price.usd_in < price.usd_out < 100 for price in model.prices)


@each_model
def test_a_model_that_ends_has_a_successor_that_goes_on(model: ModelProfile) -> None:
    assert (model.retired is None) is (model.successor is None)
    if model.successor is not None:
        assert profile(model.successor).known
        assert profile(model.successor).retired is None


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_has_a_known_model_that_lives_and_takes_its_thinking_level(task: object) -> None:
    default = profile(task.model)  # type: ignore[attr-defined]

    assert default.known
    assert default.retired is None
    assert task.thinking in default.levels  # type: ignore[attr-defined]


def test_an_unknown_model_is_taken_for_one_of_today_and_says_that_it_is_unknown() -> None:
    assert profile("gemini-9-uranium") == ModelProfile(
        id="gemini-9-uranium",
        thinking="level",
        levels=("low", "medium", "high"),
        masks="polygon",
        prices=(),
        known=False,
    )


@pytest.mark.parametrize(
    ("model", "wanted", "asked_for"),
    [
        ("gemini-3.8-flash", "minimal", "low"),  # answered with 400 otherwise
        ("gemini-3.8-flash", "medium", "medium"),
        ("gemini-3.8-flash", "xhigh", "low"),
        ("gemini-4-hydrogen", "xhigh", "xhigh"),
        ("gemini-3.5-flash-lite", "minimal", "minimal"),
        ("gemini-9-uranium", "minimal", "low"),
        ("gemini-3.8-flash", "a lot", "low"),
    ],
)
def test_a_level_the_model_rejects_becomes_its_lowest(model: str, wanted: str, asked_for: str) -> None:
    assert profile(model).level(wanted) == asked_for


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


_counts = st.none() | st.integers(0, 10**7)


@given(st.sampled_from(known_models()), st.integers(0, 10**7), _counts, _counts)
def test_no_cost_is_negative_and_thoughts_cost_as_much_as_words(
    model: ModelProfile, prompt: int, output: int | None, thought: int | None
) -> None:
    cost = cost_usd(model, Usage(prompt, output, thought), day=TODAY)

    assert cost is not None
    assert cost >= 0
    assert cost == cost_usd(model, Usage(prompt, thought, output), day=TODAY)
