"""One suite for the object store port: the memory twin and Cloud Storage's own client against the emulator.

With STORAGE_EMULATOR_HOST set, the suite also runs against that server.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import Conflict

from infra.local.resources import storage_client
from shared.adapters.clock import SystemClock
from shared.adapters.memory import MemoryStore
from shared.adapters.storage import GoogleStorage
from shared.core.errors import AlreadyExistsError, ChangedError, NotFoundError, PermanentError, TransientError
from shared.core.jsontext import crc32c
from tests.contract.storage_deviations import mark
from tests.contract.storage_rig import GIVEN_DEVIATIONS, GIVEN_URL
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.ports import ObjectInfo, ObjectStore

TEXT = "text/plain"


@pytest.fixture(scope="module", params=["memory", "emulator", *(["given"] if GIVEN_URL else [])], name="started")
def _started(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryStore(SystemClock())
    elif request.param == "emulator":
        with running("storage") as url:
            yield _real(url)
    else:
        yield _real(GIVEN_URL)


@pytest.fixture
def store(request: pytest.FixtureRequest, started: ObjectStore) -> ObjectStore:
    if request.node.callspec.params["started"] == "given":
        mark(request, GIVEN_DEVIATIONS)
    return started


def _real(url: str) -> ObjectStore:
    with contextlib.suppress(Conflict):  # a given server may remember an earlier run
        storage_client(url).create_bucket("contract")
    return GoogleStorage(project="local-dev", emulator_host=url, connections=32)


@pytest.fixture
def name() -> str:
    return f"object-{uuid.uuid4().hex}"


def test_what_was_created_is_read_back(store: ObjectStore, name: str) -> None:
    generation = store.create("contract", name, b"hello", content_type=TEXT)

    assert store.read("contract", name, max_bytes=100) == b"hello"
    assert store.read("contract", name, generation=generation, max_bytes=100) == b"hello"


def test_a_second_create_is_refused_and_changes_nothing(store: ObjectStore, name: str) -> None:
    store.create("contract", name, b"first", content_type=TEXT)

    with pytest.raises(AlreadyExistsError):
        store.create("contract", name, b"second", content_type=TEXT)

    assert store.read("contract", name, max_bytes=100) == b"first"


def test_sixteen_creates_at_once_have_one_winner(store: ObjectStore, name: str) -> None:
    def create(number: int) -> bool:
        try:
            store.create("contract", name, f"{number}".encode(), content_type=TEXT)
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        wins = list(pool.map(create, range(16)))

    assert wins.count(True) == 1
    assert store.read("contract", name, max_bytes=100) == str(wins.index(True)).encode()


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100_000])
def test_a_head_is_the_first_bytes_of_exactly_one_generation(store: ObjectStore, name: str, size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    first = store.create("contract", name, data, content_type=TEXT)

    assert store.read_head("contract", name, generation=first, max_bytes=4) == data[:4]

    store.replace("contract", name, b"second", generation=first, content_type=TEXT)
    with pytest.raises(NotFoundError):
        store.read_head("contract", name, generation=first, max_bytes=4)


def test_a_replace_needs_the_generation_that_is_live(store: ObjectStore, name: str) -> None:
    first = store.create("contract", name, b"first", content_type=TEXT)
    second = store.replace("contract", name, b"second", generation=first, content_type=TEXT)

    with pytest.raises(ChangedError):
        store.replace("contract", name, b"third", generation=first, content_type=TEXT)

    assert second != first
    assert store.read("contract", name, max_bytes=100) == b"second"


def test_a_replace_of_generation_zero_creates_only(store: ObjectStore, name: str) -> None:
    store.replace("contract", name, b"first", generation=0, content_type=TEXT)

    with pytest.raises(ChangedError):
        store.replace("contract", name, b"second", generation=0, content_type=TEXT)


@pytest.mark.fault(18)
def test_an_overwritten_generation_is_not_found(store: ObjectStore, name: str) -> None:
    first = store.create("contract", name, b"first", content_type=TEXT)
    store.replace("contract", name, b"second", generation=first, content_type=TEXT)

    with pytest.raises(NotFoundError):
        store.read("contract", name, generation=first, max_bytes=100)


def test_what_never_was_is_not_found(store: ObjectStore, name: str) -> None:
    assert store.stat("contract", name) is None
    with pytest.raises(NotFoundError):
        store.read("contract", name, max_bytes=100)


def test_stat_tells_size_checksum_type_metadata_and_generation(store: ObjectStore, name: str) -> None:
    generation = store.create("contract", name, b"hello", content_type=TEXT, metadata={"uplook-attempt": "a1"})

    info = store.stat("contract", name)

    assert info is not None
    assert (info.generation, info.size, info.crc32c) == (generation, 5, crc32c(b"hello"))
    assert info.content_type == TEXT
    assert dict(info.metadata) == {"uplook-attempt": "a1"}


@pytest.mark.fault(113)
def test_age_is_told_by_the_server_and_small_right_after_a_write(store: ObjectStore, name: str) -> None:
    store.create("contract", name, b"hello", content_type=TEXT)

    info = store.stat("contract", name)

    assert info is not None
    assert 0 <= info.age_s < 60


@pytest.mark.fault(23)
def test_a_read_stops_at_the_cap(store: ObjectStore, name: str) -> None:
    store.create("contract", name, bytes(3_000_000), content_type=TEXT)

    with pytest.raises(PermanentError, match="larger than 1,000,000"):
        store.read("contract", name, max_bytes=1_000_000)


def test_a_read_of_exactly_the_cap_is_whole(store: ObjectStore, name: str) -> None:
    data = bytes(range(256)) * 4096
    store.create("contract", name, data, content_type=TEXT)

    assert store.read("contract", name, max_bytes=len(data)) == data


def test_an_empty_object_is_an_object(store: ObjectStore, name: str) -> None:
    store.create("contract", name, b"", content_type=TEXT)

    assert store.read("contract", name, max_bytes=100) == b""


def test_a_delete_is_safe_to_repeat(store: ObjectStore, name: str) -> None:
    store.create("contract", name, b"hello", content_type=TEXT)

    store.delete("contract", name)
    store.delete("contract", name)

    assert store.stat("contract", name) is None


def test_a_delete_of_another_generation_deletes_nothing(store: ObjectStore, name: str) -> None:
    generation = store.create("contract", name, b"hello", content_type=TEXT)

    store.delete("contract", name, generation=generation - 1)

    assert store.stat("contract", name) is not None


def test_names_are_listed_in_byte_order_below_their_prefix(store: ObjectStore, name: str) -> None:
    names = [f"{name}/b", f"{name}/a", f"{name}/ü", f"{name}/Z"]
    for each in (*names, f"{name}-beside"):
        store.create("contract", each, b"x", content_type=TEXT)

    assert list(store.list_names("contract", f"{name}/")) == [f"{name}/Z", f"{name}/a", f"{name}/b", f"{name}/ü"]


def test_folders_are_listed_as_whole_prefixes_without_the_objects_between_them(store: ObjectStore, name: str) -> None:
    for each in ("b/1/x", "b/2/x", "a/x", "Ü/x", "beside", "b"):
        store.create("contract", f"{name}/{each}", b"x", content_type=TEXT)

    assert list(store.list_folders("contract", f"{name}/")) == [f"{name}/a/", f"{name}/b/", f"{name}/Ü/"]
    assert list(store.list_folders("contract", f"{name}/b/")) == [f"{name}/b/1/", f"{name}/b/2/"]
    assert list(store.list_folders("contract", f"{name}/a/")) == []


def test_objects_are_listed_in_byte_order_with_all_that_stat_tells(store: ObjectStore, name: str) -> None:
    for each in (f"{name}/b", f"{name}/a", f"{name}/ü", f"{name}/Z", f"{name}-beside"):
        store.create("contract", each, each.encode(), content_type=TEXT, metadata={"uplook-tasks": each})

    listed = list(store.list_objects("contract", f"{name}/"))

    assert [each for each, _ in listed] == [f"{name}/Z", f"{name}/a", f"{name}/b", f"{name}/ü"]
    for each, info in listed:
        assert info == replace(_stat(store, each), age_s=info.age_s)
        assert 0 <= info.age_s < 60


def _stat(store: ObjectStore, name: str) -> ObjectInfo:
    info = store.stat("contract", name)
    assert info is not None
    return info


@pytest.mark.parametrize(
    ("start_after", "end_before", "wanted"),
    [
        (None, None, "a a/1 b c"),
        ("a", None, "a/1 b c"),
        ("a/0", None, "a/1 b c"),
        ("", "b", "a a/1"),
        ("a", "c", "a/1 b"),
        ("c", None, ""),
        ("c", "a", ""),
    ],
)
def test_objects_are_listed_above_one_name_and_below_another(
    store: ObjectStore, name: str, *, start_after: str | None, end_before: str | None, wanted: str
) -> None:
    for each in ("a", "a/1", "b", "c"):
        store.create("contract", f"{name}/{each}", b"x", content_type=TEXT)

    start, end = (None if each is None else f"{name}/{each}" for each in (start_after, end_before))
    listed = store.list_objects("contract", f"{name}/", start_after=start, end_before=end)

    assert [each.removeprefix(f"{name}/") for each, _ in listed] == wanted.split()


def test_a_listing_of_several_pages_can_be_left_and_gone_on_with(store: ObjectStore, name: str) -> None:
    names = [f"{name}/{number:04}" for number in range(2001)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda each: store.create("contract", each, b"x", content_type=TEXT), names))

    first = [each for each, _ in itertools.islice(store.list_objects("contract", f"{name}/"), 1500)]
    rest = [each for each, _ in store.list_objects("contract", f"{name}/", start_after=first[-1])]

    assert [*first, *rest] == names


@pytest.mark.fault(24, 25, 26, 28)
@pytest.mark.parametrize(
    "odd",
    [
        "with space",
        "Bäume",
        "a#1",
        "50%25",
        "..",
        "../up",
        "a/./b",
        "🙂",
        "q?x=1&y",
        "a+b",
        "[x]*",
        "\u00e9",
        "e\u0301",
    ],
)
def test_every_legal_name_is_a_name_of_its_own(store: ObjectStore, name: str, odd: str) -> None:
    full = f"{name}/{odd}"
    store.create("contract", full, odd.encode(), content_type=TEXT)

    assert store.read("contract", full, max_bytes=100) == odd.encode()
    assert list(store.list_names("contract", f"{name}/")) == [full]


def test_an_unreachable_service_is_a_passing_fault() -> None:
    nobody = GoogleStorage(project="local-dev", emulator_host="http://127.0.0.1:9", connections=1, retry_s=0.5)

    with pytest.raises(TransientError):
        nobody.list_names("contract", "")
    with pytest.raises(TransientError):
        next(nobody.list_objects("contract", ""))
