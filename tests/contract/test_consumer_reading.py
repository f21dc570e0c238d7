"""The consumers' client reads results and files from a bucket behind a real socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.resources import storage_client
from shared.consumer import (
    CorruptFileError,
    MalformedError,
    MissingError,
    NoResultError,
    ResultReader,
    parse_event,
)
from shared.core import jsontext
from shared.core.errors import ErrorCode
from shared.core.results import documents
from tests.export_documents import document, failed, folder, item, mask_of, png
from tests.rig import Rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud import storage

    from shared.consumer import ResultEvent

BUCKET = "results"
MASK = png(["####", "#..#", "####"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage") as address:
        storage_client(address).create_bucket(BUCKET)
        yield address


@pytest.fixture
def client(url: str) -> storage.Client:
    return storage_client(url)


def put(client: storage.Client, name: str, value: Any) -> str:
    """Store a document or a file; return its URI."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    client.bucket(BUCKET).blob(name).upload_from_string(data)
    return f"gs://{BUCKET}/{name}"


def event(value: dict[str, Any], uri: str) -> ResultEvent:
    return parse_event(documents.result_event(value, uri=uri).data)


def with_mask(name: str, *, listed: bytes = MASK) -> dict[str, Any]:
    """Return a result with one mask, whose bytes are said to be `listed`."""
    value = document([item("cat", (0, 0, 4, 3), mask=mask_of(name))])
    size_and_sum = {"size": len(listed), "crc32c": jsontext.crc32c(listed)}
    return value | {"files": [{"name": name, "content_type": "image/png"} | size_and_sum]}


def test_a_result_and_its_files_are_read_by_following_the_event(client: storage.Client) -> None:
    where = folder("Über uns/50%25 %231 🙂.jpg")
    mask = f"{where}/segment/mask-000.png"
    put(client, mask, MASK)
    uri = put(client, f"{where}/segment.json", with_mask(mask))
    reader = ResultReader(client)

    result = reader.read_result(event(with_mask(mask), uri))

    assert result.uri == uri
    assert [reader.read_file(file) for file in result.files] == [MASK]
    assert [found.mask and found.mask.file for found in result.items or ()] == [result.files[0]]


def test_the_ordinary_client_is_made_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "local-dev")
    uri = put(storage_client(url), f"{folder('environment.jpg')}/detect.json", document([], task="detect"))

    assert ResultReader().read_result(event(document([], task="detect"), uri)).items == ()


def test_a_failure_that_was_mended_since_gives_the_result(client: storage.Client) -> None:
    where = folder("mended.jpg")
    uri = put(client, f"{where}/segment.error-0.json", failed())
    put(client, f"{where}/segment.json", document([]))

    assert ResultReader(client).read_result(event(failed(), uri)).status == "ok"


def test_what_somebody_else_wrote_in_place_of_the_result_is_not_read(client: storage.Client) -> None:
    where = folder("foreign.jpg")
    failure = failed(code="foreign_result")
    uri = put(client, f"{where}/segment.error-0.json", failure)
    put(client, f"{where}/segment.json", document([]))

    result = ResultReader(client).read_result(event(failure, uri))

    assert (result.status, result.uri) == ("failed", uri)


def test_of_several_failures_the_newest_counts_and_other_tasks_do_not(client: storage.Client) -> None:
    where = folder("failing.jpg")
    uri = put(client, f"{where}/segment.error-2.json", failed(code="early"))
    put(client, f"{where}/segment.error-10.json", failed(code="late"))
    put(client, f"{where}/detect.json", document([], task="detect"))

    result = ResultReader(client).read_result(event(failed(), uri))

    assert result.error is not None
    assert (result.error.code, result.uri) == ("late", f"gs://{BUCKET}/{where}/segment.error-10.json")


@pytest.mark.parametrize("value", [document([]), failed()], ids=["result", "failure"])
def test_a_result_that_is_gone_says_so(client: storage.Client, value: dict[str, Any]) -> None:
    uri = f"gs://{BUCKET}/{folder('gone.jpg')}/segment.json"

    with pytest.raises(MissingError, match=r"gone\.jpg/7/segment\.json: expected a committed object"):
        ResultReader(client).read_result(event(value, uri))


def test_a_held_event_has_nothing_to_read(client: storage.Client) -> None:
    held = documents.parked_event(Rig().upload(), "0" * 64, code=ErrorCode.DAILY_CEILING, until="2026-11-22T08:00:00Z")

    with pytest.raises(NoResultError, match="another event tells of the result, after 2026-11-22T08:00:00Z"):
        ResultReader(client).read_result(parse_event(held.data))


@pytest.mark.parametrize("stored", [MASK[:-1], MASK[:-1] + b"?", MASK + b"?"], ids=["short", "changed", "long"])
def test_bytes_that_are_not_those_of_the_result_are_refused(client: storage.Client, stored: bytes) -> None:
    where = folder("spoilt.jpg")
    mask = f"{where}/segment/mask-000.png"
    put(client, mask, stored)
    uri = put(client, f"{where}/segment.json", with_mask(mask))
    reader = ResultReader(client)
    [file] = reader.read_result(event(with_mask(mask), uri)).files

    with pytest.raises(CorruptFileError, match=f"expected {len(MASK)} bytes with CRC32C .*, found {len(stored)} with"):
        reader.read_file(file)


@pytest.mark.parametrize("uri", ["results/x.json", "gs://results", "gs:///x.json"])
def test_a_pointer_that_is_none_is_refused(client: storage.Client, uri: str) -> None:
    with pytest.raises(MalformedError, match="Expected gs://BUCKET/NAME"):
        ResultReader(client).read_result(event(document([]), uri))
