"""Where parked events lie, and which of them may go: decided from a listing of their names alone.

`held/<hour>/…` waits for a day that has room; `held/<hour>.budget-<id>/…` for a day in which the budget of its prefix
has; `held/<hour>.<cause>/…` waits for a mend or for the model to be back. A
cause is what a mend would be about: one task (an identity), one model, one bucket. Of those that share one, one goes
ahead as a probe, and the others follow where it ended well. Names end in the upload's generation and the task.
Generations grow with time, so the oldest upload is the first to go, however often it has been parked again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core import jsontext
from shared.core.errors import ErrorCode
from shared.core.naming import PARKED, RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.core.events.envelopes import ImageEvent

PROBES = f"{RELEASES}probes/"
"""Below, in the work bucket: what was last sent ahead of each cause."""

RELEASED = f"{RELEASES}days/"
"""Below, in the work bucket: how many were released on which day."""

PROBE_LASTS_S = 3000.0
"""After that, a probe of which nothing is seen is given up: its image is gone, or its delivery is."""

LEAST_BATCH, SHARE_OF_A_TICK = 100, 24
"""What one tick releases at most where nobody knows how much room the day has: a 24th of what waits, or 100.

Whoever is released in vain costs about a dozen storage operations. So a day whose quota ends early costs each waiting
event less than one.
"""

_PLACE = re.compile(
    r"(?P<hour>\d{4}-\d{2}-\d{2}T\d{2})(?:\.(?:budget-(?P<budget>[0-9a-f]{8})|(?P<cause>[0-9a-f]{8})))?"
)
_ENTRY = re.compile(rf"{PARKED}[^/]+/(?P<work>.+/(?P<generation>\d+)/[^/]+)\.json", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of parked events: they go at `hour` (UTC) or later. Without a `cause` they wait for a day with room.

    `budget` is the id of the budget that has to have room; None: the whole deployment has to.
    """

    hour: str
    cause: str | None = None
    budget: str | None = None

    @property
    def name(self) -> str:
        """The folder's name below `held/`."""
        if self.budget is not None:
            return f"{self.hour}.budget-{self.budget}"
        return self.hour if self.cause is None else f"{self.hour}.{self.cause}"

    def due(self, now_iso: str) -> bool:
        """Whether its hour has come."""
        return self.hour <= now_iso


@dataclass(frozen=True, slots=True)
class Entry:
    """One parked event by its name; `work` is the same wherever it is parked: run, upload, generation and task."""

    name: str
    work: str
    generation: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What was sent ahead of a cause, and when (RFC 3339, UTC)."""

    work: str
    at: str


def place_of(until: str, code: ErrorCode, event: ImageEvent, *, budget: str | None = None) -> Place:
    """Return where an event is parked until an hour; `budget` is the one that has no room for it, by its id."""
    if code not in (ErrorCode.CONFIGURATION, ErrorCode.MODEL_AWAY):
        return Place(until, budget=budget)
    about = [event.task, event.settings.model, event.source.bucket, *([budget] if budget else ())]
    return Place(until, hashlib.sha256(jsontext.dump_compact(about)).hexdigest()[:8])


def parse_place(folder: str) -> Place | None:
    """Read the name of a folder below `held/`, None where it holds no parked events.

    >>> parse_place("2026-11-22T08.0badcafe")
    Place(hour='2026-11-22T08', cause='0badcafe', budget=None)
    >>> parse_place("2026-11-22T08.budget-0badcafe").budget
    '0badcafe'
    >>> parse_place("probes")
    """
    found = _PLACE.fullmatch(folder)
    return Place(found["hour"], found["cause"], found["budget"]) if found else None


def oldest_first(names: Iterable[str]) -> list[Entry]:
    """Return the entries in the order in which they go; a name that is none of ours goes last, and hinders nobody."""
    entries = [
        Entry(name, found["work"], int(found["generation"]) if len(found["generation"]) < 20 else 0)  # noqa: PLR2004
        if (found := _ENTRY.fullmatch(name))
        else Entry(name, "", 0)
        for name in names
    ]
    return sorted(entries, key=lambda each: (each.work == "", each.generation, each.name))


def batch(waiting: int, *, room: int | None) -> int:
    """Return how many of those that wait for room one tick releases. `room` is what the day has, None: nobody knows."""
    share = max(LEAST_BATCH, -(-waiting // SHARE_OF_A_TICK))
    return min(waiting, share if room is None else min(room, share))


def ended_well(probe: Probe, waiting: Sequence[Entry], *, answered: bool, now_iso: str) -> bool | None:
    """Return whether a probe ended well; None while it is under way.

    `waiting` are all that are parked for its cause, due or not: among them again, it met the same. `answered` says
    that the model's reply to it is in the journal.
    """
    if any(entry.work == probe.work for entry in waiting):
        return False
    if answered:
        return True
    age_s = (dt.datetime.fromisoformat(now_iso) - dt.datetime.fromisoformat(probe.at)).total_seconds()
    return False if age_s >= PROBE_LASTS_S else None
