"""How long a delivery waits for another one, and how often a service may be away before its events are parked.

Both are held to the delivery attempts that subscriptions have: tests/policy/test_waiting.py.
"""

from __future__ import annotations

from typing import Final

LEASE_WAIT_S: Final = 2.0
"""How long a delivery waits for the lease of another one, which may be about to finish. Then its event goes back: a
delivery that waits keeps a thread, and where all threads wait for a dead instance's leases, a fresh image waits too."""

PARK_AFTER: Final = 8
"""The delivery in a row, from 1, that ends with the event parked because the model is away: after some 20 minutes."""

GIVE_UP_AFTER: Final = PARK_AFTER + 7 * 24
"""The delivery in a row after which an event is parked no more: a week of probes by the hour has shown nothing."""


def parks(away: int) -> bool:
    """Whether an event is parked when so many deliveries in a row, this one included, found the model away.

    >>> parks(1), parks(8), parks(9), parks(1000)
    (False, True, True, False)
    """
    return PARK_AFTER <= away <= GIVE_UP_AFTER
