"""Every exchange the unmodified SDK was recorded making, made again by both of its halves."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from google import genai
from google.genai import types

from tests.contract.gemini_exchanges import EXCHANGES, IMAGE, MODEL, PNG, Exchange, ask, described
from tests.contract.gemini_wire import Recorder
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("gemini") as address:
        yield address


@pytest.fixture
def recorder(url: str) -> Recorder:
    return Recorder(url)


def made(recorder: Recorder, exchange: Exchange, *, asynchronous: bool) -> Any:
    options: dict[str, Any] = {
        name: value.format(url=recorder.url) if name == "base_url" else value
        for name, value in exchange.options.items()
    }
    # A listing and a stream are read while the client is open.
    return recorder.call(
        exchange.act if asynchronous else lambda client: exchange.reads(exchange.act(client)),
        asynchronous=asynchronous,
        **options,
    )


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_the_sdk_makes_the_recorded_request_and_reads_the_reply(
    recorder: Recorder, exchange: Exchange, asynchronous: bool
) -> None:
    found = made(recorder, exchange, asynchronous=asynchronous)
    assert (exchange.reads(found) if asynchronous else found) == exchange.result
    [sent] = recorder.sent
    assert (sent.method, sent.path, sent.body) == (exchange.method, exchange.path, exchange.body)
    if "vertex" in exchange.options:
        assert sent.headers["authorization"] == "Bearer ya29.local"
    else:
        assert sent.headers["x-goog-api-key"] == "KEY123"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("prefix", "version"), [("", "v1"), ("/pfx", "v1beta")])
def test_an_upload_is_made_in_two_steps_and_its_file_can_be_used(
    recorder: Recorder, asynchronous: bool, prefix: str, version: str
) -> None:
    config = {"name": f"my-img-{asynchronous:d}", "display_name": "Goerl", "mime_type": "image/png"}
    options: dict[str, Any] = {"base_url": recorder.url + prefix, "api_version": version}
    file = recorder.call(
        lambda client: client.files.upload(file=io.BytesIO(PNG), config=config), asynchronous=asynchronous, **options
    )
    start, chunk = recorder.sent
    assert (start.method, start.path) == ("POST", f"{prefix}/upload/{version}/files")
    assert start.body == {
        "file": {
            "name": f"files/{config['name']}",
            "mime_type": "image/png",
            "display_name": "Goerl",
            "size_bytes": len(PNG),
        }
    }
    assert {name: value for name, value in start.headers.items() if name.startswith("x-goog-upload")} == {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": str(len(PNG)),
        "x-goog-upload-header-content-type": "image/png",
    }
    assert chunk.path.startswith(f"{prefix}/upload/{version}/files?upload_id=")
    assert "x-goog-api-key" not in chunk.headers
    assert (chunk.headers["x-goog-upload-command"], chunk.headers["x-goog-upload-offset"]) == ("upload, finalize", "0")
    assert file.uri == f"{recorder.url}{prefix}/{version}/{file.name}"
    answer = recorder.call(ask(file, "Describe"), asynchronous=asynchronous, **options)
    assert described(answer)
    assert recorder.sent[-1].body["contents"][0]["parts"][0] == {
        "fileData": {"file_uri": file.uri, "mime_type": "image/png"}
    }
    recorder.call(lambda client: client.files.delete(name=file.name), asynchronous=asynchronous, **options)
    assert (recorder.sent[-1].method, recorder.sent[-1].path) == ("DELETE", f"{prefix}/{version}/{file.name}")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_path_is_uploaded_in_pieces_under_its_own_name(
    recorder: Recorder, tmp_path: Path, asynchronous: bool
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(20_000_000))
    file = recorder.call(lambda client: client.files.upload(file=path), asynchronous=asynchronous)
    assert [sent.headers["x-goog-upload-file-name"] for sent in recorder.sent] == ["a.jpg"] * 4
    assert [
        (sent.headers["x-goog-upload-command"], sent.headers.get("x-goog-upload-offset")) for sent in recorder.sent
    ] == [("start", None), ("upload", "0"), ("upload", "8388608"), ("upload, finalize", "16777216")]
    assert (file.size_bytes, file.mime_type) == (20_000_000, "image/jpeg")
    recorder.call(lambda client: client.files.delete(name=file.name), asynchronous=asynchronous)


def deletion(name: str) -> Callable[[Any], Any]:
    return lambda client: client.files.delete(name=name)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_file_is_got_listed_in_pages_and_deleted(recorder: Recorder, asynchronous: bool) -> None:
    config = {"mime_type": "image/png"}
    files = [
        recorder.call(lambda client: client.files.upload(file=io.BytesIO(PNG), config=config), asynchronous=False)
        for _ in range(3)
    ]
    recorder.sent.clear()
    got = recorder.call(lambda client: client.files.get(name=files[0].name), asynchronous=asynchronous)
    pages = recorder.call(
        lambda client: (
            client.files.list(config={"page_size": 2})
            if asynchronous
            else list(client.files.list(config={"page_size": 2}))
        ),
        asynchronous=asynchronous,
    )
    for file in files:
        recorder.call(deletion(file.name), asynchronous=asynchronous)
    assert (got, [file for file in pages if file in files]) == (files[0], files)
    paths = [(sent.method, re.sub(r"pageToken=\d+", "pageToken=T", sent.path)) for sent in recorder.sent]
    assert paths[:3] == [
        ("GET", f"/v1/{files[0].name}"),
        ("GET", "/v1/files?pageSize=2"),
        ("GET", "/v1/files?pageSize=2&pageToken=T"),
    ]
    assert paths[-3:] == [("DELETE", f"/v1/{file.name}") for file in files]


def test_an_express_key_reaches_vertex_without_a_project(recorder: Recorder) -> None:
    with genai.Client(enterprise=True, api_key="KEY123", http_options=recorder.options()) as client:
        answer = client.models.generate_content(model=MODEL, contents=IMAGE)
    assert recorder.sent[0].path == f"/v1beta1/publishers/google/models/{MODEL}:generateContent"
    assert answer.usage_metadata
    assert answer.usage_metadata.traffic_type == types.TrafficType.ON_DEMAND
    assert described(answer)
