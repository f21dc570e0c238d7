"""An interrupted run that costs money: nothing new is asked, and what is under way is awaited, for it is paid for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from infra.local import gate, interrupts, topology
from shared.core.naming import paths
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from google.cloud import storage

    from infra.local.demo.collect import Collector, Outcome
    from infra.local.demo.progress import Display

_POLL_S = 1.0


def let_finish(
    collector: Collector,
    client: storage.Client,
    display: Display,
    *,
    entrance: Path,
    generations: Mapping[str, int],
    run: str,
    timeout_s: float,
) -> None:
    """Return when no delivery is under way and every result is here, or when nothing has come for this time.

    `entrance` is the file of the stack's gate; `generations` are those of the uploads, by object name.

    Raises:
        KeyboardInterrupt: somebody does not want to wait.
    """
    again = threading.Event()
    interrupts.interrupt_on_signals(again)  # a second Ctrl-C
    gate.close(entrance)
    collector.seen()
    while collector.quiet_s() <= timeout_s:
        interrupts.raise_if(again)
        if gate.all_have_left(entrance) and not any(
            _is_there(each, client, generations, run) for each in collector.missing()
        ):
            return
        display.waiting("interrupted: calls are under way, and paid for; Ctrl-C again does not wait")
        collector.wait(_POLL_S)


def _is_there(outcome: Outcome, client: storage.Client, generations: Mapping[str, int], run: str) -> bool:
    """Whether the bucket has a result whose event has not come, or which is still being fetched."""
    generation = generations.get(outcome.object_name)
    if generation is None:
        return False
    names = paths(Source(topology.UPLOADS, outcome.object_name, generation), run=run, task=outcome.task)
    return bool(client.bucket(topology.RESULTS).blob(names.result).exists())
