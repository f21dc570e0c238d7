"""Where a backfill's objects come from: in order, from any position, and a little ahead of who wants them."""

from __future__ import annotations

import pytest

from shared.adapters.memory import ManualClock, MemoryStore
from shared.core.planning.candidates import Shard
from shared.core.planning.inventory import ListEntry
from shared.pipeline.backfill.objects import BucketObjects, ListedObjects, objects_at


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(ManualClock())
    for number in range(1200):
        store.create("uploads", f"a/{number:04}.jpg", b"x", content_type="image/jpeg")
    return store


def test_a_listing_goes_on_behind_any_of_its_objects(store: MemoryStore) -> None:
    objects = BucketObjects(store, "uploads", "a/")
    all_of_it = list(objects.after(None))

    assert [seen.name for seen in all_of_it] == [f"a/{number:04}.jpg" for number in range(1200)]
    for at in (0, 199, 200, 999, 1199):
        assert list(objects.after(all_of_it[at].position)) == all_of_it[at + 1 :]


def test_parts_make_up_the_whole_and_share_nothing(store: MemoryStore) -> None:
    parts = [{seen.name for seen in BucketObjects(store, "uploads", shard=Shard(i, 7)).after(None)} for i in range(7)]

    assert sum(map(len, parts)) == len(set.union(*parts)) == 1200
    assert all(len(part) > 100 for part in parts)


def test_one_object_is_a_listing_of_one(store: MemoryStore) -> None:
    objects = objects_at(store, "uploads", "a/0007.jpg", Shard())

    assert [seen.name for seen in objects.after(None)] == ["a/0007.jpg"]
    assert list(objects.after("a/0007.jpg")) == []
    assert not objects_at(store, "uploads", "a/000", Shard()).exact
    assert not objects_at(store, "uploads", "", Shard()).exact


def test_a_list_goes_on_behind_any_of_its_entries(store: MemoryStore) -> None:
    entries = [ListEntry(f"a/{number:04}.jpg", "uploads") for number in (7, 3, 3, 5000, 9)]
    objects = ListedObjects(store, "uploads", lambda: iter(entries), "digest")
    all_of_it = list(objects.after(None))

    assert [(seen.position, seen.info is not None) for seen in all_of_it] == [
        (1, True),
        (2, True),
        (3, True),
        (4, False),
        (5, True),
    ]
    assert list(objects.after(3)) == all_of_it[3:]
