"""Early releases that this instance has heard of: each makes it ask anew, once, what it believed to be used up."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from shared.core.ports import Message
    from shared.pipeline.instance.pace import Pacer

RELEASE: Final = "release"
"""The attribute of an image event that a person has sent ahead of its hour: which release did it."""

_REMEMBERED = 100


class _Budget(Protocol):
    """Whatever guards a day's calls."""

    def look_again(self) -> None:
        """Believe in no empty pool any more."""


class Lifted:
    """Shared by all threads of an instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._releases: deque[str] = deque(maxlen=_REMEMBERED)

    def is_news(self, release: str) -> bool:
        """Whether this release is heard of for the first time."""
        with self._lock:
            if release in self._releases:
                return False
            self._releases.append(release)
            return True


def lift_pauses(message: Message, lifted: Lifted, *, pacer: Pacer, budget: _Budget) -> None:
    """Believe no more in an empty pool, or a used-up quota, where somebody has released this event by hand.

    They know more than this instance: they have raised the ceiling, or bought quota. Of all the events of one release
    the first one alone does it. Should the service refuse once more, the pause that follows stands.
    """
    release = message.attributes.get(RELEASE)
    if release and lifted.is_news(release):
        pacer.lift()
        budget.look_again()
