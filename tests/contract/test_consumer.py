"""The consumers' client understands what the pipeline writes, tolerates what is new, and says what is wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.consumer import (
    ConsumerError,
    MalformedError,
    Problem,
    SeenImage,
    Transport,
    UnsupportedVersionError,
    parse_event,
    parse_result,
)
from shared.core.delivery.journal import Asked, SentImage
from shared.core.errors import ErrorCode
from shared.core.gemini.transport import Transport as SentBy
from shared.core.results import documents, schemas
from shared.core.values import ImageInfo
from shared.pipeline.worker.analyze import analyze
from tests.export_documents import NO_MASK, document, failed, folder, item, mask_of
from tests.rig import Rig

if TYPE_CHECKING:
    from shared.consumer import Result

ROOT = Path(__file__).resolve().parents[2]
URI = f"gs://results/{folder()}/segment.json"


def parsed(value: dict[str, Any]) -> Result:
    return parse_result(json.dumps(value), uri=URI)


def event_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return the event that the pipeline publishes for a document."""
    event: dict[str, Any] = json.loads(documents.result_event(value, uri=URI).data)
    return event


@pytest.mark.parametrize("task", ["caption", "detect", "segment"])
def test_what_the_pipeline_writes_is_understood(task: str) -> None:
    rig = Rig()
    image_event = rig.upload(task=task)
    analyze(image_event, rig.ports)
    written = rig.document(image_event)

    event = parse_event(rig.publisher.messages[rig.settings.result_topic][0])
    result = parse_result(json.dumps(written), uri=event.result or "")

    assert (event.id, event.status, event.task, event.held) == (result.id, "ok", task, False)
    assert (result.source.generation, result.image and result.image.width) == (image_event.source.generation, 80)
    assert result.usage is not None
    assert result.usage.total_tokens == 1280
    assert (result.caption is None, result.items is None) == (task != "caption", task == "caption")
    assert event.counts.items == len(result.items or ())
    assert [file.uri for file in result.files] == [f"gs://results/{file['name']}" for file in written["files"]]
    for found in result.items or ():
        assert (found.label, found.box_px) == ("square", (20, 15, 60, 45))
        assert (found.mask is not None and found.mask.file in result.files) == (task == "segment")


def test_a_failure_is_a_typed_value_too() -> None:
    result = parsed(failed())

    assert (result.status, result.items, result.image) == ("failed", None, None)
    assert result.error == Problem("not_an_image", "no")


def test_nothing_found_is_an_empty_tuple_and_no_look_is_none() -> None:
    assert parsed(document([], status="empty")).items == ()
    assert parsed(document(None, task="caption", caption="A cat.")).items is None


def test_a_mask_that_is_unavailable_says_why() -> None:
    found = parsed(document([item("cow", (0, 0, 1, 1), mask=NO_MASK)])).items

    assert found is not None
    assert found[0].mask is not None
    assert (found[0].mask.file, found[0].mask.reason) == (None, "tokens")


def test_classes_and_answers_are_typed() -> None:
    sure = parsed(document(None, task="classify", classes=[{"label": "cat", "score": 0.9}, {"label": "sofa"}]))
    asked = parsed(document(None, task="ask", question="How many cats?", answer="Two."))

    assert [(each.label, each.score, each.status) for each in sure.classes or ()] == [
        ("cat", 0.9, "ok"),
        ("sofa", None, "ok"),
    ]
    assert (asked.question, asked.answer) == ("How many cats?", "Two.")


def test_a_question_about_several_images_tells_what_was_seen_in_their_order() -> None:
    carried = SentBy("inline", "image/jpeg", 900, reused=False, reason="it fits", changes=("turned",))
    info = ImageInfo(80, 60, "png", "image/png")
    seen = (
        SentImage("gs://uploads/a.png", 2**62, "AAAAAA==", None, info, carried),
        SentImage("https://images.example.com/b.png", None, None, "f" * 64, info, carried),
    )
    value = document(None, task="ask", answer="The first.", **documents.asked_document(Asked("Which is older?", seen)))
    assert schemas.problem(value, schemas.RESULT) is None

    result = parsed(value)

    transport = Transport("inline", "image/jpeg", 900, reused=False, reason="it fits", changes=("turned",))
    assert result.images == (
        SeenImage("gs://uploads/a.png", 2**62, "AAAAAA==", None, 80, 60, "png", "image/png", 1, transport),
        SeenImage("https://images.example.com/b.png", None, None, "f" * 64, 80, 60, "png", "image/png", 1, transport),
    )
    assert (result.image, result.transport) == (None, None)
    assert parsed(document([])).images is None


def test_a_held_event_has_no_result_yet() -> None:
    rig = Rig()
    message = documents.parked_event(rig.upload(), "0" * 64, code=ErrorCode.DAILY_CEILING, until="2026-11-22T08:00:00Z")

    event = parse_event(message.data)

    assert event.held
    assert (event.status, event.result, event.error) == ("held", None, "daily_ceiling")
    assert event.until == "2026-11-22T08:00:00Z"


