"""The Gemini API at its worst, through the real adapter and over real sockets: what each fault becomes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from infra.emulators import Control, Fault
from shared.adapters import gemini
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.adapters.gemini_errors import MAX_RETRY_AFTER_S
from shared.core.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DailyQuotaError,
    FileUnavailableError,
    ModelRejectedError,
    ThrottledError,
    TransientError,
    UplookError,
)
from shared.core.gemini.request import InlineImage, ModelRequest, ReferencedImage
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, Rig, picture
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GENERATE = "models.generateContent"
KEY = "AIza-canary"
SCHEMA = {"type": "object", "properties": {"caption": {"type": "string"}}, "required": ["caption"]}
REQUEST = ModelRequest(
    model="gemini-3.8-flash",
    prompt="Describe this image.",
    images=(InlineImage(picture(), "image/jpeg"),),
    max_output_tokens=1000,
    schema=SCHEMA,
    thinking_level="low",
)
FILE_LIMIT = dataclasses.replace(SETTINGS, inline_limit_bytes=2000)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("gemini") as address:
        yield address


@pytest.fixture(autouse=True)
def control(url: str) -> Iterator[Control]:
    httpx2.post(f"{url}/_control/reset", json={}, timeout=WAIT_S).raise_for_status()
    yield Control(url)
    Control(url).clear()


def _model(url: str) -> GeminiModel:
    return GeminiModel(ByKey(KEY), base_url=url, connections=4)


def _ask(url: str, *, timeout_s: float = WAIT_S) -> Mapping[str, Any]:
    return _model(url).generate(REQUEST, timeout_s=timeout_s)


def _error(url: str, *faults: Fault, timeout_s: float = WAIT_S) -> UplookError:
    """Return what a call ends with when these faults befall it."""
    for fault in faults:
        Control(url).add(fault)
    with pytest.raises(UplookError) as caught:
        _ask(url, timeout_s=timeout_s)
    assert [rule["left"] for rule in Control(url).faults()] == [0] * len(faults)
    assert "canary" not in str(caught.value)
    return caught.value


class _Counted(GeminiModel):
    """The real adapter, counting its calls: the emulator hears of an abandoned one in the midst of the next test."""

    calls = 0

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        self.calls += 1
        return super().generate(request, timeout_s=timeout_s)


def _rig(url: str, **options: Any) -> tuple[Rig, _Counted]:
    """Return a rig whose model is the real adapter."""
    rig, model = Rig(**options), _Counted(ByKey(KEY), base_url=url, connections=4)
    rig.ports = dataclasses.replace(rig.ports, model=model)
    return rig, model


@pytest.mark.fault(85)
@pytest.mark.parametrize(("wish_s", "seconds"), [(7, 7.0), (9_223_372_036, MAX_RETRY_AFTER_S)])
def test_a_429_brings_the_wish_of_the_server_with_it_capped(url: str, wish_s: int, seconds: float) -> None:
    error = _error(url, Fault("status", operation=GENERATE, status=429, seconds=wish_s))

    assert type(error) is ThrottledError
    assert error.retry_after_s == seconds


@pytest.mark.fault(86)
def test_a_429_without_a_hint_leaves_the_wait_to_us(url: str) -> None:
    error = _error(url, Fault("status", operation=GENERATE, status=429))

    assert type(error) is ThrottledError
    assert error.retry_after_s is None


@pytest.mark.fault(87)
def test_a_used_up_day_is_told_from_a_used_up_minute(url: str) -> None:
    assert type(_error(url, Fault("quota", operation=GENERATE))) is DailyQuotaError


@pytest.mark.fault(88)
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_passing_refusal_is_overcome_within_the_delivery(url: str, control: Control, status: int) -> None:
    rig, model = _rig(url)
    event = rig.upload(task="caption")

    with control.planned(Fault("status", operation=GENERATE, status=status)):
        analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert model.calls == 2


@pytest.mark.fault(89)
def test_an_image_that_the_model_cannot_read_fails_with_one_call(url: str, control: Control) -> None:
    rig, model = _rig(url)
    event = rig.upload(task="caption")

    refusal = Fault("status", operation=GENERATE, status=400, body="Unable to process input image.")
    with control.planned(refusal):
        analyze(event, rig.ports)

    assert rig.document(event, error=0)["error"]["code"] == "image_refused"
    assert model.calls == 1


@pytest.mark.fault(90)
@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "API key not valid. Please pass a valid API key."), (401, "Unauthenticated"), (403, "No")],
)
def test_a_fault_of_the_deployment_is_told_from_one_of_the_image(url: str, status: int, message: str) -> None:
    assert type(_error(url, Fault("status", operation=GENERATE, status=status, body=message))) is ConfigurationError


@pytest.mark.fault(92)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", operation=GENERATE),
        Fault("reset", operation=GENERATE, bytes=40),
        Fault("lost", operation=GENERATE),
    ],
    ids=["before", "amid the body", "instead of an answer"],
)
def test_a_connection_that_breaks_is_a_passing_fault_and_the_next_call_works(url: str, fault: Fault) -> None:
    assert type(_error(url, fault)) is TransientError
    assert _ask(url)["candidates"]


@pytest.mark.fault(92)
@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://gemini.invalid", "tls"])
def test_a_service_that_cannot_be_reached_is_a_passing_fault(url: str, address: str) -> None:
    """Nobody listens; no such name; one side speaks TLS and the other does not."""
    wrong = url.replace("http://", "https://") if address == "tls" else address

    with pytest.raises(TransientError) as caught:
        _ask(wrong, timeout_s=10.0)

    assert "canary" not in str(caught.value)


@pytest.mark.fault(93)
def test_an_answer_that_drips_is_given_up_at_the_time_out_of_the_whole(url: str) -> None:
    """Every piece comes within any time-out per read: all of it would take minutes."""
    drip = Fault("drip", operation=GENERATE, seconds=0.1, bytes=1)

    error = _error(url, drip, timeout_s=3.0)

    assert type(error) is TransientError
    assert "Timeout" in str(error)


@pytest.mark.fault(93)
def test_an_answer_that_never_comes_is_given_up(url: str) -> None:
    error = _error(url, Fault("latency", operation=GENERATE, seconds=8), timeout_s=2.0)

    assert type(error) is TransientError
    assert "Timeout" in str(error)


@pytest.mark.fault(94)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("html", operation=GENERATE),
        Fault("empty", operation=GENERATE),
        Fault("truncate", operation=GENERATE),
        Fault("truncate", operation=GENERATE, bytes=10),
    ],
    ids=["a page", "nothing", "half", "ten bytes"],
)
def test_a_broken_200_is_asked_again_within_the_delivery(url: str, control: Control, fault: Fault) -> None:
    rig, model = _rig(url)
    event = rig.upload(task="caption")

    with control.planned(fault):
        analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert model.calls == 2


@pytest.mark.fault(66)
def test_a_model_that_repeats_itself_without_end_is_asked_twice_and_then_failed(url: str, control: Control) -> None:
    rig, model = _rig(url)
    event = rig.upload(task="segment")

    with control.planned(Fault("loop", operation=GENERATE, times=2)):
        analyze(event, rig.ports)

    document = rig.document(event, error=0)
    assert "MAX_TOKENS" in document["error"]["message"]
    assert model.calls == 2


@pytest.mark.fault(62, 63)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("blocked", operation=GENERATE, body="PROHIBITED_CONTENT"), "PROHIBITED_CONTENT"),
        (Fault("finish", operation=GENERATE, body="SAFETY", bytes=1), "SAFETY"),
        (Fault("finish", operation=GENERATE, body="SPII"), "SPII"),
    ],
    ids=["prompt", "answer", "personal data"],
)
def test_a_refusal_is_blocked_with_its_reason_and_one_call(
    url: str, control: Control, fault: Fault, reason: str
) -> None:
    rig, model = _rig(url)
    event = rig.upload(task="caption")

    with control.planned(fault):
        analyze(event, rig.ports)

    assert rig.document(event)["status"] == "blocked"
    assert reason in rig.document(event)["error"]["message"]
    assert model.calls == 1


@pytest.mark.fault(61, 82)
def test_a_request_offers_a_schema_and_no_tool_whatever_the_picture_asks_for() -> None:
    config = gemini._config(REQUEST, 30.0, version=None)

    assert (config.tools, config.tool_config) == (None, None)
    assert (config.response_mime_type, config.response_json_schema) == ("application/json", SCHEMA)
    assert config.automatic_function_calling is not None
    assert config.automatic_function_calling.disable is True


@pytest.mark.fault(95)
def test_while_uploads_are_down_an_image_travels_inline(url: str, control: Control) -> None:
    rig, _ = _rig(url, settings=FILE_LIMIT)
    event = rig.upload(task="caption")

    with control.planned(Fault("status", operation="files.start", status=503, times=3)):
        analyze(event, rig.ports)

    assert rig.document(event)["transport"]["kind"] == "inline"
    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(96, 97)
@pytest.mark.parametrize(("kind", "times"), [("processing", 1), ("failed", 2)])
def test_a_file_that_never_becomes_active_is_left_for_inline(
    url: str, control: Control, *, kind: str, times: int
) -> None:
    rig, _ = _rig(url, settings=FILE_LIMIT)
    event = rig.upload(data=picture(90, 60 + times), task="caption")

    with control.planned(Fault(kind, operation="files.finalize", times=times)):
        analyze(event, rig.ports)

    assert rig.document(event)["transport"]["kind"] == "inline"


@pytest.mark.fault(98)
def test_a_name_that_is_taken_is_told_from_other_refusals(url: str) -> None:
    model = _model(url)
    model.upload("files/uplook-taken", picture(), mime_type="image/jpeg", timeout_s=WAIT_S)

    with pytest.raises(AlreadyExistsError):
        model.upload("files/uplook-taken", picture(), mime_type="image/jpeg", timeout_s=WAIT_S)


@pytest.mark.fault(99)
def test_a_file_that_expires_between_upload_and_call_is_uploaded_once_more(url: str, control: Control) -> None:
    rig, _ = _rig(url, settings=FILE_LIMIT)
    event = rig.upload(data=picture(96, 72), task="caption")

    with control.planned(Fault("expired", operation="files.finalize")):
        analyze(event, rig.ports)

    assert rig.document(event)["transport"]["kind"] == "file"
    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(99)
def test_a_file_that_is_gone_is_unavailable_and_no_fault_of_the_deployment(url: str) -> None:
    gone = ReferencedImage(f"{url}/v1beta/files/uplook-gone", "image/jpeg")

    with pytest.raises(FileUnavailableError):
        _model(url).generate(dataclasses.replace(REQUEST, images=(gone,)), timeout_s=WAIT_S)


@pytest.mark.fault(100)
def test_a_full_quota_of_stored_files_asks_for_a_wait_that_is_capped() -> None:
    with running("gemini", "--files-quota-mb", "0") as full, pytest.raises(ThrottledError) as refused:
        _model(full).upload("files/uplook-one", picture(), mime_type="image/jpeg", timeout_s=WAIT_S)

    assert refused.value.retry_after_s == MAX_RETRY_AFTER_S


@pytest.mark.fault(89)
def test_bytes_that_are_no_image_are_refused_for_good(url: str) -> None:
    junk = dataclasses.replace(REQUEST, images=(InlineImage(b"\xff\xd8\xff no jpeg", "image/jpeg"),))

    with pytest.raises(ModelRejectedError):
        _model(url).generate(junk, timeout_s=WAIT_S)
