"""How often the viewer reads what it looks at again and again: once for each generation of an object."""

from __future__ import annotations

from typing import Any

from infra.viewer.buckets import Buckets
from infra.viewer.catalog import Catalog, Query
from infra.viewer.names import Address
from infra.viewer.places import Places
from infra.viewer.store import Content
from shared.core.events.envelopes import ImageEvent, format_image_event
from shared.core.naming import PARKED
from shared.core.values import Source, TaskSettings
from shared.pipeline.worker.park import PARKED_CODE

EVENT = ImageEvent(
    Source("uploads", "a.png", 7), "caption", TaskSettings("gemini-3.8-flash", "p", "low", 25, 1000), "v1"
)
NAME = f"{PARKED}2026-11-30T16/a.png"


class _Store:
    """As much of a store as one held event needs; `generation` is that of its object, None where it is released."""

    places = Places(("uploads",), "results", "work")

    def __init__(self) -> None:
        self.generation: int | None = 1
        self.code = "budget"
        self.reads: list[Address] = []

    def stored(self, bucket: str, *, prefix: str = "") -> list[Address]:
        return [Address(bucket, NAME, self.generation)] if prefix == PARKED and self.generation else []

    def read(self, address: Address) -> Content:
        self.reads.append(address)
        return Content(format_image_event(EVENT).data, "application/json")

    def metadata(self, _: Address) -> dict[str, str]:
        return {PARKED_CODE: self.code}


def _look(buckets: Buckets) -> list[Any]:
    assert buckets.read(told=lambda *_: None) == []
    return [dict(record.tasks) for record in buckets.catalog.page(Query(), offset=0, limit=9).records]


def test_a_held_event_is_read_once_and_again_where_it_was_written_anew() -> None:
    store = _Store()
    buckets = Buckets(store, Catalog())  # type: ignore[arg-type]

    first = _look(buckets)
    assert (_look(buckets), len(store.reads)) == (first, 1)
    assert first[0]["caption"]["status"] == "held"

    store.generation, store.code = 2, "configuration"
    assert _look(buckets)[0]["caption"]["reason"] != first[0]["caption"]["reason"]
    assert [each.generation for each in store.reads] == [1, 2]

    store.generation = None
    _look(buckets)
    assert len(store.reads) == 2
