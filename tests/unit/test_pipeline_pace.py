"""The client-side limiter of one instance: a storm of 429 costs few calls."""

from __future__ import annotations

import pytest

from shared.adapters.memory import ManualClock
from shared.core.delivery import budget
from shared.core.errors import DailyQuotaError, ThrottledError
from shared.pipeline.instance.pace import DAY_PAUSE_S, Pacer
from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig

MODEL = "gemini-3.8-flash"
DAY = "2026-11-20"  # until eight in the morning of the clock's day
DAY_ENDS_S = budget.DAY_BEGINS_HOUR_UTC * 3600.0


@pytest.mark.fault(85)
def test_after_a_429_every_other_delivery_waits_as_the_server_wished() -> None:
    rig = Rig()
    rig.model.faults.add("generate", ThrottledError("429", retry_after_s=30.0))
    first, second = rig.upload("1.jpg"), rig.upload("2.jpg")
    begun_s = rig.clock.time_s

    analyze(first, rig.ports)
    analyze(second, rig.ports)

    assert len(rig.model.requests) == 3
    assert rig.clock.time_s - begun_s >= 30.0


def test_a_turn_that_would_come_too_late_is_left_to_others_and_no_call_is_made() -> None:
    clock, pacer = ManualClock(), Pacer()
    pacer.refused(
        MODEL, ThrottledError("429", retry_after_s=500.0), day=DAY, begun_s=0.0, now_s=clock.time_s, jitter=0.0
    )

    with pytest.raises(ThrottledError, match="next turn is in 500 s") as refused:
        pacer.wait(MODEL, clock, remaining_s=300.0)

    assert refused.value.retry_after_s == 500.0
    assert clock.time_s == 1000.0


def test_one_model_does_not_slow_another_down() -> None:
    clock, pacer = ManualClock(), Pacer()
    pacer.refused(
        MODEL, ThrottledError("429", retry_after_s=60.0), day=DAY, begun_s=0.0, now_s=clock.time_s, jitter=0.0
    )

    pacer.wait("gemini-3.5-flash-lite", clock, remaining_s=300.0)

    assert clock.time_s == 1000.0


@pytest.mark.fault(87)
def test_a_used_up_day_is_believed_for_a_while_and_then_tried_again() -> None:
    clock, pacer = ManualClock(), Pacer()
    pacer.refused(MODEL, DailyQuotaError("429"), day=DAY, begun_s=0.0, now_s=clock.time_s, jitter=0.0)

    with pytest.raises(DailyQuotaError):
        pacer.wait(MODEL, clock, remaining_s=300.0)
    clock.time_s += DAY_PAUSE_S

    pacer.wait(MODEL, clock, remaining_s=300.0)


@pytest.mark.fault(87)
def test_a_used_up_day_is_no_reason_to_wait_on_the_next() -> None:
    clock, pacer = ManualClock(), Pacer()
    clock.time_s = DAY_ENDS_S - 1
    pacer.refused(MODEL, DailyQuotaError("429"), day=DAY, begun_s=0.0, now_s=clock.time_s, jitter=0.0)
    clock.time_s = DAY_ENDS_S

    pacer.wait(MODEL, clock, remaining_s=300.0)


@pytest.mark.fault(36, 86)
def test_at_twice_the_quota_few_calls_are_wasted() -> None:
    """A service that takes one call per second, and a worker that would make two, for ten minutes."""
    clock, pacer = ManualClock(), Pacer()
    free_s, refused, answered = 0.0, 0, 0
    while clock.time_s < 1600.0:
        try:
            pacer.wait(MODEL, clock, remaining_s=300.0)
        except ThrottledError:
            clock.time_s += 10.0
            continue
        if clock.time_s >= free_s:
            free_s, answered = clock.time_s + 1.0, answered + 1
            pacer.answered(MODEL, now_s=clock.time_s)
        else:
            refused += 1
            wish_s = free_s - clock.time_s
            pacer.refused(
                MODEL,
                ThrottledError("429", retry_after_s=wish_s),
                day=DAY,
                begun_s=clock.time_s,
                now_s=clock.time_s,
                jitter=0.5,
            )
        clock.time_s += 0.5

    assert answered >= 400
    assert refused <= answered / 10