def test_values_cannot_be_changed_and_know_the_json_behind_them() -> None:
    event = parse_event(event_of(document([])))

    with pytest.raises(FrozenInstanceError):
        event.status = "ok"  # type: ignore[misc]
    assert event.raw["counts"]["items"] == 0


@dataclass
class _Message:
    """What a Pub/Sub client or functions-framework hands over: something with `data`."""

    data: Any


@pytest.mark.parametrize("form", ["bytes", "text", "object", "message", "push", "cloudevent"])
def test_an_event_is_read_from_whatever_brought_it(form: str) -> None:
    value = event_of(document([]))
    data = json.dumps(value).encode()
    push = {"message": {"data": base64.b64encode(data).decode(), "messageId": "1"}, "subscription": "s"}
    forms = {
        "bytes": data,
        "text": data.decode(),
        "object": value,
        "message": _Message(data),
        "push": push,
        "cloudevent": _Message(push),
    }

    assert parse_event(forms[form]) == parse_event(data)


def test_unknown_fields_and_values_are_tolerated() -> None:
    value = document([item("cat", (0, 0, 4, 3), colour="black")], task="measure", status="doubtful", ruler="cm")

    result = parsed(value)
    event = parse_event(event_of(value) | {"sender": "v1.9"})

    assert (result.task, result.status, result.raw["ruler"]) == ("measure", "doubtful", "cm")
    assert (event.task, event.raw["sender"]) == ("measure", "v1.9")


@pytest.mark.parametrize("version", ["1", "1.1", "1.20.3"])
def test_every_minor_version_is_read(version: str) -> None:
    assert parsed(document([]) | {"schema": f"uplook.result/{version}"}).items == ()
    assert parse_event(event_of(document([])) | {"schema": f"uplook.result-event/{version}"}).status == "ok"


@pytest.mark.parametrize("version", ["0", "2", "10", "11.1"])
def test_another_major_version_is_refused_with_the_way_out(version: str) -> None:
    with pytest.raises(
        UnsupportedVersionError, match=rf"expected uplook.result/1, found .*/{version}: update this client"
    ):
        parsed(document([]) | {"schema": f"uplook.result/{version}"})
    with pytest.raises(UnsupportedVersionError, match=r"expected uplook.result-event/1"):
        parse_event(event_of(document([])) | {"schema": f"uplook.result-event/{version}"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "uplook.image/1"}, r"\$\.schema: expected uplook.result/1, found 'uplook.image/1'"),
        ({"id": None}, r"\$\.id: expected a text, found None"),
        ({"files": [1]}, r"\$\.files: expected a list of objects"),
        ({"image": {"width": True}}, r"\$\.image\.width: expected a whole number, found True"),
        ({"items": [item("cat", None, mask=mask_of("elsewhere.png"))]}, r"items\[0\]\.mask\.file: expected one of the"),
        ({"images": [{"uri": "gs://b/c", "generation": 7}]}, r"\$\.images\[0\]\.generation: expected a text"),
        ({"items": [item("cat", None) | {"box_px": [1, 2, 3]}]}, r"items\[0\]\.box_px: expected four whole numbers"),
        ({"usage": {"cost_usd": 10**400}}, r"\$\.usage\.cost_usd: expected a finite number of 64 bits, found"),
    ],
    ids=[
        "another-family",
        "no-id",
        "files",
        "boolean-as-number",
        "unlisted-mask",
        "numeric-generation",
        "three-corners",
        "more-than-all-money",
    ],
)
def test_a_broken_document_is_refused_with_the_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        parsed(document([]) | change)


@pytest.mark.parametrize("message", [b"{", "[]", b"\xff", None, 7, {}, {"message": {}}, {"message": {"data": "?"}}])
def test_what_is_no_event_is_refused(message: Any) -> None:
    with pytest.raises(MalformedError):
        parse_event(message)


def test_only_a_held_event_may_lack_a_result() -> None:
    with pytest.raises(MalformedError, match=r"\$\.result"):
        parse_event(event_of(document([])) | {"result": None})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted([*document([]), "images"])), value=_JSON)
def test_no_value_in_a_document_breaks_the_client(key: str, value: Any) -> None:
    with contextlib.suppress(ConsumerError):
        parsed(document([]) | {key: value})


def test_the_folder_works_alone_under_another_name(tmp_path: Path) -> None:
    """Copied into somebody's program, it needs nothing of ours, and no library before it reads or pulls."""
    shutil.copytree(ROOT / "shared" / "consumer", tmp_path / "uplook_results")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from uplook_results import *;"
        " print(parse_event(sys.stdin.read()).status)"
    )
    ended = subprocess.run(
        [sys.executable, "-IS", "-c", code, str(tmp_path)],  # -S: nothing but the standard library is there
        input=json.dumps(event_of(document([]))),
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "ok\n"
