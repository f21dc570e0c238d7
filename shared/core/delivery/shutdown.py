"""What an instance that was asked to stop does with the deliveries it still has: pure decisions, in seconds since then.

Cloud Run kills ten seconds after SIGTERM. By then every lease must be free again: one that is not holds its key up
until it expires.
"""

from __future__ import annotations

from typing import Literal

GRACE_S = 5.0
"""As long as a delivery may go on: most need less."""

JOURNAL_S = 6.0
"""As long as one may go on that has its answer: it is paid for, and lost unless it is written down."""

LIMIT_S = 7.0
"""When the instance ends, whatever is left: leases are released by then, or their store is away."""

TRACES_S = 2.0
"""How long a process that ends waits for its last spans to be sent."""

Phase = Literal["working", "asking", "answered"]
"""`asking`: a model call is under way; `answered`: its answer is not in the journal yet."""


def is_cut(phase: Phase, *, since_s: float) -> bool:
    """Whether a delivery is given up: its lease is released, and its request ends without an answer."""
    return since_s >= (JOURNAL_S if phase == "answered" else GRACE_S)


def ends(*, since_s: float, left: int) -> bool:
    """Whether the process ends now; `left` deliveries still hold a lease."""
    return since_s >= LIMIT_S or (since_s >= GRACE_S and left == 0)
