"""What each error of the Gemini API means for us, as the documented messages come."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.gemini_errors import MAX_RETRY_AFTER_S, retry_after_s, translate
from shared.core.errors import (
    AlreadyExistsError,
    AwayError,
    ConfigurationError,
    FileUnavailableError,
    ModelRejectedError,
    PassingRefusalError,
    RefusedError,
    SchemaRefusedError,
    SizeRefusedError,
    ThrottledError,
    TransientError,
    UplookError,
)
from tests.strategies import json_values

About = Literal["file", "model"]
FETCHING = "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible by Vertex AI."
OVERLOADED = "The model is overloaded. Please try again later."
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def _translated(code: int, message: str = "", *, about: About = "model", **how: Any) -> UplookError:
    how = {"details": None, "headers": {}, **how}
    return translate(code=code, message=message, about=about, name="the-name", **how)


def _details(*delays: Any) -> dict[str, Any]:
    entries = [{"@type": RETRY_INFO, "retryDelay": delay} for delay in delays]
    return {"error": {"code": 429, "details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure"}, *entries]}}


@pytest.mark.fault(88, 89, 98, 99)
@pytest.mark.parametrize(
    ("code", "about", "message", "meaning"),
    [
        (201, "model", "", TransientError),
        (302, "model", "", TransientError),
        (409, "file", "Requested entity already exists", AlreadyExistsError),
        (403, "file", "You do not have permission to access the File abc or it may not exist.", FileUnavailableError),
        (404, "file", "", FileUnavailableError),
        (403, "model", "You do not have permission to access the File abc or it may not exist.", FileUnavailableError),
        (404, "model", "file abc not found", FileUnavailableError),
        (404, "model", "Cannot find the Cloud Storage object gs://b/o.jpg.", FileUnavailableError),
        (400, "model", "The object gs://b/o.jpg does not exist.", FileUnavailableError),
        (400, "model", "Unable to process input image gs://b/o.jpg", ModelRejectedError),
        (400, "model", "The File abc is not in an ACTIVE state and usage is not allowed.", RefusedError),
        (400, "model", "Service agents are being provisioned. So please try again in a few minutes.", RefusedError),
        (400, "model", "Unable to process input image. Please retry or report", PassingRefusalError),
        (400, "model", f"{FETCHING} Status: URL_REJECTED-REJECTED_CLIENT_THROTTLED", PassingRefusalError),
        (400, "model", f"{FETCHING} Status: URL_TIMEOUT-TIMEOUT_FETCHPROXY", PassingRefusalError),
        (400, "model", "Failed to download multimodal content. Please try again later.", PassingRefusalError),
        (400, "model", "Invalid GCS URI: gs://uploads/we#ird.jpg", ModelRejectedError),
        (400, "model", "Precondition check failed.", ModelRejectedError),
        (400, "model", "The input token count (1200000) exceeds the maximum number of tokens.", ModelRejectedError),
        (400, "model", "Image size 8388608 exceeds the maximum size of 7340032 bytes.", SizeRefusedError),
        (400, "model", "The document gs://b/o.jpg is too large.", SizeRefusedError),
        (400, "model", "Provided image is not valid.", ModelRejectedError),
        (400, "model", "Unsupported MIME type: image/bmp", ModelRejectedError),
        (400, "model", "Request contains an invalid argument.", SchemaRefusedError),
        (400, "file", "Invalid resource name", ModelRejectedError),
        (400, "model", "Request payload size exceeds the limit: 20971520 bytes.", SizeRefusedError),
        (413, "model", "Request payload size exceeds the limit", SizeRefusedError),
        (408, "model", "", TransientError),
        (409, "model", "The operation was aborted.", RefusedError),
        (429, "model", "You exceeded your current quota", ThrottledError),
        (499, "model", "The operation was cancelled.", TransientError),
        (500, "model", "An internal error has occurred.", RefusedError),
        (502, "model", "", AwayError),
        (503, "model", OVERLOADED, AwayError),
        (503, "file", "", AwayError),
        (504, "model", "Deadline expired", TransientError),
        (418, "model", "a code of tomorrow", RefusedError),
    ],
)
def test_an_error_means_what_the_table_says(
    *, code: int, about: About, message: str, meaning: type[UplookError]
) -> None:
    assert type(_translated(code, message, about=about)) is meaning


@pytest.mark.fault(90, 91)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, "API key not valid. Please pass a valid API key."),
        (400, "API key expired. Please renew the API key."),
        (400, "API_KEY_INVALID"),
        (400, "User location is not supported for the API use."),
        (400, "Gemini API free tier is not available in your country. Please enable billing on your project."),
        (401, "Request had invalid authentication credentials."),
        (403, "Permission denied on resource project x."),
        (403, "Requests from this profile are blocked."),
        (403, "worker@p.iam does not have storage.objects.get access to the Google Cloud Storage object."),
        (400, "Permission denied while reading gs://b/o.jpg"),
        (404, "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent."),
        (404, "This model is no longer available to new users."),
    ],
)
def test_a_fault_of_the_deployment_is_never_charged_to_the_image(code: int, message: str) -> None:
    """The event waits for a mended key or model instead of failing thousands of images for good."""
    assert type(_translated(code, message)) is ConfigurationError


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("RESOURCE_EXHAUSTED", ThrottledError),
        ("UNAVAILABLE", AwayError),
        ("ABORTED", RefusedError),
        ("DEADLINE_EXCEEDED", TransientError),
        ("CANCELLED", TransientError),
        ("INVALID_ARGUMENT", ModelRejectedError),
        ("FAILED_PRECONDITION", ModelRejectedError),
        (5, ModelRejectedError),
    ],
)
def test_of_a_400_whose_status_speaks_of_a_moment_the_status_is_believed(
    status: Any, meaning: type[UplookError]
) -> None:
    assert type(_translated(400, "Sorry.", details={"error": {"code": 400, "status": status}})) is meaning


@pytest.mark.parametrize(
    ("message", "code"),
    [("Unable to process input image", "image_refused"), ("Invalid value at 'contents'", "request_refused")],
)
def test_a_refusal_says_whether_the_image_or_the_request_is_at_fault(message: str, code: str) -> None:
    error = _translated(400, message)

    assert isinstance(error, ModelRejectedError)
    assert error.code == code
    assert message in error.message


def test_a_message_names_code_and_subject_and_quotes_at_most_500_characters() -> None:
    assert str(_translated(503, OVERLOADED)) == f"Gemini answered 503 for the-name: {OVERLOADED}"
    assert len(str(_translated(503, "x" * 10**6))) < 600


def test_a_file_that_is_not_ready_is_tried_again_soon() -> None:
    error = _translated(400, "The File abc is not in an ACTIVE state")

    assert isinstance(error, TransientError)
    assert error.retry_after_s == 2.0


@pytest.mark.fault(85)
def test_a_passing_error_carries_the_wish_of_the_server() -> None:
    error = _translated(429, "quota", details=_details("7s"), headers={"retry-after": "9"})

    assert isinstance(error, TransientError)
    assert error.retry_after_s == 7.0


@pytest.mark.fault(85)
@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("0s", 0.0),
        ("7s", 7.0),
        ("0.5s", 0.5),
        ("36.123456789s", 36.123456789),
        ("600s", 600.0),
        ("601s", 600.0),
        ("9223372036854775807s", 600.0),
        ("9" * 400 + "s", 600.0),
    ],
)
def test_retry_info_is_read_in_seconds_and_capped(delay: str, seconds: float) -> None:
    assert retry_after_s(_details(delay), {}) == seconds


@pytest.mark.parametrize(
    "delay", ["", "s", "7", "-7s", "7 s", "7m", "1e3s", "nans", "infs", "7s7s", None, 7, {}, ["7s"]]
)
def test_a_delay_of_another_form_is_passed_over_for_the_next_source(delay: Any) -> None:
    assert retry_after_s(_details(delay, "5s"), {}) == 5.0
    assert retry_after_s(_details(delay), {"retry-after": "3"}) == 3.0
    assert retry_after_s(_details(delay), {}) is None


@pytest.mark.fault(85)
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("601", 600.0),
        ("9" * 5000, 600.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("٣", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
@pytest.mark.parametrize("name", ["retry-after", "Retry-After"])
def test_the_header_is_read_in_whole_seconds_and_capped(name: str, value: str, seconds: float | None) -> None:
    assert retry_after_s(None, {name: value}) == seconds


@pytest.mark.parametrize(
    "details",
    [
        None,
        "x",
        5,
        [],
        [{"error": {}}],
        {},
        {"error": None},
        {"error": "x"},
        {"error": {"details": None}},
        {"error": {"details": "x"}},
        {"error": {"details": {"retryDelay": "7s"}}},
        {"error": {"details": [None, "x", [], 5, {}]}},
    ],
)
def test_details_of_any_other_shape_say_nothing(details: Any) -> None:
    assert retry_after_s(details, {}) is None
    assert retry_after_s(details, {"retry-after": "3"}) == 3.0


_delays = st.text(max_size=6) | st.from_regex(r"[0-9]{1,30}(\.[0-9]{1,9})?s", fullmatch=True) | json_values


@given(
    code=st.integers(100, 599),
    message=st.text(max_size=30),
    about=st.sampled_from(["file", "model"]),
    delay=_delays,
    header=st.text(),
)
def test_every_error_is_translated_and_no_wait_is_beyond_the_cap(
    *, code: int, message: str, about: About, delay: Any, header: str
) -> None:
    for details in (delay, {"error": delay}, {"error": {"details": delay}}, _details(delay)):
        error = _translated(code, message, about=about, details=details, headers={"retry-after": header})

        assert isinstance(error, UplookError)
        wait_s = getattr(error, "retry_after_s", None)
        assert wait_s is None or 0 <= wait_s <= MAX_RETRY_AFTER_S
