"""Wait for a fact of another thread or process: the one way in which tests wait, and look at a clock."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT_S = 600.0
"""How long the slowest machine may take; only a test that fails waits so long."""
_POLL_S = 0.02

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None], what: str, *, timeout_s: float = WAIT_S, seen: Callable[[], object] | None = None
) -> T:
    """Return the condition's value once it is true.

    Raises:
        AssertionError: it did not become true in `timeout_s`; the message tells what `seen` returns then.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {timeout_s:.0f} s" + (f"; seen: {seen()}" if seen else ""))
        time.sleep(_POLL_S)
    return value


@contextlib.contextmanager
def lasting(seconds: float) -> Iterator[None]:
    """Insist that the block takes at least so long. How long at most depends on the machine, so nothing judges that.

    Raises:
        AssertionError: it took less.
    """
    began_s = time.monotonic()
    yield
    took_s = time.monotonic() - began_s
    assert took_s >= seconds, f"expected {seconds} s at least, found {took_s:.3f} s"
