"""One image event: once, in order, and with everything on record."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from shared.core import naming
from shared.core.delivery.waiting import LEASE_WAIT_S
from shared.core.errors import ErrorCode, ModelRejectedError, TransientError
from shared.core.jsontext import crc32c
from shared.core.results import schemas
from shared.core.tasks.catalogue import TASKS
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, TEXTS, UPLOADS, WORK, Rig, picture, reply

if TYPE_CHECKING:
    from shared.core.gemini.request import ModelRequest


@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_commits_a_document_and_an_event_that_fit_their_schemas(task: str) -> None:
    rig = Rig()
    event = rig.upload(task=task)

    analyze(event, rig.ports)

    document = rig.document(event)
    assert schemas.problem(document, schemas.RESULT) is None
    assert document["status"] == "ok"
    (told,) = rig.result_events()
    assert schemas.problem(told, schemas.RESULT_EVENT) is None
    assert told["id"] == document["id"]
    assert told["result"] == f"gs://results/v1/uploads/square.jpg/{event.source.generation}/{task}.json"


def test_an_answer_stands_beside_the_question_and_classes_are_counted_in_the_event() -> None:
    rig = Rig()
    asked, classified = rig.upload(task="ask"), rig.upload("other.jpg", task="classify")

    analyze(asked, rig.ports)
    analyze(classified, rig.ports)

    document = rig.document(asked)
    assert (document["question"], document["answer"], document["files"]) == ("What is red?", "The square.", [])
    assert rig.document(classified)["classes"] == [
        {"label": "square", "status": "ok", "reason": None},
        {"label": "red", "status": "ok", "reason": None},
    ]
    assert [told["counts"]["classes"] for told in rig.result_events()] == [0, 2]


def test_the_model_is_asked_with_every_setting_of_the_event() -> None:
    requests = []

    def answer(request: ModelRequest) -> dict[str, Any]:
        requests.append(request)
        return reply(TEXTS["caption"])

    rig = Rig(answer=answer)
    event = rig.upload(task="caption")
    settings = dataclasses.replace(
        event.settings,
        system_instruction="You are kind.",
        media_resolution="low",
        safety=(("HARM_CATEGORY_HARASSMENT", "OFF"),),
    )

    analyze(dataclasses.replace(event, settings=settings), rig.ports)

    (request,) = requests
    assert (request.system_instruction, request.media_resolution) == ("You are kind.", "low")
    assert request.safety == (("HARM_CATEGORY_HARASSMENT", "OFF"),)


def test_the_common_path_costs_three_creates_one_read_and_a_create_per_file() -> None:
    rig = Rig()
    event = rig.upload(task="segment")
    rig.store.faults.calls.clear()

    analyze(event, rig.ports)

    files = len(rig.document(event)["files"])
    assert files == 2  # a mask and the overlay
    rig.store.faults.calls["read"] -= 1  # the test's own look at the document
    assert rig.store.faults.calls == {"create": 3 + files, "read": 1}
    assert rig.publisher.faults.calls == {"publish": 1}


@pytest.mark.fault(48)
def test_boxes_are_in_pixels_of_the_upright_and_of_the_stored_picture() -> None:
    """Orientation 6: the stored grid is the upright one turned left, so x and y change places."""
    rig = Rig(answer='{"boxes": [{"label": "corner", "box_2d": [0, 0, 500, 250]}]}')
    event = rig.upload(data=picture(80, 60, orientation=6))

    analyze(event, rig.ports)

    document = rig.document(event)
    assert document["image"] == {
        "width": 60,
        "height": 80,
        "format": "jpeg",
        "mime_type": "image/jpeg",
        "orientation": 6,
        "frames": 1,
    }
    (item,) = document["items"]
    assert item["box_px"] == [0, 0, 15, 40]
    assert item["box_px_stored"] == [0, 45, 40, 60]
    assert any("upright" in change for change in document["transport"]["changes"])


def test_a_mask_is_a_one_bit_picture_of_the_full_upright_size() -> None:
    rig = Rig()
    event = rig.upload(task="segment")

    analyze(event, rig.ports)

    (item,) = rig.document(event)["items"]
    with Image.open(io.BytesIO(rig.store.read(RESULTS, item["mask"]["file"], max_bytes=10**6))) as mask:
        assert (mask.mode, mask.size) == ("1", (80, 60))
        assert sum(1 for value in mask.tobytes() if value) > 0
    assert item["mask"]["source"] == "polygon"


def test_every_file_is_listed_with_its_size_and_checksum() -> None:
    rig = Rig()
    event = rig.upload(task="segment")

    analyze(event, rig.ports)

    for file in rig.document(event)["files"]:
        data = rig.store.read(RESULTS, file["name"], max_bytes=10**6)
        assert (file["size"], file["crc32c"]) == (len(data), crc32c(data))


def test_original_bytes_travel_untouched() -> None:
    rig = Rig()
    data = picture()

    analyze(rig.upload(data=data), rig.ports)

    (image,) = rig.model.requests[0].images
    assert image.data == data  # type: ignore[union-attr]


@pytest.mark.fault(1)
def test_a_second_delivery_announces_the_same_result_and_asks_nobody() -> None:
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    first, second = rig.result_events()
    assert first == second


@pytest.mark.fault(6, 17)
def test_an_image_deleted_before_it_is_read_is_skipped_as_gone() -> None:
    rig = Rig()
    event = rig.upload()
    rig.store.delete(UPLOADS, "square.jpg")

    analyze(event, rig.ports)

    assert (rig.document(event)["status"], rig.document(event)["error"]["code"]) == ("skipped", "gone")


@pytest.mark.fault(18)
def test_an_image_overwritten_before_it_is_read_is_skipped_as_superseded() -> None:
    rig = Rig()
    event = rig.upload()
    rig.store.delete(UPLOADS, "square.jpg")
    rig.upload()

    analyze(event, rig.ports)

    assert rig.document(event)["error"]["code"] == "superseded"


@pytest.mark.fault(40)
def test_a_text_called_jpg_ends_as_an_error_document_without_a_model_call() -> None:
    rig = Rig()
    event = rig.upload(data=b"two lemons and a loaf of bread")

    analyze(event, rig.ports)

    document = rig.document(event, error=0)
    assert schemas.problem(document, schemas.RESULT) is None
    assert (document["status"], document["error"]["code"]) == ("failed", "not_an_image")
    assert rig.model.requests == []
    assert rig.result_events()[0]["error"] == "not_an_image"


@pytest.mark.fault(56)
def test_a_recognised_but_unsupported_format_is_a_final_result() -> None:
    rig = Rig()
    event = rig.upload(data=b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n")

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "unsupported"


@pytest.mark.fault(22)
def test_an_empty_file_fails_without_being_read() -> None:
    rig = Rig()
    event = rig.upload(data=b"")
    rig.store.faults.calls.clear()

    analyze(event, rig.ports)

    assert rig.store.faults.calls["read"] == 0
    assert rig.document(event, error=0)["error"]["code"] == "empty_file"


@pytest.mark.fault(23)
def test_a_file_above_the_limit_fails_without_being_read() -> None:
    rig = Rig()
    event = rig.upload()
    small = dataclasses.replace(event, settings=dataclasses.replace(event.settings, max_bytes=100))
    rig.store.faults.calls.clear()

    analyze(small, rig.ports)

    assert rig.store.faults.calls["read"] == 0
    assert rig.document(small, error=0)["error"]["code"] == "too_many_bytes"


@pytest.mark.fault(104)
def test_a_wrong_checksum_is_tried_again_and_never_processed() -> None:
    rig = Rig()
    event = rig.upload()
    lied = dataclasses.replace(event, source=dataclasses.replace(event.source, crc32c="AAAAAA=="))

    with pytest.raises(TransientError, match="checksum"):
        analyze(lied, rig.ports)

    assert rig.model.requests == []


@pytest.mark.fault(85)
def test_a_passing_model_error_is_tried_again_within_the_delivery() -> None:
    rig = Rig()
    event = rig.upload()
    rig.model.faults.add("generate", TransientError("429", retry_after_s=7.0))
    before_s = rig.clock.time_s

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert rig.clock.time_s - before_s == 7.0
    assert rig.model.faults.left == 0


@pytest.mark.fault(88)
def test_a_lasting_model_error_releases_the_lease_so_that_a_redelivery_works_at_once() -> None:
    rig = Rig()
    event = rig.upload()
    for _ in range(3):
        rig.model.faults.add("generate", TransientError("503"))
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    slept_s = rig.clock.time_s

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert rig.clock.time_s == slept_s


@pytest.mark.fault(89)
def test_a_request_the_model_refuses_fails_without_another_try() -> None:
    rig = Rig()
    event = rig.upload()
    rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "bad field"))

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(event, error=0)["error"] == {"code": "request_refused", "message": "bad field"}


@pytest.mark.fault(109)
def test_a_crash_after_the_reply_was_journalled_costs_no_second_call(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    event = rig.upload()
    with monkeypatch.context() as broken:
        broken.setattr("shared.pipeline.worker.ask.interpret", _crash)
        with pytest.raises(RuntimeError):
            analyze(event, rig.ports)

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(event)["status"] == "ok"


def _crash(*_: object) -> None:
    raise RuntimeError("out of luck")


def test_a_replay_from_the_journal_writes_the_same_bytes() -> None:
    first, second = Rig(), Rig()
    for rig in (first, second):
        event = rig.upload(task="segment")
        analyze(event, rig.ports)
    paths = naming.paths(event.source, run="v1", task="segment")
    written = first.store.read(RESULTS, paths.result, max_bytes=10**6)
    second.store.delete(RESULTS, paths.result)
    second.store.delete(WORK, paths.lease)
    lease = second.store.create(WORK, paths.lease, b"{}", content_type="application/json")
    assert lease
    second.clock.time_s += SETTINGS.lease_ttl_s + 1

    analyze(event, second.ports)

    assert second.store.read(RESULTS, paths.result, max_bytes=10**6) == written
    assert len(second.model.requests) == 1


@pytest.mark.fault(101)
def test_when_another_reply_was_journalled_first_ours_is_dropped() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    paths = naming.paths(event.source, run="v1", task="caption")

    def slow_answer(_: object) -> dict[str, object]:
        rig.answer = '{"caption": "The faster one."}'
        rig.store.delete(WORK, paths.lease)  # as if it had expired: another delivery takes over and finishes
        analyze(event, rig.ports)
        return reply('{"caption": "The slower one."}')

    rig.answer = slow_answer
    analyze(event, rig.ports)

    assert rig.document(event)["caption"] == "The faster one."
    assert {told["caption"] for told in rig.result_events()} == {"The faster one."}


@pytest.mark.fault(3)
def test_while_another_holds_the_lease_a_delivery_waits_for_seconds_and_then_gives_up() -> None:
    rig = Rig()
    event = rig.upload()
    paths = naming.paths(event.source, run="v1", task="detect")
    rig.store.create(WORK, paths.lease, b"{}", content_type="application/json", metadata={"uplook-state": "held"})

    with pytest.raises(TransientError, match="held by another"):
        analyze(event, rig.ports)

    assert rig.model.requests == []
    assert 0 < rig.clock.time_s - Rig().clock.time_s <= LEASE_WAIT_S


@pytest.mark.fault(3)
def test_a_delivery_that_waits_finds_the_result_of_the_one_it_waited_for() -> None:
    rig = Rig()
    event = rig.upload()
    paths = naming.paths(event.source, run="v1", task="detect")
    other = Rig()
    other_event = other.upload()
    analyze(other_event, other.ports)
    finished = other.store.read(RESULTS, paths.result, max_bytes=10**6)
    rig.store.create(WORK, paths.lease, b"{}", content_type="application/json", metadata={"uplook-state": "held"})

    def finish_meanwhile(_: float) -> None:
        if rig.store.stat(RESULTS, paths.result) is None:
            rig.store.create(RESULTS, paths.result, finished, content_type="application/json")

    rig.clock.on_sleep = finish_meanwhile

    analyze(event, rig.ports)

    assert rig.model.requests == []
    assert len(rig.result_events()) == 1


@pytest.mark.fault(101)
def test_a_lease_whose_create_was_answered_by_nobody_is_recognised_as_our_own() -> None:
    """The write landed, its answer was lost, the client's retry met 412: the attempt id says whose it is."""
    rig = Rig()
    event = rig.upload()
    paths = naming.paths(event.source, run="v1", task="detect")
    rig.store.create(
        WORK,
        paths.lease,
        b"{}",
        content_type="application/json",
        metadata={"uplook-attempt": "attempt-1", "uplook-state": "held"},
    )

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(65)
def test_an_answer_cut_at_the_token_limit_is_partial_with_what_was_complete() -> None:
    cut = '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750]}, {"label": "cir'
    rig = Rig(answer=lambda _: reply(cut, finish="MAX_TOKENS"))
    event = rig.upload()

    analyze(event, rig.ports)

    document = rig.document(event)
    assert document["status"] == "partial"
    assert [item["label"] for item in document["items"]] == ["square"]


