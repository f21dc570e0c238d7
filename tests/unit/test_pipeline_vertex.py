"""Where the service reads the object from its bucket itself: no byte too many is read, the generation is certain."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.errors import ErrorCode, FileUnavailableError, SizeRefusedError, TransientError
from shared.core.gemini.registry import ImageLimits, ModelProfile
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, UPLOADS, Rig, picture, reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from shared.config import Settings
    from shared.core.gemini.request import ModelRequest

VERTEX = dataclasses.replace(SETTINGS, enterprise=True, project="local-dev")
REGISTERING = dataclasses.replace(SETTINGS, register_files=True, inline_limit_bytes=2000)
GS = ReferencedImage("gs://uploads/square.jpg", "image/jpeg")


def test_a_caption_on_vertex_reads_the_first_bytes_of_the_image_and_no_more() -> None:
    rig = Rig(settings=VERTEX)
    data = picture() + b"\0" * 3_000_000
    event = rig.upload(data=data, task="caption")

    analyze(event, rig.ports)

    assert rig.model.requests[0].images == (GS,)
    assert (rig.store.faults.calls["read_head"], rig.store.faults.calls["read"]) == (1, 0)
    document = rig.document(event)
    assert (document["image"]["width"], document["image"]["height"]) == (80, 60)
    assert (document["transport"]["kind"], document["transport"]["bytes"]) == ("gs", len(data))


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_what_draws_an_overlay_reads_the_image_once_and_still_sends_its_address(task: str) -> None:
    rig = Rig(settings=VERTEX)
    event = rig.upload(task=task)

    analyze(event, rig.ports)

    assert rig.model.requests[0].images == (GS,)
    assert rig.store.faults.calls["read"] == 1
    assert any(file["name"].endswith("overlay.jpg") for file in rig.document(event)["files"])


@pytest.mark.parametrize(("settings", "kind"), [(VERTEX, "inline"), (REGISTERING, "file")])
def test_the_real_service_is_never_sent_to_the_buckets_of_an_emulator(settings: Settings, kind: str) -> None:
    rig = Rig(settings=dataclasses.replace(settings, storage_emulator_host="http://127.0.0.1:9"))
    event = rig.upload(data=picture() + b"\0" * 10_000, task="caption")

    analyze(event, rig.ports)

    assert rig.document(event)["transport"]["kind"] == kind


def test_a_turned_image_is_read_turned_upright_and_sent_inline() -> None:
    rig = Rig(settings=VERTEX)
    event = rig.upload(data=picture(orientation=6), task="caption")

    analyze(event, rig.ports)

    assert isinstance(rig.model.requests[0].images[0], InlineImage)
    carried = rig.document(event)["transport"]
    assert (carried["kind"], carried["changes"][0]) == ("inline", "turned upright (EXIF orientation 6)")


def test_an_image_overwritten_while_the_model_looked_at_its_address_is_superseded_and_its_answer_dropped() -> None:
    def overwrite(_: ModelRequest) -> Mapping[str, Any]:
        rig.store.replace(
            UPLOADS, "square.jpg", picture(9, 9), generation=event.source.generation, content_type="image/jpeg"
        )
        return reply('{"caption": "Another picture."}')

    rig = Rig(settings=VERTEX, answer=overwrite)
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    document = rig.document(event)
    assert (document["status"], document["error"]["code"]) == ("skipped", "superseded")
    assert rig.store.list_names("work", "replies/") == []


def test_an_image_overwritten_before_the_call_costs_nothing() -> None:
    rig = Rig(settings=VERTEX)
    event = rig.upload(task="caption")
    rig.store.replace(
        UPLOADS, "square.jpg", picture(9, 9), generation=event.source.generation, content_type="image/jpeg"
    )

    analyze(event, rig.ports)

    assert rig.document(event)["error"]["code"] == "superseded"
    assert rig.model.requests == []


def test_an_object_that_vertex_cannot_read_travels_inline() -> None:
    rig = Rig(settings=VERTEX)
    event = rig.upload(task="caption")
    rig.model.faults.add("generate", FileUnavailableError("404 Cannot find gs://…"))

    analyze(event, rig.ports)

    assert rig.model.requests[1].images == (InlineImage(picture(), "image/jpeg"),)
    assert "could not read the object" in rig.document(event)["transport"]["reason"]


def test_an_image_too_large_for_vertex_travels_as_a_smaller_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelProfile, "limits", lambda *_: ImageLimits(6_000_000, 30_000_000, 15_000_000))
    rig = Rig(settings=VERTEX)
    event = rig.upload(data=picture() + b"\0" * 31_000_000, task="caption")

    analyze(event, rig.ports)

    (image,) = rig.model.requests[0].images
    assert isinstance(image, InlineImage)
    assert len(image.data) < 100_000
    assert "takes no uploads" in rig.document(event)["transport"]["reason"]


def test_an_image_too_large_for_its_model_travels_as_a_smaller_jpeg() -> None:
    """Vertex takes 2 GiB by the pages of today's models and 30 MB by older ones: its refusal says which."""
    rig = Rig(settings=VERTEX)
    event = rig.upload(data=picture() + b"\0" * 31_000_000, task="caption")
    rig.model.faults.add("generate", SizeRefusedError(ErrorCode.TOO_MANY_BYTES, "The image exceeds the size limit."))

    analyze(event, rig.ports)

    first, second = rig.model.requests
    assert first.images == (GS,)
    (image,) = second.images
    assert isinstance(image, InlineImage)
    assert len(image.data) < 100_000
    assert rig.document(event)["transport"]["reason"] == "refused as it came (gs); a smaller copy"


def test_with_registered_files_a_large_image_is_neither_downloaded_nor_uploaded() -> None:
    rig = Rig(settings=REGISTERING)
    event = rig.upload(data=picture() + b"\0" * 10_000, task="caption")

    analyze(event, rig.ports)

    (image,) = rig.model.requests[0].images
    assert image == ReferencedImage("memory://files/registered-0", "image/jpeg")
    assert (rig.store.faults.calls["read"], rig.model.faults.calls["upload"]) == (0, 0)
    assert rig.document(event)["transport"]["kind"] == "registered"


def test_with_registered_files_a_small_image_still_travels_inline() -> None:
    rig = Rig(settings=dataclasses.replace(REGISTERING, inline_limit_bytes=100_000))
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert rig.model.requests[0].images == (InlineImage(picture(), "image/jpeg"),)


@pytest.mark.parametrize("error", [FileUnavailableError("403 not yours"), TransientError("503")])
def test_an_object_that_cannot_be_registered_is_uploaded(error: Exception) -> None:
    rig = Rig(settings=REGISTERING)
    event = rig.upload(data=picture() + b"\0" * 10_000, task="caption")
    for _ in range(MAX_ATTEMPTS):
        rig.model.faults.add("register_file", error)

    analyze(event, rig.ports)

    assert rig.model.faults.calls["upload"] == 1
    carried = rig.document(event)["transport"]
    assert (carried["kind"], "could not be registered" in carried["reason"]) == ("file", True)


def test_a_registered_file_that_expired_is_uploaded() -> None:
    rig = Rig(settings=REGISTERING)
    event = rig.upload(data=picture() + b"\0" * 10_000, task="caption")
    rig.model.faults.add("generate", FileUnavailableError("403"))

    analyze(event, rig.ports)

    assert rig.model.faults.calls["upload"] == 1
    carried = rig.document(event)["transport"]
    assert (carried["kind"], carried["reason"]) == ("file", "the registered object was refused")
