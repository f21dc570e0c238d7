"""Large images travel by the Files API, and each content is uploaded once."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest

from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.errors import ConfigurationError, FileUnavailableError, TransientError
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.ports import ModelFile
from shared.pipeline.worker.analyze import analyze
from shared.pipeline.worker.files_api import MAX_WAIT_S
from tests.rig import SETTINGS, Rig, picture

SMALL_LIMIT = dataclasses.replace(SETTINGS, inline_limit_bytes=2000)


def _name(data: bytes) -> str:
    return f"files/uplook-{hashlib.sha256(data).hexdigest()[:32]}"


def test_an_image_beyond_the_inline_limit_is_uploaded_and_referenced_with_the_reason_on_record() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    data = picture()
    event = rig.upload(data=data)

    analyze(event, rig.ports)

    (image,) = rig.model.requests[0].images
    assert image == ReferencedImage(f"memory://{_name(data)}", "image/jpeg")
    carried = rig.document(event)["transport"]
    assert (carried["kind"], carried["reused"]) == ("file", False)
    assert "exceeds the inline limit" in carried["reason"]


def test_a_system_instruction_takes_room_in_the_request_too() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=15_000))
    event = rig.upload(task="caption")
    wordy = dataclasses.replace(event.settings, system_instruction="Be kind. " * 1000)

    for each in (event, dataclasses.replace(event, settings=wordy, run="v2")):
        analyze(each, rig.ports)

    assert [type(request.images[0]) for request in rig.model.requests] == [InlineImage, ReferencedImage]


def test_three_tasks_of_one_image_share_one_upload() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    others = [rig.event_of(event.source, task) for task in ("caption", "segment")]

    for each in (event, *others):
        analyze(each, rig.ports)

    assert rig.model.faults.calls["upload"] == 1
    assert rig.document(others[0])["transport"]["reused"] is True


@pytest.mark.fault(98)
def test_losing_the_race_for_the_name_waits_for_the_other_upload() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    data = picture()
    event = rig.upload(data=data)
    name = _name(data)
    there = ModelFile(name, f"memory://{name}", "image/jpeg", "ACTIVE")
    answers = iter([None, None, None, there])
    rig.model.get_file = lambda *_, **__: next(answers)  # type: ignore[method-assign]
    rig.model.files[name] = there

    analyze(event, rig.ports)

    assert rig.document(event)["transport"]["reused"] is True


@pytest.mark.fault(96)
def test_a_file_that_is_processed_for_ever_is_not_waited_for_and_the_image_travels_inline() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    data = picture()
    event = rig.upload(data=data)
    rig.model.files[_name(data)] = ModelFile(_name(data), "memory://x", "image/jpeg", "PROCESSING")
    begun_s = rig.clock.time_s

    analyze(event, rig.ports)

    assert rig.clock.time_s - begun_s <= MAX_WAIT_S
    assert rig.model.requests[0].images == (InlineImage(data, "image/jpeg"),)
    carried = rig.document(event)["transport"]
    assert carried["kind"] == "inline"
    assert "did not become ACTIVE" in carried["reason"]


@pytest.mark.fault(97)
def test_a_file_whose_processing_failed_is_uploaded_once_more() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    data = picture()
    event = rig.upload(data=data)
    rig.model.files[_name(data)] = ModelFile(_name(data), "memory://x", "image/jpeg", "FAILED")

    analyze(event, rig.ports)

    assert rig.model.faults.calls["upload"] == 1
    carried = rig.document(event)["transport"]
    assert (carried["kind"], carried["reused"]) == ("file", False)


@pytest.mark.fault(97)
def test_an_image_that_the_files_api_can_never_process_travels_inline() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    failed = ModelFile("files/x", "memory://x", "image/jpeg", "FAILED")
    rig.model.upload = lambda *_, **__: failed  # type: ignore[method-assign]

    analyze(event, rig.ports)

    assert rig.document(event)["transport"]["kind"] == "inline"


@pytest.mark.fault(95)
def test_while_uploads_are_down_the_image_travels_inline_with_the_reason_on_record() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    for _ in range(MAX_ATTEMPTS):
        rig.model.faults.add("upload", TransientError("503 with an empty message"))

    analyze(event, rig.ports)

    carried = rig.document(event)["transport"]
    assert (carried["kind"], carried["changes"]) == ("inline", [])
    assert "503 with an empty message" in carried["reason"]
    assert rig.model.faults.left == 0


@pytest.mark.fault(95)
def test_an_image_beyond_the_hard_limit_is_made_smaller_to_travel_inline() -> None:
    rig = Rig(settings=dataclasses.replace(SMALL_LIMIT, inline_hard_limit_bytes=200_000))
    event = rig.upload(data=picture(2000, 1500, image_format="PNG") + b"\0" * 300_000)
    for _ in range(MAX_ATTEMPTS):
        rig.model.faults.add("upload", TransientError("503"))

    analyze(event, rig.ports)

    carried = rig.document(event)["transport"]
    assert (carried["kind"], carried["mime_type"]) == ("inline", "image/jpeg")
    assert carried["bytes"] < 150_000
    assert carried["changes"] == ["converted from PNG to JPEG, without metadata"]


def test_an_image_that_fits_nowhere_waits_for_the_files_api() -> None:
    rig = Rig(settings=dataclasses.replace(SMALL_LIMIT, inline_hard_limit_bytes=2000))
    event = rig.upload()
    for _ in range(MAX_ATTEMPTS):
        rig.model.faults.add("upload", TransientError("503"))

    with pytest.raises(TransientError, match="503"):
        analyze(event, rig.ports)

    assert rig.model.requests == []


@pytest.mark.fault(99)
def test_a_file_that_expired_before_the_call_is_uploaded_once_more() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    rig.model.faults.add("generate", FileUnavailableError("403"))

    analyze(event, rig.ports)

    assert rig.model.faults.calls["upload"] == 2
    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(99)
def test_a_file_that_is_refused_twice_waits_for_a_redelivery() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    for _ in range(2):
        rig.model.faults.add("generate", FileUnavailableError("403"))

    with pytest.raises(TransientError, match="after a fresh upload"):
        analyze(event, rig.ports)


@pytest.mark.fault(95)
@pytest.mark.parametrize("operation", ["get_file", "upload"])
def test_a_files_api_that_hangs_leaves_time_for_the_inline_route(operation: str) -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()

    def hang(*_: Any, timeout_s: float, **__: Any) -> None:
        rig.clock.sleep(timeout_s)
        raise TransientError("No answer in time.")

    setattr(rig.model, operation, hang)

    analyze(event, rig.ports)

    assert rig.document(event)["transport"]["kind"] == "inline"


@pytest.mark.fault(90)
@pytest.mark.parametrize("error", [FileUnavailableError("403"), ConfigurationError("401")])
def test_a_key_that_may_not_upload_is_no_fault_of_the_image(error: Exception) -> None:
    too_large = dataclasses.replace(SMALL_LIMIT, inline_hard_limit_bytes=100)
    for rig, status in ((Rig(settings=SMALL_LIMIT), "ok"), (Rig(settings=too_large), "held")):
        event = rig.upload()
        for _ in range(2):  # a first 401 may be a blip
            rig.model.faults.add("upload", error)

        analyze(event, rig.ports)

        (told,) = rig.result_events()
        assert told["status"] == status
