"""What each operation of the object store asks of Cloud Storage: nothing but that, not even in the background."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from infra.emulators.client import Control
from infra.emulators.common.faults import Fault
from infra.local.resources import storage_client
from shared.adapters.storage import GoogleStorage
from shared.core.errors import AlreadyExistsError, ChangedError, NotFoundError
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET, SIZE = "requests", 10
FOUND, GONE = "there", "not-there"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage", "--bucket", BUCKET) as url:
        storage_client(url).bucket(BUCKET).blob(FOUND).upload_from_string(b"bytes", content_type="text/plain")
        yield url


def _create(store: GoogleStorage, name: str) -> None:
    store.create(BUCKET, name, b"new", content_type="text/plain")


OPERATIONS: dict[str, tuple[Callable[[GoogleStorage], object], dict[str, int]]] = {
    "create": (lambda store: _create(store, uuid.uuid4().hex), {"object.insert": 1}),
    "create what exists": (lambda store: _create(store, FOUND), {"object.insert": 1, "object.insert:412": 1}),
    "replace another generation": (
        lambda store: store.replace(BUCKET, FOUND, b"new", generation=1, content_type="text/plain"),
        {"object.insert": 1, "object.insert:412": 1},
    ),
    "stat": (lambda store: store.stat(BUCKET, FOUND), {"object.get": 1}),
    "stat what is not there": (lambda store: store.stat(BUCKET, GONE), {"object.get": 1, "object.get:404": 1}),
    "read": (lambda store: store.read(BUCKET, FOUND, max_bytes=SIZE), {"object.download": 1}),
    "read what is not there": (
        lambda store: store.read(BUCKET, GONE, max_bytes=SIZE),
        {"object.download": 1, "object.download:404": 1},
    ),
    "read a head": (
        lambda store: store.read_head(BUCKET, GONE, generation=1, max_bytes=SIZE),
        {"object.download": 1, "object.download:404": 1},
    ),
    "delete what is not there": (
        lambda store: store.delete(BUCKET, GONE),
        {"object.delete": 1, "object.delete:404": 1},
    ),
    "list names": (lambda store: store.list_names(BUCKET, ""), {"object.list": 1}),
    "list objects": (lambda store: list(store.list_objects(BUCKET, "", start_after="a")), {"object.list": 1}),
    "list objects, none of which is wanted": (lambda store: store.list_objects(BUCKET, ""), {}),
    "list folders": (lambda store: store.list_folders(BUCKET, ""), {"object.list": 1}),
}


@pytest.mark.parametrize("stated", [None, "false"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_sends_its_own_requests_and_no_others(
    url: str, operation: str, stated: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, wanted = OPERATIONS[operation]
    variable = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
    if stated is None:
        monkeypatch.delenv(variable, raising=False)
    else:
        monkeypatch.setenv(variable, stated)
    store, control = GoogleStorage(project="local-dev", emulator_host=url, connections=4), Control(url)
    before, running_before = Counter(control.call("GET", "/_control/stats")), set(threading.enumerate())

    for _ in range(2):  # what is asked once per bucket, and what is asked again behind every failure
        try:
            act(store)
        except (AlreadyExistsError, ChangedError, NotFoundError):
            continue
        finally:
            for thread in set(threading.enumerate()) - running_before:
                thread.join(WAIT_S)

    found = Counter(control.call("GET", "/_control/stats")) - before
    del found["control.stats"]
    assert found == Counter(wanted) + Counter(wanted)


def test_a_refused_bucket_is_nobodys_business(url: str) -> None:
    """As deployed: no function may ask for a bucket, and none does, so that the refusal is never met."""
    control, running_before = Control(url), set(threading.enumerate())
    control.add(Fault("status", operation="bucket.*", status=403, times=0))
    store = GoogleStorage(project="local-dev", emulator_host=url, connections=4)
    for number in range(20):
        with pytest.raises(NotFoundError):
            store.read(BUCKET, f"{GONE}-{number}", max_bytes=SIZE)

    for thread in set(threading.enumerate()) - running_before:
        thread.join(WAIT_S)
    [rule] = control.faults()
    control.clear()
    assert rule["hits"] == 0
