"""The deploy root: every entry point by the name it is deployed under, a worker for each task among them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from functions._boundary import complete_pushes
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudevents.http import CloudEvent

_MODULES = ("dead_letter", "forget", "ingest", "release")
__all__ = [*_MODULES, *TASKS]  # noqa: PLE0604 - these are strings, too


def __getattr__(name: str) -> Callable[[CloudEvent], None]:
    """Import the entry point that is asked for: an instance serves one, and need not wait for what the others use."""
    if name not in __all__:
        raise AttributeError(f"Expected one of the entry points {', '.join(__all__)}; found {name!r}.")
    module = import_module("functions.workers" if name in TASKS else f"functions.{name}")
    entry_point: Callable[[CloudEvent], None] = module.WORKERS[name] if name in TASKS else getattr(module, name)
    return entry_point


complete_pushes()
