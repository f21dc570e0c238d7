"""An interrupted run that costs money: nothing new is asked, and what is under way is awaited, for it is paid for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from infra.local import interrupts, resources, topology
from shared.core.naming import LEASES, paths
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import storage

    from infra.local.demo.collect import Collector, Outcome
    from infra.local.demo.progress import Display

PATIENCE_S = 60.0
_POLL_S = 1.0


def let_finish(
    collector: Collector,
    client: storage.Client,
    display: Display,
    *,
    pubsub: str,
    generations: Mapping[str, int],
    run: str,
) -> None:
    """Return when no call is under way any more; `generations` are those of the uploads, by object name.

    Raises:
        KeyboardInterrupt: somebody does not want to wait.
    """
    interrupts.interrupt_on_signals(threading.Event())  # a second Ctrl-C
    resources.stop_asking(pubsub)
    until_s = time.monotonic() + PATIENCE_S
    while (under_way := _under_way(collector.missing(), client, generations, run)) and time.monotonic() < until_s:
        display.waiting(f"interrupted: {under_way} calls are under way, and paid for; Ctrl-C again does not wait")
        collector.wait(_POLL_S)


def _under_way(missing: list[Outcome], client: storage.Client, generations: Mapping[str, int], run: str) -> int:
    """Return how many of the missing results somebody works on: whoever does holds a lease."""
    leases = {blob.name for blob in client.list_blobs(topology.WORK, prefix=LEASES)}
    return sum(1 for each in missing if _lease(each, generations, run) in leases)


def _lease(outcome: Outcome, generations: Mapping[str, int], run: str) -> str | None:
    generation = generations.get(outcome.object_name)
    if generation is None:
        return None
    return paths(Source(topology.UPLOADS, outcome.object_name, generation), run=run, task=outcome.task).lease
