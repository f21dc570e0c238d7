"""A bucket of very many uploads that takes no memory: names are computed, and of a result a bit is kept."""

from __future__ import annotations

import heapq
import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import NotFoundError
from shared.core.events.envelopes import parse_image_event
from shared.core.ports import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.ports import Clock, Message

PAGE: Final = 1000
"""Names of one page: https://cloud.google.com/storage/docs/json_api/v1/objects/list."""
GENERATION: Final = 1_700_000_000_000_000
_NUMBER: Final = re.compile(r"[0-9]{9}")
_BYTES: Final = 3_000_000
_STEP: Final = 617  # neighbours differ in how long they take
_TASK: Final = "caption"


class _Names:
    """All names, in their order, of a form that holds a number."""

    def __init__(self, form: str, count: int) -> None:
        self._form = form
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> str:
        return self._form.format(number)


class SyntheticBucket:
    """The store and the publisher of a deployment whose uploads all are photographs, and whose workers all succeed.

    What is published has its result `answer_s` later on average, each sooner or later than others. `operations` counts
    what Cloud Storage would bill, page by page.
    """

    def __init__(self, clock: Clock, *, uploads: str, results: str, count: int, answer_s: float) -> None:
        self.operations: Counter[str] = Counter()
        self.published = bytearray(count)
        self._clock = clock
        self._answer_s = answer_s
        self._buckets = {uploads: _Names("scans/{:09}.jpg", count)}
        self._results = results
        self._documents = _Names(f"v1/{uploads}/scans/{{:09}}.jpg/{GENERATION}/{_TASK}.json", count)
        self._done = bytearray(count)
        self._coming: list[tuple[float, int]] = []
        self._marks: dict[str, tuple[int, bytes]] = {}

    def list_objects(
        self, bucket: str, _prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        """Yield the live objects between two names."""
        self._arrive()
        names = self._documents if bucket == self._results else self._buckets[bucket]
        at = bisect_right(names, start_after) if start_after else 0
        end = bisect_left(names, end_before) if end_before else len(names)
        yielded = 0
        for number in range(at, end):
            if bucket == self._results and not self._done[number]:
                continue
            if yielded % PAGE == 0:
                self.operations["list"] += 1
            yielded += 1
            yield names[number], ObjectInfo(GENERATION, _BYTES, "image/jpeg", {}, 0.0, "AAAAAA==")
        if yielded == 0:
            self.operations["list"] += 1

    def list_folders(self, bucket: str, _prefix: str) -> Sequence[str]:
        """There is one run."""
        self.operations["list"] += 1
        return ["v1/"] if bucket == self._results else []

    def stat(self, _bucket: str, name: str) -> ObjectInfo | None:
        """Look at a mark."""
        self.operations["get"] += 1
        found = self._marks.get(name)
        return None if found is None else ObjectInfo(found[0], len(found[1]), "application/json", {}, 0.0, "")

    def read(self, bucket: str, name: str, **_: Any) -> bytes:
        """Read a mark, or a result."""
        self.operations["get"] += 1
        if bucket == self._results:
            return json.dumps({"task": _TASK, "usage": {"cost_usd": 0.001}}).encode()
        if name not in self._marks:
            raise NotFoundError(name)
        return self._marks[name][1]

    def replace(self, _bucket: str, name: str, data: bytes, *, generation: int, **_: Any) -> int:
        """Write a mark."""
        self.operations["write"] += 1
        self._marks[name] = (generation + 1, data)
        return generation + 1

    def publish(self, _topic: str, messages: Sequence[Message]) -> None:
        """Take image events."""
        self.operations["publish"] += 1
        for message in messages:
            name = parse_image_event(message.data).source.name
            number = int(_NUMBER.findall(name)[0])
            self.published[number] += 1
            self.operations["message bytes"] += len(message.data) + sum(
                map(len, map("".join, message.attributes.items()))
            )
            spread = 0.5 + number * _STEP % 1000 / 1000
            heapq.heappush(self._coming, (self._clock.monotonic_s() + self._answer_s * spread, number))

    def _arrive(self) -> None:
        while self._coming and self._coming[0][0] <= self._clock.monotonic_s():
            self._done[heapq.heappop(self._coming)[1]] = 1

    def __getattr__(self, operation: str) -> Any:
        raise AttributeError(f"expected a backfill that does without {operation}")
