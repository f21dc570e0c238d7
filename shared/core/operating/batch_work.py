"""What a deployment holds of batch jobs: those that are open, and the lines that wait for one, or for their event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.delivery.batch_records import BatchRecord


@dataclass(frozen=True, slots=True)
class BatchWork:
    """Counts of lines, and jobs.

    `waiting` lines are in no job, the oldest since `oldest_s`; `back` are answered or refused, and not committed yet.
    `jobs` are those that are open.
    """

    jobs: Sequence[BatchRecord] = ()
    waiting: int = 0
    oldest_s: float = 0.0
    back: int = 0

    @property
    def sent(self) -> int:
        """How many lines are in jobs."""
        return sum(len(each.lines) for each in self.jobs)

    def __bool__(self) -> bool:
        return bool(self.jobs or self.waiting or self.back)
