"""Cloud Storage behind our adapter when the network misbehaves: nothing wrong gets through, no vendor error leaks."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from infra.emulators import Control, Fault
from infra.local.resources import storage_client
from shared.core.errors import AlreadyExistsError, TransientError
from tests.contract.storage_rig import adapter
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.adapters.storage import GoogleStorage

BODY = random.Random(7).randbytes(300_000)
TEXT = "text/plain"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage", "--bucket", "faults") as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[GoogleStorage]:
    yield adapter(url)
    Control(url).clear()


@pytest.mark.fault(104)
def test_bytes_that_were_corrupted_after_a_resumed_download_never_get_through(url: str, store: GoogleStorage) -> None:
    """The client checks a checksum only where it read in one go."""
    store.create("faults", "resumed", BODY, content_type=TEXT)
    cut, corrupt = (Fault(kind, operation="object.download", bytes=1000) for kind in ("cut", "corrupt"))

    # The adapter tries once by itself before the client does.
    with Control(url).planned(cut, cut, corrupt), pytest.raises(TransientError, match="do not match"):
        store.read("faults", "resumed", max_bytes=10**6)


def test_a_download_that_is_cut_once_arrives_whole(url: str, store: GoogleStorage) -> None:
    store.create("faults", "cut", BODY, content_type=TEXT)

    with Control(url).planned(Fault("cut", operation="object.download", bytes=1000)):
        assert store.read("faults", "cut", max_bytes=10**6) == BODY


def test_a_403_to_a_creation_means_that_the_name_is_taken_where_it_is_taken(url: str, store: GoogleStorage) -> None:
    """An identity without the right to delete may be refused the overwrite before the precondition is."""
    store.create("faults", "taken", b"first", content_type=TEXT)

    with (
        Control(url).planned(Fault("status", operation="object.insert", status=403)),
        pytest.raises(AlreadyExistsError, match="must not overwrite"),
    ):
        store.create("faults", "taken", b"second", content_type=TEXT)


@pytest.mark.fault(102, 105)
@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.usefixtures("store")  # which takes the fault away afterwards
def test_a_refusal_of_the_service_is_a_passing_fault(url: str, status: int) -> None:
    Control(url).add(Fault("status", operation="object.insert", status=status, times=0))

    with pytest.raises(TransientError):
        adapter(url, retry_s=1).create("faults", f"refused-{status}", b"x", content_type=TEXT)


@pytest.mark.fault(101)
def test_a_create_whose_answer_was_lost_is_told_as_existing_and_recognised_by_its_metadata(
    url: str, store: GoogleStorage
) -> None:
    with Control(url).planned(Fault("lost_answer", operation="object.insert")), pytest.raises(AlreadyExistsError):
        store.create("faults", "lost", b"mine", content_type=TEXT, metadata={"uplook-attempt": "a1"})

    info = store.stat("faults", "lost")
    assert info is not None
    assert dict(info.metadata) == {"uplook-attempt": "a1"}
    assert storage_client(url).bucket("faults").blob("lost").download_as_bytes() == b"mine"
