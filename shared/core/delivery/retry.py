"""When to try a model call again within one delivery: a pure decision. Beyond it, redelivery decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.core.errors import TransientError

MAX_ATTEMPTS = 3
FIRST_WAIT_S = 1.0
RESERVE_S = 20.0
"""Kept free behind a wait for the call itself and for writing the result."""


def wait_before_retry(error: TransientError, *, attempt: int, remaining_s: float, jitter: float) -> float | None:
    """Return the seconds to wait before trying again, or None to give this delivery up.

    `attempt` counts finished attempts from 1, `remaining_s` is left of the delivery's deadline, `jitter` lies in
    0-1. The server's own wish counts where it is longer than ours (1, 2, 4 … s, up to doubled by jitter).
    """
    if attempt >= MAX_ATTEMPTS:
        return None
    own_s = FIRST_WAIT_S * 2 ** (attempt - 1) * (1 + jitter)
    wait_s = max(own_s, error.retry_after_s or 0.0)
    return wait_s if wait_s + RESERVE_S <= remaining_s else None
