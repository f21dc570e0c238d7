"""Large images travel by the Files API, and each content is uploaded once."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from shared.core.errors import FileUnavailableError, TransientError
from shared.core.ports import ModelFile
from shared.core.request import ReferencedImage
from shared.pipeline.analyze import analyze
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


def test_three_tasks_of_one_image_share_one_upload() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    others = [dataclasses.replace(event, task=task) for task in ("caption", "segment")]

    for each in (event, *others):
        analyze(each, rig.ports)

    assert rig.model.faults.calls["upload"] == 1
    assert rig.document(others[0])["transport"]["reused"] is True


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


def test_processing_is_waited_for_within_bounds() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    data = picture()
    name = _name(data)
    rig.model.files[name] = ModelFile(name, "memory://x", "image/jpeg", "PROCESSING")

    with pytest.raises(TransientError, match="did not become ACTIVE"):
        analyze(rig.upload(data=data), rig.ports)


def test_a_file_whose_processing_failed_is_deleted_for_the_next_try() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    data = picture()
    event = rig.upload(data=data)
    rig.model.files[_name(data)] = ModelFile(_name(data), "memory://x", "image/jpeg", "FAILED")
    with pytest.raises(TransientError, match="could not process"):
        analyze(event, rig.ports)

    analyze(event, rig.ports)

    assert rig.document(event)["transport"]["reused"] is False


def test_a_file_that_expired_before_the_call_is_uploaded_once_more() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    rig.model.faults.add("generate", FileUnavailableError("403"))

    analyze(event, rig.ports)

    assert rig.model.faults.calls["upload"] == 2
    assert rig.document(event)["status"] == "ok"


def test_a_file_that_is_refused_twice_waits_for_a_redelivery() -> None:
    rig = Rig(settings=SMALL_LIMIT)
    event = rig.upload()
    for _ in range(2):
        rig.model.faults.add("generate", FileUnavailableError("403"))

    with pytest.raises(TransientError, match="after a fresh upload"):
        analyze(event, rig.ports)
