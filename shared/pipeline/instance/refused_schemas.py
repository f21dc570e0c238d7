"""Which models refuse which tasks' response schemas: learnt from an answer, kept for the life of an instance."""

from __future__ import annotations

import threading


class RefusedSchemas:
    """Pairs of model and task that are asked without a schema from now on; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[tuple[str, str]] = set()

    def add(self, model: str, task: str) -> None:
        """Remember that a model answers a task without the schema, and refuses it with the schema."""
        with self._lock:
            self._known.add((model, task))

    def knows(self, model: str, task: str) -> bool:
        """Return whether the schema would be refused again."""
        with self._lock:
            return (model, task) in self._known
