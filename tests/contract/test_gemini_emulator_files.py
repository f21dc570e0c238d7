from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.genai import Client, errors, types

from tests.contract.gemini_rig import KEY, PICTURES, connected, generate, post
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = PICTURES["image/png"]
CHUNK = 8 * 1024**2


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("gemini") as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with connected(url) as connection:
        yield connection
        for file in connection.files.list():
            connection.files.delete(name=str(file.name))


def upload(client: Client, data: bytes = PNG, **config: Any) -> types.File:
    return client.files.upload(
        file=io.BytesIO(data), config=types.UploadFileConfig(**{"mime_type": "image/png"} | config)
    )


def start(url: str, **headers: str) -> httpx2.Response:
    wanted = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start", **headers}
    return post(url, "/upload/v1beta/files", b"{'file': {'display_name': 'IMAGE'}}", **wanted)


def send(address: str, data: bytes, *, offset: int, command: str) -> httpx2.Response:
    headers = {"x-goog-upload-offset": str(offset), "x-goog-upload-command": command}
    return httpx2.post(address, content=data, headers=headers, timeout=WAIT_S)


def test_an_uploaded_file_shows_what_was_sent(client: Client) -> None:
    file = upload(client, name="disc-1", display_name="Görl")
    assert (file.name, file.display_name, file.mime_type) == ("files/disc-1", "Görl", "image/png")
    assert (file.size_bytes, file.state, file.source) == (len(PNG), "ACTIVE", "UPLOADED")
    digest = hashlib.sha256(PNG).hexdigest().encode()
    assert file.sha256_hash == base64.b64encode(digest).decode()
    assert client.files.get(name="disc-1") == file


def test_a_file_expires_48_hours_after_its_creation(client: Client) -> None:
    file = upload(client)
    assert file.expiration_time is not None
    assert file.create_time is not None
    assert (file.expiration_time - file.create_time).total_seconds() == 48 * 3600


def test_the_upload_address_is_the_emulators_own(url: str) -> None:
    assert start(url).headers["x-goog-upload-url"].startswith(f"{url}/upload/v1beta/files?upload_id=")


def test_a_second_upload_under_a_name_in_use_is_refused_with_409(client: Client) -> None:
    upload(client, name="same")
    with pytest.raises(errors.ClientError) as refusal:
        upload(client, name="same")
    assert (refusal.value.code, refusal.value.status) == (409, "ALREADY_EXISTS")
    assert refusal.value.message == "same already exists."


def test_a_deleted_name_can_be_used_again(client: Client) -> None:
    upload(client, name="again")
    client.files.delete(name="files/again")
    assert upload(client, name="again").name == "files/again"


@pytest.mark.parametrize("name", ["Upper", "-dash", "under_score", "x" * 41])
def test_a_name_outside_the_rule_is_refused(client: Client, name: str) -> None:
    with pytest.raises(errors.ClientError) as refusal:
        upload(client, name=name)
    assert refusal.value.code == 400


def test_a_file_of_several_chunks_arrives_whole(client: Client) -> None:
    data = hashlib.shake_256(b"seed").digest(2 * CHUNK + 1)
    file = upload(client, data)
    assert file.size_bytes == 2 * CHUNK + 1
    digest = hashlib.sha256(data).hexdigest().encode()
    assert file.sha256_hash == base64.b64encode(digest).decode()


def test_the_asynchronous_client_uploads_in_chunks_and_deletes(url: str) -> None:
    async def act() -> tuple[int | None, int]:
        with connected(url) as own:
            async with own.aio as aio:
                data = io.BytesIO(bytes(CHUNK + 1))
                file = await aio.files.upload(file=data, config={"mime_type": "image/png"})
                await aio.files.delete(name=str(file.name))
                return file.size_bytes, len([each async for each in await aio.files.list()])

    assert asyncio.run(act()) == (CHUNK + 1, 0)


def test_an_empty_file_is_taken(client: Client) -> None:
    assert upload(client, b"").name


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_listing_in_pages_yields_each_file_once(client: Client, count: int) -> None:
    names = [upload(client).name for _ in range(count)]
    assert [file.name for file in client.files.list(config={"page_size": 2})] == names


def test_a_full_last_page_has_no_token(client: Client, url: str) -> None:
    upload(client)
    upload(client)
    assert "nextPageToken" not in httpx2.get(f"{url}/v1/files?pageSize=2", headers=KEY, timeout=WAIT_S).json()
    assert httpx2.get(f"{url}/v1/files?pageSize=1", headers=KEY, timeout=WAIT_S).json()["nextPageToken"]


