"""STRIP_METADATA: what leaves the project has no metadata, whatever the back end, and the result says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.images import stripping
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, UPLOADS, Rig, picture
from tests.unit.test_core_stripping import PLACE, _photo, encoded

if TYPE_CHECKING:
    from shared.core.gemini.request import ImagePart

PHOTO = encoded(_photo(80, 60), "JPEG")
BACK_ENDS: dict[str, dict[str, Any]] = {
    "developer": {},
    "registered": {"register_files": True, "inline_limit_bytes": 6_000},
    "files": {"inline_limit_bytes": 6_000},
    "vertex": {"enterprise": True, "project": "a-project"},
}


def _sent(rig: Rig, data: bytes, *, task: str = "caption") -> tuple[ImagePart, dict[str, Any]]:
    event = rig.upload(data=data, task=task)
    analyze(event, rig.ports)
    document = rig.document(event)
    assert document["status"] == "ok"
    (part,) = rig.model.requests[-1].images
    transport: dict[str, Any] = document["transport"]
    return part, transport


def _rig(back_end: str, *, strip: bool = True) -> Rig:
    return Rig(settings=replace(SETTINGS, strip_metadata=strip, **BACK_ENDS[back_end]))


def _uploaded(rig: Rig) -> list[bytes]:
    """Return what the Files API was given."""
    given: list[bytes] = []
    upload = rig.model.upload

    def noted(name: str, data: bytes, *, mime_type: str, timeout_s: float) -> Any:
        given.append(data)
        return upload(name, data, mime_type=mime_type, timeout_s=timeout_s)

    rig.model.upload = noted  # type: ignore[method-assign]
    return given


@pytest.mark.fault(140)
@pytest.mark.parametrize("task", ["caption", "detect"])
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_nothing_with_metadata_leaves_and_the_result_says_that_it_was_removed(back_end: str, task: str) -> None:
    rig = _rig(back_end)
    uploaded = _uploaded(rig)

    part, transport = _sent(rig, PHOTO, task=task)

    sent = [part.data] if isinstance(part, InlineImage) else uploaded
    assert len(sent) == 1
    assert PLACE not in sent[0]
    assert transport["changes"] == [stripping.REMOVED]
    assert transport["kind"] in {"inline", "file"}
    assert transport["bytes"] == len(sent[0])


@pytest.mark.parametrize("back_end", ["registered", "vertex"])
def test_a_file_without_metadata_still_travels_by_reference(back_end: str) -> None:
    bare = stripping.without_metadata(picture(400, 300), "jpeg")
    assert bare is not None
    rig = Rig(settings=replace(_rig(back_end).settings, inline_limit_bytes=4_200))

    part, transport = _sent(rig, bare)

    assert isinstance(part, ReferencedImage)
    assert (transport["kind"], transport["changes"]) == ({"vertex": "gs"}.get(back_end, "registered"), [])


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_without_the_setting_files_are_sent_as_they_are(back_end: str) -> None:
    rig = _rig(back_end, strip=False)
    uploaded = _uploaded(rig)

    part, transport = _sent(rig, PHOTO)

    assert transport["changes"] == []
    assert [part.data] == [PHOTO] if isinstance(part, InlineImage) else uploaded in ([], [PHOTO])


def test_what_cannot_be_cleaned_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripping, "without_metadata", lambda *_, **__: None)

    part, transport = _sent(_rig("developer"), PHOTO)

    assert isinstance(part, InlineImage)
    assert PLACE not in part.data
    assert transport["changes"] == ["encoded again as JPEG, without metadata"]


def test_a_file_that_gemini_lost_is_replaced_by_one_without_metadata() -> None:
    from shared.core.errors import FileUnavailableError

    rig = _rig("vertex")
    bare = stripping.without_metadata(picture(), "jpeg")
    assert bare is not None
    rig.model.faults.add("generate", FileUnavailableError("gs://uploads/square.jpg not found"))

    part, _ = _sent(rig, bare)

    assert isinstance(part, InlineImage)
    assert part.data == bare


def test_the_pictures_of_a_manifest_lose_theirs_too() -> None:
    from tests.unit.test_pipeline_manifest import _manifest

    rig = _rig("vertex")
    rig.store.create(UPLOADS, "trip/a.jpg", PHOTO, content_type="image/jpeg")
    event = _manifest(rig, ["a.jpg"])

    analyze(event, rig.ports)

    (part,) = rig.model.requests[-1].images
    assert isinstance(part, InlineImage)
    assert PLACE not in part.data
    assert rig.document(event)["images"][0]["transport"]["changes"] == [stripping.REMOVED]
