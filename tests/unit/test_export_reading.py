from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory import ManualClock, MemoryStore
from shared.consumer.choosing import chosen, chosen_in_order, tasks
from shared.core.errors import TransientError
from shared.core.ports import ObjectInfo
from shared.export.reading import (
    THREADS,
    BucketResults,
    Listed,
    Tally,
    Unreadable,
    UnreadableError,
    documents,
    parsed,
)
from tests.export_documents import document, failed, folder

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/json"
_FOLDERS = ("r/b/o/7", "r/b/o/8", "r/b/o/7/detect.json/9", "r/b/o/7/detect.error-0.json/9", "r/b/o-/7")
_ENDS = (
    "detect.json",
    "detect.error-0.json",
    "detect.error-10.json",
    "detect.error-9.json",
    "ask.json",
    "detect/x.png",
)
_NAMES = [f"{folder}/{end}" for folder in _FOLDERS for end in _ENDS]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(ManualClock())


def put(store: MemoryStore, name: str, value: Any) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    store.create("results", name, data, content_type=JSON)


def left_out(_: Unreadable) -> None:
    raise AssertionError(f"nothing should be left out: {_}")


def test_the_result_comes_before_its_errors() -> None:
    names = ["r/b/o/7/detect.error-0.json", "r/b/o/7/detect.error-1.json", "r/b/o/7/detect.json"]
    assert chosen(names) == ["r/b/o/7/detect.json"]


def test_without_a_result_the_newest_error_is_taken_by_number_not_by_spelling() -> None:
    names = [f"r/b/o/7/detect.error-{number}.json" for number in (0, 10, 9)]
    assert chosen(names) == ["r/b/o/7/detect.error-10.json"]


def test_every_generation_and_task_has_a_document_of_its_own() -> None:
    names = ["r/b/o/7/caption.json", "r/b/o/7/detect.json", "r/b/o/8/caption.json"]
    assert chosen(names) == names


def test_one_task_can_be_chosen() -> None:
    assert chosen(["r/b/o/7/caption.json", "r/b/o/7/detect.json"], task="detect") == ["r/b/o/7/detect.json"]


def test_files_of_results_are_no_documents() -> None:
    assert chosen(["r/b/o/7/segment/mask-000.png", "r/b/o/7/segment/overlay.jpg", "top.json"]) == []


def test_an_image_that_is_named_like_a_result_is_only_a_folder() -> None:
    names = ["v1/b/x/7/detect.json/9/detect.json", "v1/b/x/7/detect.json"]
    assert chosen(names) == names


def test_the_tasks_below_a_prefix_are_named() -> None:
    assert tasks(["r/b/o/7/detect.json", "r/b/o/7/caption.error-0.json", "r/b/o/7/x.png"]) == ["caption", "detect"]


def test_documents_are_read_in_the_order_of_their_names(store: MemoryStore) -> None:
    for number in reversed(range(100)):
        put(store, f"{folder(f'{number:03d}.jpg')}/segment.json", document(name=f"{number:03d}.jpg", items=[]))
    found = list(documents(BucketResults(store, "results", "v1/"), on_unreadable=left_out))
    assert [each.document["source"]["name"] for each in found] == [f"{number:03d}.jpg" for number in range(100)]
    assert found[5].place == f"gs://results/{folder('005.jpg')}/segment.json"


@given(st.lists(st.sampled_from(_NAMES), unique=True), st.sampled_from([None, "detect"]))
def test_a_listing_in_order_is_chosen_from_as_it_comes(names: list[str], task: str | None) -> None:
    listed = sorted(names, key=str.encode)
    assert list(chosen_in_order(listed, name_of=str, task=task)) == chosen(listed, task=task)


def test_a_choice_is_told_as_soon_as_nothing_can_change_it() -> None:
    def listing() -> Iterator[str]:
        yield from ("r/b/o/7/detect.error-0.json", "r/b/o/7/detect.json", "r/b/o/8/detect.json")
        raise AssertionError("the rest is not needed yet")

    assert next(chosen_in_order(listing(), name_of=str)) == "r/b/o/7/detect.json"


