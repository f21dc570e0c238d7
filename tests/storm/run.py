"""Plays one storm against real processes until all is quiet, and judges it."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local import topology
from shared.core.planning import plan
from tests.storm import verdict
from tests.storm.deployment import deployed, event_of, paths_of
from tests.storm.plan import TASKS, picture
from tests.storm.verdict import Wanted
from tests.storm.witness import gather, listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.core.events.envelopes import ImageEvent
    from tests.storm.deployment import Deployment
    from tests.storm.plan import Storm
    from tests.storm.verdict import Evidence

_POLL_S = 0.2
_PROGRESS_S = 5.0
_STUCK_AFTER_TTLS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a storm left behind, and what is wrong with it."""

    evidence: Evidence
    violations: list[str]
    seconds: float


class StuckError(Exception):
    """The storm never became quiet."""


def play(storm: Storm, state_dir: Path, *, say: Callable[[str], None]) -> Outcome:
    """Start everything, let the storm pass, and judge what it left behind.

    Raises:
        StuckError: nothing was acknowledged for a long time, although there was something to do.
    """
    emulators = {
        "gemini": ("--latency-ms", str(storm.model_latency_ms), "--eyes", "classical"),
        "pubsub": ("--push-concurrency", str(2 * storm.threads)),
    }
    with deployed(TASKS, state_dir, env=storm.env(), emulators=emulators) as deployment:
        results = deployment.storage.bucket(topology.RESULTS)
        results.versioning_enabled = True  # so that whatever was overwritten or deleted can be seen afterwards
        results.patch()
        say(f"seed {storm.seed}: {storm.images} images x {len(TASKS)} tasks x {storm.copies} copies")
        events, wanted = _upload(storm, deployment)
        for fault in storm.faults():
            deployment.gemini.add(fault)
        with listening(deployment) as listener:
            begun_s = time.monotonic()
            deployment.publish(storm.shuffled(events))
            _weather(storm, deployment, say=say)
            seconds = time.monotonic() - begun_s
            _await_told(deployment)
        found = gather(deployment, wanted, listener)
    return Outcome(found, verdict.judge(found), seconds)


def _upload(storm: Storm, deployment: Deployment) -> tuple[list[ImageEvent], list[Wanted]]:
    pictures = [picture(number) for number in range(storm.images)]
    with ThreadPoolExecutor(8) as pool:
        sources = list(pool.map(deployment.upload, (f"{n:04}.jpg" for n in range(storm.images)), pictures))
    events, wanted = [], []
    for source, data in zip(sources, pictures, strict=True):
        for task in TASKS:
            event = event_of(source, task)
            events.append(event)
            paths, asked = paths_of(event), (hashlib.sha256(data).hexdigest(), task)
            wanted.append(Wanted(plan.idempotency_key(event), paths.result, paths.lease, asked))
    return events, wanted


def _weather(storm: Storm, deployment: Deployment, *, say: Callable[[str], None]) -> None:
    """Kill workers as planned, and start each again, until there is nothing left to deliver."""
    deaths = storm.deaths()
    now_s = moved_s = said_s = time.monotonic()
    pause_s, victim = next(deaths)
    kill_s, kills, acked = now_s + pause_s, 0, -1
    while True:
        stats = [deployment.stats(task) for task in TASKS]
        backlog, now_acked = (sum(counts[name] for counts in stats) for name in ("backlog", "acked"))
        now_s = time.monotonic()
        if not backlog:
            return
        if now_acked != acked:
            acked, moved_s = now_acked, now_s
        if now_s - moved_s > _STUCK_AFTER_TTLS * storm.lease_ttl_s:
            raise StuckError(f"{backlog} events are left, and none was acknowledged for {now_s - moved_s:.0f} s.")
        if now_s - said_s > _PROGRESS_S:
            said_s = now_s
            say(f"{acked:6} acknowledged, {backlog:6} to go, {kills} kills")
        if now_s >= kill_s:
            deployment.instances[victim].kill()
            deployment.instances[victim].start()
            kills += 1
            pause_s, victim = next(deaths, (float("inf"), ""))
            kill_s = time.monotonic() + pause_s
        time.sleep(_POLL_S)


def _await_told(deployment: Deployment) -> None:
    """Wait until the listener has taken every result event."""
    while deployment.stats("storm-listener")["backlog"]:
        time.sleep(_POLL_S)
