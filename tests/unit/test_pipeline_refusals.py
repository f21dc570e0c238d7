"""One refusal of generateContent, then a healthy model: each ends in a result, the way the table says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from shared.adapters.gemini_errors import translate
from shared.core.errors import ErrorCode, ModelRejectedError, PassingRefusalError, SizeRefusedError, TransientError
from shared.core.gemini.request import InlineImage
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, Rig, picture

VERTEX = dataclasses.replace(SETTINGS, enterprise=True, project="local-dev")
REGISTERING = dataclasses.replace(SETTINGS, register_files=True, inline_limit_bytes=2000)
UPLOADING = dataclasses.replace(SETTINGS, inline_limit_bytes=2000)
MODEL = "projects/p/locations/global/publishers/google/models/gemini-3.8-flash"
THROTTLED = (
    "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible by Vertex AI. Vertex AI"
    " respects robots.txt rules, so confirm the URL is allowed to be crawled."
    " Status: URL_REJECTED-REJECTED_CLIENT_THROTTLED"
)
TOO_LARGE = "Request payload size exceeds the limit."
ONCE = {
    "throttled fetcher": (400, "INVALID_ARGUMENT", THROTTLED),
    "bare invalid argument": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "invalid address": (400, "INVALID_ARGUMENT", "Invalid GCS URI: gs://uploads/we#ird.jpg"),
    "please retry": (400, "INVALID_ARGUMENT", "Unable to process input image. Please retry or report"),
    "precondition": (400, "FAILED_PRECONDITION", "Precondition check failed."),
    "exhausted with 400": (400, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
    "expired token": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "service disabled": (403, "PERMISSION_DENIED", "Vertex AI API has not been used in project 123 before."),
    "model not found": (404, "NOT_FOUND", f"Publisher Model `{MODEL}` was not found."),
    "aborted": (409, "ABORTED", "The operation was aborted."),
    "cancelled": (499, "CANCELLED", "The operation was cancelled."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "throttled": (429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
    "deadline": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
"""What `generateContent` on Vertex was seen to answer once, and then no more (field of 2026-11-29)."""


def refusal(code: int, status: str, message: str) -> Exception:
    details = {"error": {"code": code, "status": status, "message": message}}
    return translate(code=code, message=message, details=details, headers={}, about="model", name="gemini-3.8-flash")


def kinds(rig: Rig) -> list[str]:
    """Return how the image of each request travelled."""
    (images,) = zip(*(request.images for request in rig.model.requests), strict=True)
    return ["inline" if isinstance(image, InlineImage) else image.uri.partition(":")[0] for image in images]


def refused(rig: Rig, error: Exception, *, times: int) -> Rig:
    for _ in range(times):
        rig.model.faults.add("generate", error)
    return rig


@pytest.mark.fault(90, 91, 118, 119, 120)
@pytest.mark.parametrize("case", ONCE)
def test_one_refusal_before_a_healthy_model_is_a_result_by_the_second_call(case: str) -> None:
    rig = refused(Rig(settings=VERTEX), refusal(*ONCE[case]), times=1)
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert kinds(rig) == ["gs", "gs"]


@pytest.mark.fault(118)
def test_a_fetcher_that_stays_throttled_is_circumvented() -> None:
    rig = refused(Rig(settings=VERTEX), refusal(*ONCE["throttled fetcher"]), times=3)
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert kinds(rig) == ["gs", "gs", "gs", "inline"]
    assert rig.document(event)["transport"]["reason"] == "refused as it came (gs)"
    assert rig.clock.time_s - Rig().clock.time_s == 3.0  # a second, and two


@pytest.mark.fault(119)
@pytest.mark.parametrize(("settings", "way"), [(VERTEX, "gs"), (REGISTERING, "memory"), (UPLOADING, "memory")])
def test_a_400_about_what_went_by_reference_is_heard_twice_and_then_once_inline(settings: Any, way: str) -> None:
    rig = refused(Rig(settings=settings), refusal(*ONCE["invalid address"]), times=99)
    event = rig.upload(data=picture() + b"\0" * 3000, task="caption")

    analyze(event, rig.ports)

    assert kinds(rig) == [way, way, *(["inline"] if settings is VERTEX else [])]
    told = rig.document(event, error=0)["error"]
    assert told["code"] == "request_refused"
    assert "Invalid GCS URI: gs://uploads/we#ird.jpg" in told["message"]


def test_a_bare_400_is_blamed_on_the_schema_only_where_no_way_of_travelling_helps() -> None:
    rig = refused(Rig(settings=VERTEX), refusal(*ONCE["bare invalid argument"]), times=3)
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert kinds(rig) == ["gs", "gs", "inline", "inline"]
    assert [request.schema is None for request in rig.model.requests] == [False, False, False, True]
    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(89)
def test_an_unreadable_image_that_is_asked_to_be_retried_fails_in_googles_words() -> None:
    rig = refused(Rig(), refusal(*ONCE["please retry"]), times=99)
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 3
    told = rig.document(event, error=0)["error"]
    assert (told["code"], "Please retry or report" in told["message"]) == ("image_refused", True)


@pytest.mark.fault(117)
@pytest.mark.parametrize(
    ("settings", "ways"),
    [
        (SETTINGS, ["inline", "memory", "inline"]),
        (UPLOADING, ["memory", "inline"]),
        (REGISTERING, ["memory", "memory", "inline"]),
        (VERTEX, ["gs", "inline"]),
    ],
)
def test_a_refusal_for_size_tries_every_way_and_a_smaller_copy_last(settings: Any, ways: list[str]) -> None:
    """The picture is large as it lies, and small once it is written anew."""
    error = SizeRefusedError(ErrorCode.TOO_MANY_BYTES, TOO_LARGE)
    settings = dataclasses.replace(settings, inline_limit_bytes=max(settings.inline_limit_bytes, 100_000))
    data = picture() + b"\0" * (10_000 if settings.inline_limit_bytes > 100_000 else 200_000)
    rig = refused(Rig(settings=settings), error, times=len(ways) - 1)
    event = rig.upload(data=data, task="caption")

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert kinds(rig) == ways


@pytest.mark.fault(117)
def test_what_is_refused_for_its_size_every_way_is_final_in_googles_words() -> None:
    rig = refused(Rig(), SizeRefusedError(ErrorCode.TOO_MANY_BYTES, TOO_LARGE), times=99)
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert rig.document(event, error=0)["error"] == {"code": "too_many_bytes", "message": TOO_LARGE}
    sent = [request.images[0] for request in rig.model.requests]
    assert len(sent) == len(set(sent)) <= 4  # nothing is sent twice


def test_an_upload_that_is_refused_travels_inline() -> None:
    rig = Rig(settings=UPLOADING)
    event = rig.upload(data=picture() + b"\0" * 3000, task="caption")
    rig.model.faults.add("upload", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "413"))

    analyze(event, rig.ports)

    assert kinds(rig) == ["inline"]


def test_a_refusal_that_may_pass_leaves_the_delivery_its_time() -> None:
    """Waiting is given up for a redelivery where nothing could be finished behind it."""
    rig = Rig(settings=dataclasses.replace(VERTEX, timeout_s=40))
    event = rig.upload(task="caption")

    def slow(_: object) -> Any:
        rig.clock.time_s += 25
        raise PassingRefusalError(ErrorCode.REQUEST_REFUSED, THROTTLED)

    rig.answer = slow

    with pytest.raises(TransientError, match="no time for another try"):
        analyze(event, rig.ports)