def test_what_was_created_earlier_is_not_yielded_and_what_was_stored_earlier_is_not_even_read() -> None:
    since = dt.datetime.fromisoformat("2026-11-21T10:00:00Z")
    clock = ManualClock()
    store = MemoryStore(clock)
    for number, created in enumerate(("2026-11-21T07:00Z", "2026-11-21T09:59:59.999Z", "2026-11-21T10:00Z")):
        put(store, f"{folder(f'{number}.jpg')}/segment.json", document([], created=created))
    now = dt.datetime.now(dt.UTC)
    ages = {0: now - since + dt.timedelta(hours=3), 1: now - since + dt.timedelta(minutes=1), 2: now - since}

    class Dated(BucketResults):
        def listed(self) -> Iterator[Listed]:
            for number, each in enumerate(super().listed()):
                yield Listed(each.name, now - ages[number])

    tally = Tally()
    found = list(documents(Dated(store, "results", ""), since=since, tally=tally))

    assert [each.document["created"] for each in found] == ["2026-11-21T10:00Z"]
    assert store.faults.calls["read"] == 2
    assert str(tally) == "1 results read, 2 older"


def test_a_listing_tells_when_an_object_was_stored() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    put(store, f"{folder()}/segment.json", document([]))
    clock.sleep(3600)

    [listed] = BucketResults(store, "results", "").listed()
    assert listed.stored is not None
    age = dt.datetime.now(dt.UTC) - listed.stored
    assert dt.timedelta(hours=1) <= age < dt.timedelta(hours=2)


def test_an_error_that_a_redrive_has_mended_is_not_read(store: MemoryStore) -> None:
    put(store, f"{folder()}/segment.error-0.json", failed())
    put(store, f"{folder()}/segment.json", document([]))
    [found] = documents(BucketResults(store, "results", ""), on_unreadable=left_out)
    assert (found.document["status"], store.faults.calls["read"]) == ("ok", 1)


def test_json_outside_of_a_generation_is_not_looked_at(store: MemoryStore) -> None:
    put(store, "v1/uploads/cat.jpg/notes.json", {"mine": True})
    assert list(documents(BucketResults(store, "results", ""), on_unreadable=left_out)) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "expected JSON"),
        (b"\xff\xfe\xfa", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b"[]", '$: [] is not of type "object"'),
        (b'{"schema": "uplook.result/2"}', '$.schema: "uplook.result/1" was expected'),
        (b'{"schema": "uplook.result/1"}', '$: "id" is a required property'),
        (json.dumps(document([], created="yesterday")).encode(), "$.created: expected a time"),
    ],
)
def test_what_is_no_result_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        parsed(data)
    assert str(caught.value).startswith(reason)


def test_an_unreadable_document_is_told_and_the_others_are_read(store: MemoryStore) -> None:
    put(store, f"{folder('a.jpg')}/segment.json", b"{")
    put(store, f"{folder('b.jpg')}/segment.json", document([], name="b.jpg"))
    told: list[Unreadable] = []
    found = list(documents(BucketResults(store, "results", ""), on_unreadable=told.append))
    assert [each.document["source"]["name"] for each in found] == ["b.jpg"]
    assert [each.place for each in told] == [f"gs://results/{folder('a.jpg')}/segment.json"]


def test_without_anyone_to_tell_an_unreadable_document_is_an_error(store: MemoryStore) -> None:
    put(store, f"{folder()}/segment.json", b"{")
    with pytest.raises(UnreadableError, match="expected JSON"):
        list(documents(BucketResults(store, "results", "")))


def test_a_document_that_is_deleted_meanwhile_is_told() -> None:
    class Forgetful(MemoryStore):
        def list_objects(self, *_: Any, **__: Any) -> Iterator[tuple[str, ObjectInfo]]:
            yield f"{folder()}/detect.json", ObjectInfo(1, 1, "", {}, 0.0)

    told: list[Unreadable] = []
    assert list(documents(BucketResults(Forgetful(ManualClock()), "r", ""), on_unreadable=told.append)) == []
    assert [each.place for each in told] == [f"gs://r/{folder()}/detect.json"]


def test_a_store_that_is_away_ends_the_reading_without_trying_everything(store: MemoryStore) -> None:
    for number in range(500):
        put(store, f"{folder(f'{number}.jpg')}/segment.json", document([]))
    for _ in range(500):
        store.faults.add("read", TransientError("away"))
    with pytest.raises(TransientError, match="away"):
        list(documents(BucketResults(store, "results", ""), on_unreadable=left_out))
    assert store.faults.calls["read"] <= 4 * THREADS + 8 * THREADS
