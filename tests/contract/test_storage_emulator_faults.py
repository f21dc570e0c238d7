from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud.storage.retry import DEFAULT_RETRY

from infra.emulators import Control, Fault
from shared.adapters.storage import GoogleStorage
from shared.core.errors import AlreadyExistsError, TransientError
from tests.waiting import WAIT_S, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.storage_rig import Rig

pytest_plugins = ["tests.contract.storage_fixtures"]

TEXT = "text/plain"
CHUNK = 1 << 18
BODY = random.Random(11).randbytes(3 * CHUNK)
MINE = {"uplook-attempt": "a1"}


@pytest.fixture
def control(storage: Rig) -> Iterator[Control]:
    control = Control(storage.url)
    yield control
    control.clear()


@pytest.fixture
def store(storage: Rig) -> GoogleStorage:
    return GoogleStorage(project="local-dev", emulator_host=storage.url, connections=2, retry_s=WAIT_S)


@pytest.fixture
def impatient(storage: Rig) -> GoogleStorage:
    """The adapter with next to no retries, and two seconds of patience with a silent server."""
    return GoogleStorage(project="local-dev", emulator_host=storage.url, connections=2, retry_s=0.2, timeout_s=2)


def stats(storage: Rig) -> dict[str, int]:
    found: dict[str, int] = requests.get(f"{storage.url}/_control/stats", timeout=WAIT_S).json()
    return found


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_retried_by_the_client(
    storage: Rig, control: Control, store: GoogleStorage, status: int
) -> None:
    with control.planned(Fault("status", operation="object.insert", subject=f"{storage.bucket.name}/o", status=status)):
        generation = store.create(storage.bucket.name, "o", b"x", content_type=TEXT)
    assert storage.bucket.get_blob("o").generation == generation


def test_a_missing_role_is_a_passing_fault_and_nothing_is_stored(
    storage: Rig, control: Control, store: GoogleStorage
) -> None:
    with (
        control.planned(Fault("status", operation="object.insert", status=403)),
        pytest.raises(TransientError, match="told to answer 403"),
    ):
        store.create(storage.bucket.name, "o", b"x", content_type=TEXT)
    assert not storage.bucket.blob("o").exists()


def test_a_refusal_can_say_anything(storage: Rig, control: Control) -> None:
    body = {"error": {"code": 403, "message": "Out of money.", "errors": [{"reason": "accountDisabled"}]}}
    with (
        control.planned(Fault("status", operation="object.get", status=403, body=body)),
        pytest.raises(exceptions.Forbidden, match=r"Out of money\.") as caught,
    ):
        storage.bucket.blob("o").reload()
    assert caught.value.errors == [{"reason": "accountDisabled"}]


def test_a_refusal_says_the_text_it_was_told(storage: Rig, control: Control) -> None:
    with (
        control.planned(Fault("status", operation="object.delete", status=429, body="Slow down.")),
        pytest.raises(exceptions.TooManyRequests, match=r"Slow down\."),
    ):
        storage.bucket.blob("o").delete(retry=None)


def test_a_planned_refusal_is_counted_like_any_other(storage: Rig, control: Control) -> None:
    before = stats(storage).get("bucket.get:418", 0)
    with control.planned(Fault("status", operation="bucket.get", subject=storage.bucket.name, status=418)):
        assert requests.get(f"{storage.url}/storage/v1/b/{storage.bucket.name}", timeout=WAIT_S).status_code == 418
    assert stats(storage)["bucket.get:418"] == before + 1


def test_a_create_whose_answer_is_lost_meets_its_own_write(
    storage: Rig, control: Control, store: GoogleStorage
) -> None:
    with (
        control.planned(Fault("lost_answer", operation="object.insert")),
        pytest.raises(AlreadyExistsError),
    ):
        store.create(storage.bucket.name, "o", b"x", content_type=TEXT, metadata=MINE)
    info = store.stat(storage.bucket.name, "o")
    assert info is not None
    assert dict(info.metadata) == MINE


def test_a_delete_whose_answer_is_lost_is_no_error(storage: Rig, control: Control, store: GoogleStorage) -> None:
    generation = store.create(storage.bucket.name, "o", b"x", content_type=TEXT)
    with control.planned(Fault("lost_answer", operation="object.delete")):
        store.delete(storage.bucket.name, "o", generation=generation)
    assert store.stat(storage.bucket.name, "o") is None


@pytest.mark.fault(103)
@pytest.mark.parametrize("arrived", [0, 1, 1000, len(BODY)])
def test_an_upload_that_is_cut_off_leaves_nothing_behind(
    storage: Rig, control: Control, impatient: GoogleStorage, arrived: int
) -> None:
    control.add(Fault("reset", operation="object.insert", subject=f"{storage.bucket.name}/*", bytes=arrived, times=0))
    with pytest.raises(TransientError):
        impatient.create(storage.bucket.name, "o", BODY, content_type=TEXT)
    [rule] = control.faults()
    assert rule["hits"] >= 1
    assert not storage.bucket.blob("o").exists()


