"""What is known of one delivery's process, and the ways it can end from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent


class Died(BaseException):
    """The process was killed (SIGKILL, out of memory): no handler runs, so `except Exception` must not see it."""


class Cancelled(Exception):  # noqa: N818 - as asyncio and concurrent.futures name theirs
    """The process was asked to end (SIGTERM): handlers run."""


@dataclass(eq=False, slots=True)
class Process:
    """One delivery of one message. Times are the stage's clock.

    `held_s` is when it wrote the lease last, `paid_s` when a model answered it, `journalled_s` when it was kept. `saw`
    is the generation that lay at the `gs://` address which the model read itself.

    `releases` marks the scheduler's tick, which releases held events instead of working on one; `buries` a dead letter,
    which is recorded as a failure instead.

    `forgets` marks a deletion's event: the upload goes, and all that was made of it.

    `waited_s` is when the broker stops waiting for an answer and delivers again; `redelivered` says it did.
    """

    number: int
    message: int
    event: ImageEvent
    started_s: float
    waited_s: float
    releases: bool = False
    buries: bool = False
    forgets: bool = False
    attempt: str = ""
    dead: bool = False
    redelivered: bool = False
    held_s: float | None = None
    paid_s: float | None = None
    journalled_s: float | None = None
    saw: int | None = None
    ended_s: float | None = None
    ending: str = "running"