@pytest.mark.fault(62)
def test_a_refused_answer_is_blocked_and_not_empty() -> None:
    rig = Rig(answer=lambda _: {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
    event = rig.upload()

    analyze(event, rig.ports)

    document = rig.document(event)
    assert schemas.problem(document, schemas.RESULT) is None
    assert document["status"] == "blocked"
    assert "PROHIBITED_CONTENT" in document["error"]["message"]


@pytest.mark.fault(69)
def test_nothing_found_is_empty_and_unreadable_is_failed() -> None:
    empty, unreadable = Rig(answer='{"boxes": []}'), Rig(answer="I would rather write a poem about squares.")
    event = empty.upload()
    unreadable.upload()

    analyze(event, empty.ports)
    analyze(event, unreadable.ports)

    assert empty.document(event)["status"] == "empty"
    assert unreadable.document(event, error=0)["status"] == "failed"


@pytest.mark.fault(94)
def test_a_broken_200_is_asked_again_and_never_journalled() -> None:
    answers = iter([{}, {"error": {"code": 500}}, reply('{"caption": "At last."}')])
    rig = Rig(answer=lambda _: next(answers))
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert rig.document(event)["caption"] == "At last."


@pytest.mark.fault(84)
def test_another_served_model_is_recorded_and_warned_about() -> None:
    rig = Rig(answer=lambda _: reply('{"caption": "A square."}', served="gemini-9-uranium"))
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    document = rig.document(event)
    assert document["model"] == {"requested": "gemini-3.5-flash-lite", "served": "gemini-9-uranium"}
    assert any("gemini-9-uranium" in warning for warning in document["warnings"])


def test_the_cost_is_computed_from_the_tokens_and_the_price_of_the_day() -> None:
    """3.8 Flash until the end of 2026: 1,200 x $0.75/M in, 80 x $3.75/M out."""
    rig = Rig()
    event = rig.upload()

    analyze(event, rig.ports)

    assert rig.document(event)["usage"]["cost_usd"] == pytest.approx(0.0012)


@pytest.mark.fault(26)
def test_the_work_lease_and_reply_lie_where_the_layout_says() -> None:
    rig = Rig()
    event = rig.upload(name="a/../b #1.jpg", task="caption")

    analyze(event, rig.ports)

    folder = f"v1/uploads/a/%2E%2E/b %231.jpg/{event.source.generation}"
    assert rig.store.list_names(WORK, "") == [f"leases/{folder}/caption.json", f"replies/{folder}/caption.json"]
    assert rig.store.list_names(RESULTS, "") == [f"{folder}/caption.json"]
    journal = json.loads(rig.store.read(WORK, f"replies/{folder}/caption.json", max_bytes=10**6))
    assert journal["schema"] == "uplook.reply/1"


def test_a_picture_the_model_can_read_and_we_cannot_keeps_its_answer_without_an_overlay() -> None:
    """The header of this WebP is whole, so it travels as it is; its pixels are not."""
    data = bytearray(picture(400, 300, image_format="WEBP"))
    data[60:-8] = bytes(len(data) - 68)
    rig = Rig()
    event = rig.upload(data=bytes(data))

    analyze(event, rig.ports)

    document = rig.document(event)
    assert (document["status"], document["files"]) == ("ok", [])
    assert any("no overlay was drawn" in warning for warning in document["warnings"])


def test_a_replay_whose_image_is_gone_meanwhile_keeps_its_answer_without_an_overlay() -> None:
    rig = Rig()
    event = rig.upload()
    rig.publisher.faults.add("publish", TransientError("away"))
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    rig.store.delete(RESULTS, naming.paths(event.source, run="v1", task="detect").result)
    rig.store.delete(UPLOADS, "square.jpg")

    analyze(event, rig.ports)

    assert any("no overlay was drawn" in warning for warning in rig.document(event)["warnings"])
    assert len(rig.model.requests) == 1


@pytest.mark.fault(13)
def test_a_forged_event_for_a_foreign_bucket_reads_nothing_and_ends_as_an_error() -> None:
    rig = Rig()
    data = picture()
    generation = rig.store.create("secrets", "square.jpg", data, content_type="image/jpeg")
    event = rig.upload()
    forged = dataclasses.replace(
        event, source=dataclasses.replace(event.source, bucket="secrets", generation=generation)
    )

    analyze(forged, rig.ports)

    assert rig.document(forged, error=0)["error"]["code"] == "foreign_bucket"
    assert rig.model.requests == []
