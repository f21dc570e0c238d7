from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from infra.emulators.gemini.control import MAX_CALLS, CallLog
from infra.emulators.gemini.errors import ApiError
from infra.emulators.gemini.files import FileMeta, FileStore
from infra.emulators.gemini.uploads import MAX_FILE_BYTES, Uploads

if TYPE_CHECKING:
    from pathlib import Path

BASE = "http://127.0.0.1:1/v1"


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> FileStore:
    return FileStore(processing=timedelta(seconds=10), now=clock)


def add(store: FileStore, tmp_path: Path, name: str) -> None:
    path = tmp_path / secrets.token_hex(8)
    path.write_bytes(b"bytes")
    store.add(FileMeta(name, "", "image/png"), path)


def test_a_file_vanishes_with_its_bytes_after_48_hours(store: FileStore, clock: Clock, tmp_path: Path) -> None:
    add(store, tmp_path, "old")
    clock.time += timedelta(hours=48) - timedelta(microseconds=1)
    assert store.read("old") == b"bytes"
    clock.time += timedelta(microseconds=1)
    with pytest.raises(ApiError, match="You do not have permission"):
        store.get("old")
    assert list(tmp_path.iterdir()) == []


def test_an_expired_name_is_free_again(store: FileStore, clock: Clock, tmp_path: Path) -> None:
    add(store, tmp_path, "name")
    clock.time += timedelta(hours=49)
    add(store, tmp_path, "name")
    assert store.get("name").created == clock.time


def test_a_file_is_active_once_it_was_processed(store: FileStore, clock: Clock, tmp_path: Path) -> None:
    add(store, tmp_path, "slow")
    assert store.get("slow").resource(BASE, clock())["state"] == "PROCESSING"
    with pytest.raises(ApiError, match="not in an ACTIVE state"):
        store.read("slow")
    clock.time += timedelta(seconds=10)
    assert store.get("slow").resource(BASE, clock()) == {
        "name": "files/slow",
        "mimeType": "image/png",
        "sizeBytes": "5",
        "createTime": "2026-11-21T12:00:00.000000Z",
        "updateTime": "2026-11-21T12:00:10.000000Z",
        "expirationTime": "2026-11-23T12:00:00.000000Z",
        "sha256Hash": "Mjc3MDg5ZDkxYzBiZGY0ZjJlNjg2MmJhN2U0YTA3NjA1MTE5NDMxZjVkMTNmNzI2ZGQzNTJiMDZmMWIyMDZhOQ==",
        "uri": f"{BASE}/files/slow",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }


def test_pages_skip_nothing_when_files_vanish_between_them(store: FileStore, tmp_path: Path) -> None:
    for name in "abcd":
        add(store, tmp_path, name)
    page, token = store.page(2, "")
    store.delete("a")
    rest, end = store.page(2, token)
    assert [file.meta.file_id for file in [*page, *rest]] == ["a", "b", "c", "d"]
    assert end == ""


@pytest.mark.parametrize(("size", "token"), [(101, ""), (2, "nonsense")])
def test_a_page_out_of_range_is_refused(store: FileStore, size: int, token: str) -> None:
    with pytest.raises(ApiError):
        store.page(size, token)


def test_a_file_above_two_gigabytes_is_refused_at_the_start(store: FileStore, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="exceeds the limit"):
        Uploads(store, tmp_path).start(FileMeta("", "", "image/png"), MAX_FILE_BYTES + 1)


def test_a_name_taken_during_the_upload_is_refused_at_its_end(store: FileStore, tmp_path: Path) -> None:
    uploads = Uploads(store, tmp_path)
    first, second = (uploads.get(uploads.start(FileMeta("same", "", "image/png"), None)) for _ in range(2))
    uploads.finalize(first)
    with pytest.raises(ApiError) as refusal:
        uploads.finalize(second)
    assert (refusal.value.code, refusal.value.headers) == (409, {"X-Goog-Upload-Status": "final"})


def test_the_log_keeps_every_count_and_the_last_calls() -> None:
    log = CallLog()
    for number in range(MAX_CALLS + 5):
        with log.call("m") as call:
            call.task = str(number)
    document = log.document()
    assert (document["total"], len(document["calls"])) == (MAX_CALLS + 5, MAX_CALLS)
    assert document["calls"][0]["task"] == "5"
