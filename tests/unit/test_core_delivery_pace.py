"""An instance slows down when the model asks for it, and recovers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery.pace import FIRST_GAP_S, LONGEST_GAP_S, Pace, admit, after_answer, after_refusal

NOW_S = 100.0


def refused(pace: Pace, *, begun_s: float = NOW_S, now_s: float = NOW_S, retry_after_s: float | None = None) -> Pace:
    return after_refusal(pace, begun_s=begun_s, now_s=now_s, retry_after_s=retry_after_s, jitter=0.0)


def test_nobody_waits_as_long_as_nothing_was_refused() -> None:
    wait_s, after = admit(Pace(), now_s=NOW_S)

    assert wait_s == 0
    assert admit(after, now_s=NOW_S)[0] == 0


def test_the_servers_wish_holds_back_every_call_of_the_instance() -> None:
    pace = refused(Pace(), retry_after_s=7.0)

    assert admit(pace, now_s=NOW_S + 1)[0] == 6.0


def test_calls_after_a_refusal_begin_one_gap_apart() -> None:
    pace = refused(Pace(), retry_after_s=2.0)

    first_s, pace = admit(pace, now_s=NOW_S)
    second_s, _ = admit(pace, now_s=NOW_S)

    assert (first_s, second_s) == (2.0, 2.0 + FIRST_GAP_S)


def test_a_storm_of_refusals_to_calls_under_way_counts_once() -> None:
    pace = Pace()
    for number in range(8):
        pace = refused(pace, begun_s=NOW_S - 5, now_s=NOW_S + number)

    assert pace.gap_s == FIRST_GAP_S


@pytest.mark.fault(86)
def test_every_further_round_of_refusals_widens_the_gap_up_to_a_bound() -> None:
    pace, gaps = Pace(), []
    for number in range(14):
        pace = refused(pace, begun_s=NOW_S + number, now_s=NOW_S + number)
        gaps.append(pace.gap_s)

    assert gaps[:4] == [0.5, 0.75, 1.125, 1.6875]
    assert gaps[-1] == LONGEST_GAP_S


@pytest.mark.fault(86)
@given(st.floats(0.001, LONGEST_GAP_S))
def test_answers_lead_back_to_no_limit_at_all(gap_s: float) -> None:
    pace = Pace(gap_s=gap_s)
    for _ in range(30):
        pace = after_answer(pace, now_s=NOW_S)

    assert pace.gap_s == 0