def test_a_deleted_file_is_forbidden_to_everyone(client: Client) -> None:
    file = upload(client)
    client.files.delete(name=str(file.name))
    for act in (client.files.get, client.files.delete):
        with pytest.raises(errors.ClientError) as refusal:
            act(name=str(file.name))
        assert refusal.value.code == 403
    with pytest.raises(errors.ClientError) as refusal:
        generate(client, file, "x")
    assert refusal.value.code == 403


def test_a_file_of_no_image_type_is_refused_when_it_is_used(client: Client) -> None:
    file = upload(client, b"%PDF", mime_type="application/pdf")
    with pytest.raises(errors.ClientError) as refusal:
        generate(client, file, "x")
    assert refusal.value.message == "Unsupported MIME type: application/pdf"


def test_a_file_is_usable_only_once_it_is_active() -> None:
    with running("gemini", "--processing-seconds", "2") as slow, connected(slow) as client:
        file = upload(client, name="slow")
        assert file.state == types.FileState.PROCESSING
        with pytest.raises(errors.ClientError) as refusal:
            generate(client, file, "x")
        assert (refusal.value.code, refusal.value.status) == (400, "FAILED_PRECONDITION")
        wait_until(lambda: client.files.get(name="slow").state == types.FileState.ACTIVE, "active file")
        assert "orange" in generate(client, file, "Caption").text


def test_a_query_tells_how_much_arrived(url: str) -> None:
    address = start(url).headers["x-goog-upload-url"]
    assert send(address, PNG[:100], offset=0, command="upload").headers["x-goog-upload-status"] == "active"
    progress = send(address, b"", offset=0, command="query")
    assert progress.headers["x-goog-upload-size-received"] == "100"
    assert send(address, PNG[100:], offset=100, command="upload, finalize").json()["file"]["sizeBytes"] == str(len(PNG))
    assert send(address, b"", offset=0, command="query").headers["x-goog-upload-status"] == "final"


def test_a_chunk_at_the_wrong_offset_is_refused_and_the_upload_goes_on(url: str) -> None:
    address = start(url).headers["x-goog-upload-url"]
    send(address, PNG[:100], offset=0, command="upload")
    refusal = send(address, PNG[50:], offset=50, command="upload, finalize")
    assert (refusal.status_code, refusal.headers["x-goog-upload-status"]) == (400, "active")
    assert send(address, PNG[100:], offset=100, command="upload, finalize").status_code == 200


def test_fewer_bytes_than_announced_are_refused(url: str) -> None:
    address = start(url, **{"x-goog-upload-header-content-length": "9999"}).headers["x-goog-upload-url"]
    assert send(address, PNG, offset=0, command="upload, finalize").status_code == 400


def test_an_unknown_upload_is_refused_with_a_status_the_client_understands(url: str) -> None:
    refusal = send(f"{url}/upload/v1/files?upload_id=none", b"", offset=0, command="upload, finalize")
    assert (refusal.status_code, refusal.headers["x-goog-upload-status"]) == (404, "cancelled")


def test_the_guides_rest_example_works_from_upload_to_caption(url: str) -> None:
    headers = {
        "x-goog-upload-header-content-length": str(len(PNG)),
        "x-goog-upload-header-content-type": "image/png",
    }
    address = start(url, **headers).headers["x-goog-upload-url"]
    form = {"content-type": "application/x-www-form-urlencoded", "x-goog-upload-offset": "0"}
    info = httpx2.post(
        address, content=PNG, headers={**form, "x-goog-upload-command": "upload, finalize"}, timeout=WAIT_S
    )
    file = info.json()["file"]
    assert (file["displayName"], file["mimeType"]) == ("IMAGE", "image/png")
    prompt = """{"contents": [{"parts":[
        {"file_data":{"mime_type": "image/png", "file_uri": "%s"}},
        {"text": "Caption this image."},
    ]}]}"""
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    answer = httpx2.post(f"{url}{path}?key=local", content=(prompt % file["uri"]).encode(), timeout=WAIT_S)
    assert "orange" in answer.json()["candidates"][0]["content"]["parts"][0]["text"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/gemini-3.8-flash:generateContent"),
        ("POST", "/v1/models/gemini-3.8-flash:countTokens"),
        ("GET", "/v1/files"),
        ("GET", "/v1/models"),
    ],
)
def test_a_call_without_a_key_is_refused(url: str, method: str, path: str) -> None:
    refusal = httpx2.request(method, url + path, content=b"{}", timeout=WAIT_S)
    assert refusal.status_code == 403
    assert refusal.json()["error"]["status"] == "PERMISSION_DENIED"


def test_a_path_the_emulator_lacks_is_not_found_in_googles_format(url: str) -> None:
    refusal = httpx2.get(f"{url}/v1/nothing", headers=KEY, timeout=WAIT_S)
    assert refusal.json()["error"] == {
        "code": 404,
        "message": "This emulator has no GET /v1/nothing.",
        "status": "NOT_FOUND",
    }