@pytest.mark.parametrize("arrived", [0, 1000])
def test_an_upload_that_is_cut_off_once_succeeds_by_itself(
    storage: Rig, control: Control, store: GoogleStorage, arrived: int
) -> None:
    with control.planned(Fault("reset", operation="object.insert", bytes=arrived)):
        store.create(storage.bucket.name, "o", BODY, content_type=TEXT)
    assert storage.bucket.blob("o").download_as_bytes() == BODY


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_a_resumable_upload_goes_on_from_what_arrived(storage: Rig, control: Control, kind: str) -> None:
    blob = storage.bucket.blob("o", chunk_size=CHUNK)
    fault = Fault(kind, operation="upload.chunk", subject=f"{storage.bucket.name}/o", skip=1, bytes=CHUNK // 2)
    with control.planned(fault):
        blob.upload_from_file(io.BytesIO(BODY), retry=DEFAULT_RETRY)  # of unknown size: resumable
    assert storage.bucket.blob("o").download_as_bytes() == BODY


@pytest.mark.fault(104)
@pytest.mark.parametrize("at", [0, 12_345, len(BODY) - 1])
def test_bytes_that_are_not_those_stored_at_the_second_attempt_either_are_a_passing_fault(
    storage: Rig, control: Control, store: GoogleStorage, at: int
) -> None:
    store.create(storage.bucket.name, "o", BODY, content_type=TEXT)
    corrupt = Fault("corrupt", operation="object.download", bytes=at, times=2)
    with control.planned(corrupt), pytest.raises(TransientError):
        store.read(storage.bucket.name, "o", max_bytes=len(BODY))
    assert store.read(storage.bucket.name, "o", max_bytes=len(BODY)) == BODY


def test_the_client_checks_nothing_once_it_had_to_resume_a_download(storage: Rig, control: Control) -> None:
    storage.bucket.blob("o").upload_from_string(BODY)
    cut, corrupt = (Fault(kind, operation="object.download", bytes=1000) for kind in ("cut", "corrupt"))
    with control.planned(cut, corrupt):
        read = storage.bucket.blob("o").download_as_bytes(raw_download=True, checksum="crc32c")
    assert read == BODY[:2000] + bytes([BODY[2000] ^ 0xFF]) + BODY[2001:]


@pytest.mark.parametrize("kind", ["cut", "truncate", "stall"])
@pytest.mark.parametrize("at", [0, 12_345])
def test_a_download_that_breaks_off_once_succeeds_by_itself(
    storage: Rig, control: Control, store: GoogleStorage, *, kind: str, at: int
) -> None:
    storage.bucket.blob("o").upload_from_string(BODY)
    store._patience["timeout"] = 2.0
    with control.planned(Fault(kind, operation="object.download", bytes=at, seconds=5)):
        assert store.read(storage.bucket.name, "o", max_bytes=len(BODY)) == BODY


@pytest.mark.parametrize("kind", ["cut", "stall", "latency", "lost_answer"])
def test_a_download_that_always_breaks_off_is_a_passing_fault(
    storage: Rig, control: Control, impatient: GoogleStorage, kind: str
) -> None:
    storage.bucket.blob("o").upload_from_string(BODY)
    control.add(Fault(kind, operation="object.download", bytes=1000, seconds=5, times=0))
    with pytest.raises(TransientError):
        impatient.read(storage.bucket.name, "o", max_bytes=len(BODY))
    [rule] = control.faults()
    assert rule["hits"] >= 1


def test_a_stalled_download_comes_whole_to_those_who_wait(storage: Rig, control: Control) -> None:
    storage.bucket.blob("o").upload_from_string(BODY)
    with control.planned(Fault("stall", operation="object.download", seconds=0.3, bytes=1000)), lasting(0.3):
        assert storage.bucket.blob("o").download_as_bytes() == BODY


def test_a_slow_answer_is_still_the_answer(storage: Rig, control: Control) -> None:
    with control.planned(Fault("latency", operation="bucket.get", seconds=0.3)), lasting(0.3):
        assert storage.client.get_bucket(storage.bucket.name).name == storage.bucket.name


def test_a_slow_answer_keeps_nobody_else_waiting(storage: Rig, control: Control) -> None:
    control.add(Fault("latency", operation="object.get", subject="*/slow", seconds=120))
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{storage.url}/storage/v1/b/{storage.bucket.name}/o/slow", timeout=2)
    storage.bucket.blob("o").upload_from_string(b"x", timeout=100, retry=None)


@pytest.mark.parametrize(("operation", "size"), [("upload.start", None), ("object.insert", len(BODY))])
def test_a_rule_finds_an_object_by_the_name_in_the_body(
    storage: Rig, control: Control, operation: str, size: int | None
) -> None:
    fault = Fault("status", operation=operation, subject=f"{storage.bucket.name}/ä/*.png", status=400)
    control.add(fault)
    storage.bucket.blob("other.png").upload_from_file(io.BytesIO(BODY), size=size)
    assert control.faults()[0]["hits"] == 0
    with pytest.raises(exceptions.BadRequest):
        storage.bucket.blob("ä/b.png").upload_from_file(io.BytesIO(BODY), size=size)


def test_a_batch_whose_answer_is_lost_was_carried_out(storage: Rig, control: Control) -> None:
    storage.bucket.blob("o").upload_from_string(b"x")
    with (
        control.planned(Fault("lost_answer", operation="batch")),
        pytest.raises((requests.ConnectionError, exceptions.RetryError)),
        storage.client.batch(),
    ):
        storage.bucket.blob("o").delete()
    assert not storage.bucket.blob("o").exists()


@pytest.mark.parametrize(
    "rule", [{"kind": "quake"}, {"kind": "status", "operation": 5}, {"kind": "latency", "seconds": -1}]
)
def test_a_rule_that_makes_no_sense_is_refused(storage: Rig, rule: dict[str, Any]) -> None:
    assert requests.post(f"{storage.url}/_control/faults", json=rule, timeout=WAIT_S).status_code == 400


def test_rules_do_not_hit_the_control_api(storage: Rig, control: Control) -> None:
    control.add(Fault("status", times=0))
    assert stats(storage)
    assert control.faults()[0]["hits"] == 0
