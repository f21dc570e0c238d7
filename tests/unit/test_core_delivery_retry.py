"""When a model call is tried again within one delivery: seconds, or None."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery.retry import FIRST_WAIT_S, MAX_ATTEMPTS, RESERVE_S, wait_before_retry
from shared.core.errors import TransientError

_seconds = st.floats(0, 10_000)


@pytest.mark.fault(85, 86)
@pytest.mark.parametrize(
    ("attempt", "jitter", "retry_after_s", "remaining_s", "wait_s"),
    [
        (1, 0.0, None, 300.0, 1.0),  # 1 · 2⁰ · (1 + 0)
        (2, 0.0, None, 300.0, 2.0),  # 1 · 2¹ · (1 + 0)
        (1, 1.0, None, 300.0, 2.0),  # 1 · 2⁰ · (1 + 1)
        (2, 0.5, None, 300.0, 3.0),  # 1 · 2¹ · (1 + 0.5)
        (3, 0.0, None, 300.0, None),  # three attempts were all
        (4, 0.0, None, 300.0, None),
        (1, 0.0, 7.0, 300.0, 7.0),  # the server's wish is longer than 1
        (2, 1.0, 3.0, 300.0, 4.0),  # ours, 1 · 2¹ · 2, is longer than 3
        (1, 0.0, 0.0, 300.0, 1.0),
        (1, 0.0, None, 21.0, 1.0),  # 1 + 20 in reserve: just fits
        (1, 0.0, None, 20.9, None),  # 1 + 20 > 20.9
        (1, 0.0, 280.0, 300.0, 280.0),  # 280 + 20: just fits
        (1, 0.0, 280.1, 300.0, None),
        (1, 0.0, None, 0.05, None),
    ],
)
def test_the_wait_follows_the_table(
    *, attempt: int, jitter: float, retry_after_s: float | None, remaining_s: float, wait_s: float | None
) -> None:
    error = TransientError("429", retry_after_s=retry_after_s)

    found = wait_before_retry(error, attempt=attempt, remaining_s=remaining_s, jitter=jitter)

    assert found == wait_s


@given(st.integers(1, 10), st.floats(0, 1), st.none() | _seconds, _seconds)
def test_a_wait_is_bounded_by_attempts_and_time_and_never_shorter_than_the_server_asks(
    attempt: int, jitter: float, retry_after_s: float | None, remaining_s: float
) -> None:
    error = TransientError("429", retry_after_s=retry_after_s)

    wait_s = wait_before_retry(error, attempt=attempt, remaining_s=remaining_s, jitter=jitter)

    if wait_s is not None:
        assert attempt < MAX_ATTEMPTS
        assert wait_s + RESERVE_S <= remaining_s
        assert wait_s >= max(FIRST_WAIT_S, retry_after_s or 0)
