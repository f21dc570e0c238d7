"""Vertex and registered files against the emulators: google-genai, Cloud Storage's client, and their own counts."""

from __future__ import annotations

import dataclasses
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.resources import storage_client
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey, OnVertex
from shared.adapters.storage import GoogleStorage
from shared.core.errors import FileUnavailableError, TransientError
from shared.core.gemini.request import InlineImage, ModelRequest, ReferencedImage
from shared.core.images.probing import HEAD_BYTES
from shared.core.replies.answer import read_answer
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, Rig, picture
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 60.0
LARGE = picture() + b"\0" * 1_000_000


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with running("storage") as url:
        for bucket in (UPLOADS, RESULTS, WORK):
            storage_client(url).create_bucket(bucket)
        yield url


@pytest.fixture(scope="module")
def gemini(storage: str) -> Iterator[str]:
    with running("gemini", "--storage", storage) as url:
        yield url


@pytest.fixture(autouse=True)
def _forget_calls(gemini: str) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{gemini}/_control/reset", b"{}", headers)
    urllib.request.urlopen(request, timeout=WAIT_S).close()


def _calls(gemini: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{gemini}/_control/calls", timeout=WAIT_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _on_vertex(gemini: str) -> GeminiModel:
    return GeminiModel(OnVertex("local-dev", "global"), base_url=gemini, connections=4)


class _Counting(GoogleStorage):
    """Cloud Storage's client, and how many bytes of uploads were read through it."""

    def __init__(self, url: str) -> None:
        super().__init__(project="local-dev", emulator_host=url, connections=8)
        self.read_bytes = 0

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        data = super().read(bucket, name, generation=generation, max_bytes=max_bytes)
        self.read_bytes += len(data) if bucket == UPLOADS else 0
        return data

    def read_head(self, bucket: str, name: str, *, generation: int, max_bytes: int) -> bytes:
        data = super().read_head(bucket, name, generation=generation, max_bytes=max_bytes)
        self.read_bytes += len(data)
        return data


def _rig(storage: str, model: GeminiModel, **settings: Any) -> tuple[Rig, _Counting]:
    rig, store = Rig(settings=dataclasses.replace(SETTINGS, **settings)), _Counting(storage)
    rig.store = store  # type: ignore[assignment]
    rig.ports = dataclasses.replace(rig.ports, store=store, model=model)
    return rig, store


def _request(image: InlineImage | ReferencedImage, *more: InlineImage | ReferencedImage) -> ModelRequest:
    return ModelRequest(
        model="gemini-3.8-flash",
        prompt="Describe this.",
        images=(image, *more),
        max_output_tokens=1000,
        thinking_level="low",
    )


def test_a_caption_on_vertex_sends_the_address_and_downloads_the_head_alone(storage: str, gemini: str) -> None:
    rig, store = _rig(storage, _on_vertex(gemini), enterprise=True)
    event = rig.upload("large.jpg", LARGE, task="caption")

    analyze(event, rig.ports)

    assert store.read_bytes == HEAD_BYTES
    document = rig.document(event)
    assert (document["status"], document["transport"]["kind"]) == ("ok", "gs")
    (call,) = _calls(gemini)["calls"]
    assert (call["transport"], call["images"][0]["bytes"]) == (["gs"], len(LARGE))


def test_what_is_drawn_upon_is_downloaded_once_and_still_sent_by_its_address(storage: str, gemini: str) -> None:
    rig, store = _rig(storage, _on_vertex(gemini), enterprise=True)
    event = rig.upload("drawn.jpg", LARGE, task="detect")

    analyze(event, rig.ports)

    assert store.read_bytes == len(LARGE)
    assert _calls(gemini)["calls"][0]["transport"] == ["gs"]


def test_with_registered_files_a_large_image_is_read_from_its_bucket_by_the_service(storage: str, gemini: str) -> None:
    model = GeminiModel(ByKey("local"), base_url=gemini, connections=4)
    rig, store = _rig(storage, model, register_files=True, inline_limit_bytes=500_000)
    event = rig.upload("registered.jpg", LARGE, task="caption")

    analyze(event, rig.ports)

    assert store.read_bytes == HEAD_BYTES
    assert rig.document(event)["transport"]["kind"] == "registered"
    found = _calls(gemini)
    assert (found["uploads"], found["calls"][0]["transport"]) == (0, ["file"])


def test_an_inline_image_reaches_vertex_too(gemini: str) -> None:
    body = _on_vertex(gemini).generate(_request(InlineImage(picture(), "image/jpeg")), timeout_s=TIMEOUT_S)

    assert read_answer(body).text


def test_several_images_travel_mixed_in_one_prompt(gemini: str) -> None:
    model = GeminiModel(ByKey("local"), base_url=gemini, connections=4)
    file = model.upload("files/uplook-mixed", LARGE, mime_type="image/jpeg", timeout_s=TIMEOUT_S)
    parts = (InlineImage(picture(), "image/jpeg"), ReferencedImage(file.uri, "image/jpeg"))

    body = model.generate(_request(*parts), timeout_s=TIMEOUT_S)

    assert read_answer(body).text
    assert _calls(gemini)["calls"][0]["transport"] == ["inline", "file"]


def test_an_object_that_is_gone_is_unavailable_and_not_the_deployments_fault(gemini: str) -> None:
    with pytest.raises(FileUnavailableError):
        _on_vertex(gemini).generate(
            _request(ReferencedImage("gs://uploads/none.jpg", "image/jpeg")), timeout_s=TIMEOUT_S
        )


def test_an_object_that_is_gone_cannot_be_registered(gemini: str) -> None:
    model = GeminiModel(ByKey("local"), base_url=gemini, connections=4)

    with pytest.raises(FileUnavailableError):
        model.register_file("gs://uploads/none.jpg", timeout_s=TIMEOUT_S)


def test_without_credentials_the_event_waits_and_no_token_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/canary.json")
    nobody = GeminiModel(OnVertex("local-dev", "global"), base_url="https://127.0.0.1:9", connections=4)

    with pytest.raises(TransientError) as caught:
        nobody.generate(_request(InlineImage(picture(), "image/jpeg")), timeout_s=1.0)

    assert "canary" not in str(caught.value)
