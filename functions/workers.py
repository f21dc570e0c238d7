"""Entry points: one worker for each task, under the task's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import functions_framework

from functions._boundary import boundary
from shared import bootstrap
from shared.core.events.envelopes import parse_image_event, pubsub_message
from shared.core.tasks.catalogue import TASKS
from shared.pipeline.instance.lifted import lift_pauses
from shared.pipeline.worker.analyze import analyze

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudevents.http import CloudEvent

    from shared.core.tasks.common.task import Task


def work(event: CloudEvent, task: str) -> None:
    """Do this task for the image event inside a Pub/Sub message; acknowledge events of other tasks unseen.

    Filters on the subscription are an economy, not a guarantee: emulators ignore them.
    """
    with boundary(event):
        message = pubsub_message(event.data)
        image_event = parse_image_event(message.data)
        if image_event.task == task:
            ports = bootstrap.worker_ports()
            lift_pauses(message, ports.lifted, pacer=ports.pacer, budget=ports.budget)
            analyze(image_event, ports)


def _worker(task: Task) -> Callable[[CloudEvent], None]:
    def worker(event: CloudEvent) -> None:
        work(event, task.name)

    # functions-framework registers a function by its `__name__`.
    worker.__name__ = worker.__qualname__ = task.name
    worker.__doc__ = f"Ask for {task.about} of one image; returning acknowledges the event, raising asks for it again."
    entry_point: Callable[[CloudEvent], None] = functions_framework.cloud_event(worker)
    return entry_point


WORKERS: Final[Mapping[str, Callable[[CloudEvent], None]]] = {name: _worker(task) for name, task in TASKS.items()}
"""The entry point of every task, by the task's name."""
