"""What a deployment holds of each piece of work: one task of one image generation in one run, told by object names."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.core import naming
from shared.core.delivery.holding import parse_place
from shared.core.naming import DEAD, LEASES, PARKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.delivery.holding import Place

_WORK: Final = re.compile(
    r"(?P<run>[^/]+)/(?P<bucket>[^/]+)/(?P<name>.+)/(?P<generation>[0-9]{1,19})/"
    r"(?P<task>[a-z][a-z0-9_-]{0,31})(?:\.error-(?P<error>[0-9]{1,4}))?\.json",
    re.DOTALL,
)

_DEAD: Final = re.compile(rf"{DEAD}(?P<bucket>[^/]+)/(?P<name>.+)/[0-9]{{1,19}}/[0-9a-f]{{64}}", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class WorkName:
    """A work name: one task of one image generation in one run. `name` is that of the object, encoded as ours are."""

    run: str
    bucket: str
    name: str
    generation: int
    task: str

    @property
    def folder(self) -> str:
        """Where everything of it lies, below whatever stands before."""
        return f"{self.run}/{self.bucket}/{self.name}/{self.generation}"

    @property
    def uri(self) -> str:
        """The upload it is about; a name that was too long for our own names ends in its hash."""
        return f"gs://{self.bucket}/{naming.decode_object_name(self.name) or self.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A committed document: a result, or the newest failure where there is no result. `error` counts its redrives.

    `created` is RFC 3339. `calls` were answered for it by a model, for `usd` (None: by a model of unknown price).
    """

    work: WorkName
    status: str
    created: str
    error: int | None = None
    code: str = ""
    message: str = ""
    calls: int = 0
    usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class LeaseState:
    """A lease as it lies there, written `age_s` ago.

    `held` says that a delivery took it and did not let go; it is `expired` where nobody can be at work any more.
    `reason` is the last error that an earlier delivery left.
    """

    work: WorkName
    attempt: str
    age_s: float
    held: bool
    expired: bool
    reason: str = ""

    @property
    def live(self) -> bool:
        """Whether somebody may be at work."""
        return self.held and not self.expired


@dataclass(frozen=True, slots=True)
class Parked:
    """One held event: where it waits, since how long, and by which error code."""

    work: WorkName
    place: Place
    code: str
    age_s: float


@dataclass(frozen=True, slots=True)
class DeadEvent:
    """One event that no function could handle: its object below `dead/`, and what kind of message it was."""

    name: str
    kind: str
    age_s: float

    @property
    def uri(self) -> str:
        """The object that it is about; where it does not say, its own name below `dead/`."""
        found = _DEAD.fullmatch(self.name)
        if found is None:
            return self.name
        return f"gs://{found['bucket']}/{naming.decode_object_name(found['name']) or found['name']}"


def work_at(name: str) -> tuple[WorkName, int | None] | None:
    """Return whose document or lease a name is, and which redrive's error it tells of; None where it is neither.

    The name begins with the run.

    >>> work_at("v1/uploads/cat.jpg/7/detect.error-0.json")
    (WorkName(run='v1', bucket='uploads', name='cat.jpg', generation=7, task='detect'), 0)
    >>> work_at("v1/uploads/cat.jpg/7/detect/mask-000.png")
    """
    found = _WORK.fullmatch(name)
    if found is None:
        return None
    run, bucket, task = map(sys.intern, found.group("run", "bucket", "task"))  # the same few words, a million times
    work = WorkName(run, bucket, found["name"], int(found["generation"]), task)
    return work, None if found["error"] is None else int(found["error"])


def leased_work(name: str) -> WorkName | None:
    """Return whose lease this object of the work bucket is."""
    found = work_at(name.removeprefix(LEASES)) if name.startswith(LEASES) else None
    return found[0] if found else None


def parked_work(name: str) -> tuple[Place, WorkName] | None:
    """Return where an event is held, and whose it is, by its object's name in the work bucket."""
    folder, _, rest = name.removeprefix(PARKED).partition("/")
    place, found = parse_place(folder), work_at(rest)
    return (place, found[0]) if place and found else None


def outcome_of(work: WorkName, document: Mapping[str, Any], *, error: int | None, usd: float | None) -> Outcome:
    """Return what a result document says of its work; `usd` is what it cost."""
    failure, usage = document["error"] or {}, document["usage"]
    elsewhere = usage is not None and bool({"counted_in", "saved_usd"} & usage.keys())
    return Outcome(
        work,
        document["status"],
        document["created"],
        error,
        failure.get("code", ""),
        failure.get("message", ""),
        calls=int(usage is not None and not (elsewhere and not usage["cost_usd"])),
        usd=usd,
    )
