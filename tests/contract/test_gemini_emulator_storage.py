"""Images in Cloud Storage: by address on Vertex, registered as files on the Developer API; and the files' limits."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.cloud import storage as gcs
from google.genai import Client, errors, types
from google.oauth2.credentials import Credentials

from tests.contract.gemini_rig import KEY, PICTURES, connected, generate, post
from tests.contract.gemini_wire import Recorder
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = PICTURES["image/png"]
NAME = "a b/disc #1.png"
HERE = f"gs://photos/{NAME}"
MODEL = "gemini-3.8-flash"
VERTEX = f"/v1beta1/projects/p1/locations/global/publishers/google/models/{MODEL}:generateContent"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with running("storage", "--bucket", "photos") as address:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", address)
            blob = gcs.Client.create_anonymous_client().bucket("photos").blob(NAME)
            blob.upload_from_string(PNG, "image/png")
        yield address


@pytest.fixture(scope="module")
def url(bucket: str) -> Iterator[str]:
    with running("gemini", env={"STORAGE_EMULATOR_HOST": bucket}) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with connected(url) as connection:
        yield connection


def by_address(address: str) -> dict[str, Any]:
    file = {"file_data": {"file_uri": address, "mime_type": "image/png"}}
    return {"contents": [{"role": "user", "parts": [file, {"text": "Describe"}]}]}


def ask(client: Any) -> Any:
    return client.models.generate_content(
        model=MODEL, contents=["Describe", types.Part.from_uri(file_uri=HERE, mime_type="image/png")]
    )


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_vertex_reads_an_image_from_its_bucket(url: str, asynchronous: bool) -> None:
    httpx2.post(f"{url}/_control/reset", json={}, timeout=WAIT_S).raise_for_status()
    recorder = Recorder(url)
    answer = recorder.call(ask, asynchronous=asynchronous, vertex=True)
    assert "bright orange region" in answer.text
    assert recorder.sent[0].body["contents"][0]["parts"][1] == {
        "fileData": {"file_uri": HERE, "mime_type": "image/png"}
    }
    [call] = httpx2.get(f"{url}/_control/calls", timeout=WAIT_S).json()["calls"]
    assert call["images"] == [
        {
            "transport": "gs",
            "sha256": hashlib.sha256(PNG).hexdigest(),
            "mime_type": "image/png",
            "bytes": len(PNG),
        }
    ]


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("gs://photos/none.png", 404, "Cannot find the Cloud Storage object gs://photos/none.png."),
        ("gs://photos", 400, "expected gs://BUCKET/OBJECT"),
        ("https://host/a.png", 400, "Unsupported file uri"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(url: str, address: str, code: int, words: str) -> None:
    refusal = post(url, VERTEX, by_address(address))
    assert (refusal.status_code, words in refusal.json()["error"]["message"]) == (code, True)


def test_without_a_storage_server_an_address_is_refused_in_clear_words() -> None:
    with running("gemini") as alone:
        refusal = post(alone, VERTEX, by_address(HERE))
    assert (refusal.status_code, "start it with --storage URL" in refusal.text) == (400, True)


def test_a_storage_server_that_is_not_there_is_unavailable() -> None:
    with running("gemini", "--storage", "127.0.0.1:1") as alone:
        refusal = post(alone, VERTEX, by_address(HERE))
    assert (refusal.status_code, refusal.json()["error"]["status"]) == (503, "UNAVAILABLE")


def test_vertex_takes_a_token_or_a_key_and_nothing_less(url: str) -> None:
    body = by_address(HERE)
    named = [{"authorization": "Bearer t"}, {"x-goog-api-key": "k"}, {}]
    replies = [httpx2.post(url + VERTEX, json=body, headers=headers, timeout=WAIT_S) for headers in named]
    assert [reply.status_code for reply in replies] == [200, 200, 401]
    assert replies[2].json()["error"]["status"] == "UNAUTHENTICATED"


def test_a_model_that_vertex_has_not_is_named_in_its_words(url: str) -> None:
    refusal = post(url, VERTEX.replace(MODEL, "gemini-9"), by_address(HERE))
    name = "projects/p1/locations/global/publishers/google/models/gemini-9"
    assert refusal.status_code == 404
    assert refusal.json()["error"]["message"].startswith(f"Publisher Model `{name}` was not found")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_registering_makes_a_file_of_an_object(url: str, client: Client, asynchronous: bool) -> None:
    recorder = Recorder(url)
    registered = recorder.call(
        lambda half: half.files.register_files(auth=Credentials(token="ya29.local"), uris=[HERE]),  # type: ignore[no-untyped-call]
        asynchronous=asynchronous,
    )
    [sent] = recorder.sent
    assert (sent.method, sent.path, sent.body) == ("POST", "/v1/files:register", {"uris": [HERE]})
    assert (sent.headers["x-goog-api-key"], sent.headers["authorization"]) == ("KEY123", "Bearer ya29.local")
    [file] = registered.files
    assert (file.state, file.source, file.mime_type) == ("ACTIVE", "REGISTERED", "image/png")
    assert "bright orange region" in generate(client, file, "Describe").text


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"authorization": "Bearer t"}, {"uris": [HERE]}, 403),
        (KEY, {"uris": [HERE]}, 401),
        (KEY | {"authorization": "Bearer t"}, {"uris": []}, 400),
        (KEY | {"authorization": "Bearer t"}, {"uris": ["https://host/a"]}, 400),
        (KEY | {"authorization": "Bearer t"}, {"uris": ["gs://photos/none"]}, 404),
        (KEY | {"authorization": "Bearer t"}, {"urls": [HERE]}, 400),
    ],
)
def test_a_registration_that_lacks_something_is_refused(
    url: str, headers: dict[str, str], body: Any, code: int
) -> None:
    assert httpx2.post(f"{url}/v1/files:register", json=body, headers=headers, timeout=WAIT_S).status_code == code


def test_an_upload_beyond_the_quota_is_refused_for_ever_but_registering_goes_on(bucket: str) -> None:
    with running("gemini", "--files-quota-mb", "1", "--storage", bucket) as small, connected(small) as client:
        client.files.upload(file=io.BytesIO(bytes(700_000)), config={"mime_type": "image/png"})
        with pytest.raises(errors.ClientError) as refusal:
            client.files.upload(file=io.BytesIO(bytes(700_000)), config={"mime_type": "image/png"})
        token = Credentials(token="t")  # type: ignore[no-untyped-call]
        assert client.files.register_files(auth=token, uris=[HERE]).files
    error = refusal.value.details["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["details"][0]["violations"][0]["quotaId"] == "FileStorageBytesPerProject"
    assert error["details"][1]["retryDelay"] == "9223372036854775807s"


def test_a_file_is_gone_after_its_time() -> None:
    with running("gemini", "--file-ttl-seconds", "0") as brief, connected(brief) as client:
        file = client.files.upload(file=io.BytesIO(PNG), config={"mime_type": "image/png"})
        with pytest.raises(errors.ClientError) as refusal:
            client.files.get(name=str(file.name))
    assert refusal.value.code == 403


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"contents": [{"parts": [{"text": "x"}]}], "generationconfig": {}}, ""),
        ({"contents": [{"parts": [{"text": "x"}, {"inlinedata": {}}]}]}, "contents[0].parts[1]"),
        ({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"top": 1}}, "generation_config"),
        (
            {"contents": [{"parts": [{"inlineData": {"mimetype": "image/png", "data": "eA=="}}]}]},
            "contents[0].parts[0].inline_data",
        ),
    ],
)
def test_a_field_the_api_has_not_is_refused_as_googles_parser_does(url: str, body: Any, where: str) -> None:
    error = post(url, f"/v1/models/{MODEL}:generateContent", body).json()["error"]
    [violation] = error["details"][0]["fieldViolations"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["message"] == violation["description"]
    assert error["message"].startswith('Invalid JSON payload received. Unknown name "')
    assert error["message"].endswith(f" at '{where}': Cannot find field." if where else '": Cannot find field.')
    assert violation.get("field", "") == where
