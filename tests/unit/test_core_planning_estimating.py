"""What work will cost: learned from results, or guessed and said so."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.prices import cost_usd, most_usd
from shared.core.gemini.registry import profile
from shared.core.gemini.tokens import Tokens
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.estimating import LEAST_SAMPLE, SAMPLE, CallEstimate, Estimate, Samples, TimeLimits, total
from shared.core.planning.plan import resolve_settings
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source, Usage
from tests.rig import SERVICE

FLASH = "gemini-3.8-flash"


def _event(task: str, **choices: Any) -> ImageEvent:
    wish = Choices(for_all=TaskChoices(**{"question": "What is red?", **choices}))
    return ImageEvent(Source("uploads", "a.jpg", 1), task, resolve_settings(task, wish), "v1")


def _document(
    prompt: Any, output: Any, thoughts: Any = 0, *, task: str = "detect", model: str = FLASH
) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "output_tokens": output, "thought_tokens": thoughts}
    return {"task": task, "model": {"requested": model, "served": model}, "usage": usage}


@pytest.mark.parametrize("task", TASKS)
def test_a_guess_is_below_the_most_that_is_reserved_and_never_below_what_is_sent(task: str) -> None:
    estimate, event = Estimate(SERVICE), _event(task)
    for _ in range(3):
        estimate.add(event)

    (row,) = estimate.rows(Samples())

    most = most_usd(request_for(event), images_px=[(4000, 3000)], day=SERVICE.today)
    assert (row.task, row.events, row.sampled) == (task, 3, 0)
    assert row.cost.usd is not None
    assert most is not None
    assert 0 < row.cost.usd.low < row.cost.usd.likely < row.cost.usd.high == pytest.approx(3 * most)
    assert row.cost.prompt.low == row.cost.prompt.likely > 3 * 1120


@given(st.lists(st.tuples(*[st.integers(0, 5000)] * 3), min_size=LEAST_SAMPLE, max_size=50), st.integers(1, 10**6))
def test_what_is_learned_is_the_mean_of_the_sample_at_list_price(
    taken: list[tuple[int, int, int]], events: int
) -> None:
    samples, estimate = Samples(), Estimate(SERVICE)
    for each in taken:
        samples.add(_document(*each))
    estimate._before["detect", FLASH] = (events, CallEstimate())

    (row,) = estimate.rows(samples)

    costs = [cost_usd(profile(FLASH), Usage(*each), day=SERVICE.today) or 0.0 for each in taken]
    assert row.sampled == len(taken)
    assert row.cost.usd is not None
    assert row.cost.usd.likely == pytest.approx(events * sum(costs) / len(costs), abs=1e-7 * events)
    assert row.cost.usd.low <= row.cost.usd.likely <= row.cost.usd.high


def test_settings_of_their_own_for_each_upload_add_up_without_filling_the_memory() -> None:
    estimate, plain = Estimate(SERVICE), Estimate(SERVICE)
    for number in range(1005):
        estimate.add(_event("ask", question=f"How many of {number:04}?"))
        plain.add(_event("ask", question="How many of 0000?"))

    (row,), (same,) = estimate.rows(Samples()), plain.rows(Samples())

    assert (row.events, estimate.events) == (1005, 1005)
    assert row.cost.usd is not None
    assert same.cost.usd is not None
    assert row.cost.usd.likely == pytest.approx(same.cost.usd.likely)
    assert len(estimate._alike) <= 1000


def test_too_few_results_teach_nothing() -> None:
    samples, estimate = Samples(), Estimate(SERVICE)
    estimate.add(_event("detect"))
    for _ in range(LEAST_SAMPLE - 1):
        samples.add(_document(1000, 10))

    assert estimate.rows(samples)[0].sampled == 0
    samples.add(_document(1000, 10))
    assert estimate.rows(samples)[0].sampled == LEAST_SAMPLE


def test_results_of_another_model_or_task_teach_nothing() -> None:
    samples, estimate = Samples(), Estimate(SERVICE)
    estimate.add(_event("detect"))
    for _ in range(20):
        samples.add(_document(1000, 10, model="gemini-3.5-flash-lite"))
        samples.add(_document(1000, 10, task="segment"))

    assert estimate.rows(samples)[0].sampled == 0


@pytest.mark.parametrize(
    "broken", [{}, {"model": None}, {"model": {}, "usage": []}, {"model": {}, "usage": {"prompt_tokens": "x"}}]
)
def test_what_is_no_document_breaks_nothing(broken: dict[str, Any]) -> None:
    samples = Samples()

    samples.add(broken)

    assert not samples.suffice("detect", FLASH)


def test_only_the_latest_results_are_kept() -> None:
    samples = Samples()
    for number in range(SAMPLE + 10):
        samples.add(_document(number, 1))

    assert samples.count("detect", FLASH) == SAMPLE
    assert samples.taken["detect", FLASH][0] == (Tokens(10, 1), FLASH)


def test_a_model_of_unknown_price_has_tokens_and_no_dollars() -> None:
    estimate = Estimate(SERVICE)
    estimate.add(_event("caption"))
    estimate.add(_event("detect", model="gemini-9-xenon"))

    rows = estimate.rows(Samples())

    assert [row.cost.usd is None for row in rows] == [False, True]
    assert total(rows).usd == rows[0].cost.usd
    assert total(rows).prompt.likely == rows[0].cost.prompt.likely + rows[1].cost.prompt.likely


def test_each_limit_says_how_long_it_alone_makes_the_work_last() -> None:
    limits = TimeLimits(calls_per_day=500, usd_per_day=2.0, rate_per_s=10, quota_per_minute=60)

    assert limits.durations_s(events=1000, usd=1.0) == {
        "MAX_CALLS_PER_DAY": dt.timedelta(days=2).total_seconds(),
        "MAX_USD_PER_DAY": dt.timedelta(hours=12).total_seconds(),
        "--rate": 100.0,
        "--quota": 1000.0,
    }
    assert TimeLimits().durations_s(events=1000, usd=1.0) == {}
