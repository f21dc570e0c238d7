"""The queued faults and the clock of the memory adapters: what every other test of a failure stands on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.adapters.memory import Faults, ManualClock, MemoryModel, MemoryPublisher, MemoryStore
from shared.core.errors import AlreadyExistsError, ChangedError, TransientError
from shared.core.ports import Message


def _create(store: MemoryStore, name: str = "x") -> int:
    return store.create("b", name, b"data", content_type="text/plain")


def test_a_fault_strikes_its_operation_once_and_in_order() -> None:
    faults = Faults()
    faults.add("read", TransientError("first"))
    faults.add("read", TransientError("second"))

    faults.begin("stat")
    with pytest.raises(TransientError, match="first"):
        faults.begin("read")
    with pytest.raises(TransientError, match="second"):
        faults.begin("read")
    faults.begin("read")

    assert faults.calls == {"stat": 1, "read": 3}


def test_what_is_left_counts_the_faults_that_were_never_met() -> None:
    faults = Faults()
    faults.add("read", TransientError("a"))
    faults.add("create", TransientError("b"), when="after")
    assert faults.left == 2

    with pytest.raises(TransientError, match="a"):
        faults.begin("read")

    assert faults.left == 1


def test_a_fault_before_a_write_prevents_it_and_one_after_it_loses_its_answer() -> None:
    store = MemoryStore(ManualClock())
    store.faults.add("create", TransientError("before"))
    with pytest.raises(TransientError, match="before"):
        _create(store)
    assert store.stat("b", "x") is None

    store.faults.add("create", TransientError("after"), when="after")
    with pytest.raises(TransientError, match="after"):
        _create(store)

    assert store.read("b", "x", max_bytes=10) == b"data"
    assert store.faults.left == 0


def test_a_fault_behind_a_refused_write_waits_for_one_that_succeeds() -> None:
    store = MemoryStore(ManualClock())
    generation = _create(store)
    store.faults.add("create", TransientError("after"), when="after")
    store.faults.add("replace", TransientError("after"), when="after")

    with pytest.raises(AlreadyExistsError):
        _create(store)
    with pytest.raises(ChangedError):
        store.replace("b", "x", b"", generation=generation + 1, content_type="text/plain")

    assert store.faults.left == 2


def test_a_fault_after_a_publish_means_that_the_message_is_out() -> None:
    publisher = MemoryPublisher()
    publisher.faults.add("publish", TransientError("lost"), when="after")

    with pytest.raises(TransientError, match="lost"):
        publisher.publish("t", [Message(b"x", {})])

    assert publisher.messages == {"t": [Message(b"x", {})]}


def test_a_fault_after_an_upload_means_that_the_file_is_there() -> None:
    model = MemoryModel(lambda _: {})
    model.faults.add("upload", TransientError("lost"), when="after")

    with pytest.raises(TransientError, match="lost"):
        model.upload("files/a", b"x", mime_type="image/png", timeout_s=1)

    file = model.get_file("files/a", timeout_s=1)
    assert file is not None
    assert file.state == "ACTIVE"


def test_calls_and_faults_are_counted_exactly_when_many_threads_write() -> None:
    """The pipeline writes files in parallel; tests count what that costs."""
    store = MemoryStore(ManualClock())
    for _ in range(100):
        store.faults.add("create", TransientError("once"))

    def attempt(index: int) -> bool:
        try:
            _create(store, str(index))
        except TransientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        written = sum(pool.map(attempt, range(1000)))

    assert store.faults.calls == {"create": 1000}
    assert (written, store.faults.left, len(store.list_names("b", ""))) == (900, 0, 900)


def test_of_many_creates_of_one_name_one_succeeds() -> None:
    store = MemoryStore(ManualClock())

    def attempt(_: int) -> bool:
        try:
            _create(store)
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(200))) == 1


def test_names_are_listed_in_the_order_of_their_bytes() -> None:
    """U+FF5E sorts behind U+1F34B in UTF-16 and before it in UTF-8, which Cloud Storage uses."""
    store = MemoryStore(ManualClock())
    for name in ("b", "a/2", "🍋", "\uff5e", "a/1"):
        _create(store, name)

    assert store.list_names("b", "") == ["a/1", "a/2", "b", "\uff5e", "🍋"]
    assert store.list_names("b", "a/") == ["a/1", "a/2"]
    assert store.list_names("c", "") == []


def test_sleeping_moves_the_clock_and_tells_the_test_first() -> None:
    clock = ManualClock()
    seen: list[tuple[float, float]] = []
    clock.on_sleep = lambda seconds: seen.append((seconds, clock.monotonic_s()))

    clock.sleep(2.5)

    assert seen == [(2.5, 1000.0)]
    assert clock.monotonic_s() == 1002.5


def test_the_time_of_day_follows_the_manual_seconds() -> None:
    clock = ManualClock()

    assert clock.now_iso() == "2026-11-21T00:16:40.000Z"
    clock.sleep(20)
    assert clock.now_iso() == "2026-11-21T00:17:00.000Z"


def test_an_object_ages_by_the_clock_of_the_server() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    _create(store)

    clock.sleep(420)

    info = store.stat("b", "x")
    assert info is not None
    assert (info.age_s, info.size) == (420.0, 4)
