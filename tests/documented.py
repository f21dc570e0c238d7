"""In-memory twins that hold whatever is written through them to the closed schemas, test by test without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.adapters.memory import MemoryPublisher, MemoryStore
from tests.closed_schema import UndocumentedError, documented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.ports import Clock, Message

departures: list[str] = []
"""What was written and is not documented: `tests/conftest.py` looks here, whoever caught the error."""


class DocumentedStore(MemoryStore):
    """A store that takes documented JSON only where results lie; pictures and masks pass."""

    def __init__(self, clock: Clock, *, results_bucket: str, results_prefix: str) -> None:
        super().__init__(clock)
        self._results_bucket = results_bucket
        self._results_prefix = results_prefix

    def create(
        self, bucket: str, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Write an object that must not exist yet; return its generation."""
        is_result = bucket == self._results_bucket and name.startswith(self._results_prefix)
        if is_result and name.endswith(".json"):
            _require_documented(data, where=f"gs://{bucket}/{name}")
            _require_line(data, where=f"gs://{bucket}/{name}")
        return super().create(bucket, name, data, content_type=content_type, metadata=metadata)

    def plant(self, bucket: str, name: str, data: bytes) -> None:
        """Write JSON of a foreign hand, or of another version: our own writer's schema says nothing about it."""
        super().create(bucket, name, data, content_type="application/json")


class DocumentedPublisher(MemoryPublisher):
    """A publisher that takes documented events only."""

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Keep the messages."""
        for message in messages:
            _require_documented(message.data, where=f"a message on {topic}")
        super().publish(topic, messages)


def _require_line(data: bytes, *, where: str) -> None:
    """SQL engines read a document as one line, and know it by its beginning: infra/sql."""
    text = data.decode()
    assert text.splitlines(keepends=True) == [text], f"{where}: expected one line"
    assert text.startswith('{"schema":"uplook.result/1",'), f"{where}: expected the schema first"


def _require_documented(data: bytes, *, where: str) -> None:
    try:
        documented(data, where=where)
    except UndocumentedError as error:
        departures.append(str(error))
        raise
