"""Entry points: one worker for each task, under the task's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import functions_framework

from functions._boundary import work
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudevents.http import CloudEvent

    from shared.core.tasks.common.task import Task


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
