"""“Break it here”: what can be broken in a local stack, each on a sample of its own, and what mends it by itself.

The emulators do most of it (their control APIs); a worker is killed for real. Everything is guarded as the page is, and
nothing of it exists where the services are somebody else's.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from infra.emulators.client import Control
from infra.emulators.common.faults import Fault
from infra.local import breakable, endpoints
from infra.local.viewer import spending
from infra.local.viewer.samples import upload_samples
from infra.local.viewer.waiting import wait_for
from infra.viewer.errors import ApiError
from shared import bootstrap
from shared.operate.sending import ByHand
from shared.pipeline.upkeep.unpark import unpark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local.viewer.live import LocalLive
    from infra.viewer.names import Address

SAMPLE: Final = "coffee.heic"
WORKER: Final = "segment"
"""Whose process is killed: it answers detect, too."""

_ASKED_WITHIN_S: Final = 120.0
_HELD_UP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Offer:
    """One button: what it does, and what is to be seen then. `service` is the emulator that it needs."""

    name: str
    title: str
    what: str
    watch: str
    service: str = ""


OFFERS: Final = (
    Offer(
        "duplicate",
        "Deliver an event three times",
        "The event of a sample's caption reaches its worker three times.",
        "Its story has three deliveries and one answer: the others find the work done, or wait for whoever does it.",
        "pubsub",
    ),
    Offer(
        "busy",
        "Have Gemini say 429",
        "The model refuses the next two calls, and names the pause that it wants (RetryInfo).",
        "The worker waits as long as it was told, and asks again within the same delivery.",
        "gemini",
    ),
    Offer(
        "storage",
        "Lose an answer of Cloud Storage",
        "A sample's caption is written, but the answer to the writing gets lost.",
        "The client writes again, finds an object there, and knows it for its own: one result, one result event.",
        "storage",
    ),
    Offer(
        "kill",
        "Kill a worker",
        f"The process of {WORKER} is killed (SIGKILL) while the model answers it.",
        "Pub/Sub delivers the event again. Nobody works on it before the dead worker's lease has run out, which is said"
        " as the reason; then a second attempt does it.",
        "gemini",
    ),
    Offer(
        "quota",
        "Use up the model's quota",
        "The model answers that today's quota is used up, until somebody lets the work go on.",
        "The sample's tasks are held, with the hour at which they are tried again, instead of being tried in vain.",
        "gemini",
    ),
    Offer(
        "ceiling",
        "Use up the ceiling",
        f"The {breakable.BUDGET.calls} calls a day that this stack's rules allow below {breakable.PREFIX} are spent.",
        "The sample's tasks are held before the model is asked, so they cost nothing. A budget holds"
        " what lies below its prefix, and nothing else.",
        "gemini",
    ),
    Offer(
        "release",
        "Let the work go on",
        "All planned faults end, the ceiling is as new as in the morning, and what is held is published again.",
        "Held tasks get their results.",
    ),
)


class Faults:
    """Breaks this stack. `pubsub` and `gemini` are the control addresses of our own emulators, where they are ours."""

    def __init__(self, *, storage: str | None, pubsub: str | None, gemini: str | None, state: Path) -> None:
        addresses = {"storage": storage, "pubsub": pubsub, "gemini": gemini}
        self._controls = {service: Control(url) for service, url in addresses.items() if url}
        self._state = state

    def documents(self) -> list[dict[str, Any]]:
        """Return what can be broken, as the page offers it."""
        return [
            {
                "name": each.name,
                "title": each.title,
                "what": each.what,
                "watch": each.watch,
                "unable": self._unable(each),
            }
            for each in OFFERS
        ]

    def do(self, name: str, live: LocalLive) -> dict[str, Any]:
        """Break it; return what was done in words, and which image shows it.

        Raises:
            ApiError: 400 there is no such button, 409 it cannot be done here; OSError: an emulator does not answer.
        """
        offer = next((each for each in OFFERS if each.name == name), None)
        if offer is None:
            raise ApiError(400, f"Expected one of {', '.join(each.name for each in OFFERS)}, found {name!r}.")
        if reason := self._unable(offer):
            raise ApiError(409, reason)
        if name == "release":
            return {"said": self._release(), "key": None}
        prefix = f"broken/{name}/{dt.datetime.now(dt.UTC):%H%M%S}/"
        if name == "kill":
            with self._held_up():
                source = _sample(prefix, live)
                self._kill_while_at_work(source, live)
        else:
            self._plan(name, prefix)
            source = _sample(prefix, live)
        key = next(iter(live.catalog.keys(source)))
        return {"said": f"{offer.what} Watch {prefix}{SAMPLE}.", "key": key}

    def _unable(self, offer: Offer) -> str:
        if offer.service and offer.service not in self._controls:
            return f"Not here: {offer.service} is not an emulator of this stack."
        if offer.name == "ceiling" and breakable.BUDGET not in bootstrap.ports().budgets:
            return f"Not here: the rules of this stack have no budget for {breakable.PREFIX}."
        return ""

    def _plan(self, name: str, prefix: str) -> None:
        asking = Fault("status", operation="models.generateContent")
        if name == "duplicate":
            self._controls["pubsub"].add(Fault("duplicate", operation="deliver", subject="caption", body=2))
        elif name == "busy":
            self._controls["gemini"].add(replace(asking, status=429, seconds=2, times=2))
        elif name == "storage":
            written = f"results/*{prefix}*/caption.json"
            self._controls["storage"].add(Fault("lost_answer", operation="object.insert", subject=written))
        elif name == "quota":
            self._controls["gemini"].add(replace(asking, kind="quota", times=0))
        elif name == "ceiling":
            spending.use_up(bootstrap.ports())

    @contextlib.contextmanager
    def _held_up(self) -> Iterator[None]:
        """Have the model answer nobody during the block: whoever has asked is at work, whatever else is to do."""
        gemini = self._controls["gemini"]
        rule = gemini.add(Fault("hold", operation="models.generateContent", times=0, seconds=_HELD_UP_S))
        try:
            yield
        finally:
            gemini.remove(rule)

    def _kill_while_at_work(self, source: Address, live: LocalLive) -> None:
        def asked() -> bool:
            said = (each.details for each in live.history.of(source))
            return any(each.get("what") == "asking" and WORKER in str(each.get("task")) for each in said)

        if not wait_for(asked, timeout_s=_ASKED_WITHIN_S):
            raise ApiError(409, f"{WORKER} has not come to ask the model within {_ASKED_WITHIN_S:.0f} s.")
        state = endpoints.read(self._state)
        parent = state.children.get(WORKER) if state else None
        if parent is None:
            raise ApiError(409, f"Nobody knows which process {WORKER} is: the stack is starting or ending.")
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607
        workers = children_of(parent, listing.stdout)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        if not workers:
            raise ApiError(409, f"{WORKER} has no worker process right now: it is being started anew.")

    def _release(self) -> str:
        for control in self._controls.values():
            control.clear()
        ports = bootstrap.ports()
        spending.begin_anew(ports)
        sending = ByHand(ports.publisher, release=ports.new_id())
        unpark(replace(ports, publisher=sending), early=True)
        return f"No fault is planned any more; events released: {sending.sent}."


def _sample(prefix: str, live: LocalLive) -> Address:
    """Upload the sample that something is to happen to."""
    source = upload_samples(live, only=SAMPLE, prefix=prefix)[0]
    live.hearing.uploaded(source)
    return source


def children_of(parent: int, listing: str) -> list[int]:
    r"""Return the processes that a process has started, from a listing of `pid ppid` lines.

    >>> children_of(7, "  9 7\n 10 1\n 11 7\n")
    [9, 11]
    """
    pairs = (line.split() for line in listing.splitlines())
    return [int(pid) for pid, of in pairs if int(of) == parent]
