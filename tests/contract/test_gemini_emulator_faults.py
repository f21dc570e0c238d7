"""Faults on demand, seen by the unmodified SDK; `Control.planned` insists that each was really hit."""

from __future__ import annotations

import io
import json
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.genai import errors, types

from infra.emulators import Fault
from tests.contract.gemini_rig import KEY, PICTURES, connected, generate, part
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from google.genai import Client

    from infra.emulators import Control

pytest_plugins = ["tests.contract.gemini_fixtures"]

PNG = PICTURES["image/png"]
MODEL = "gemini-3.8-flash"


def describe(client: Client, **config: Any) -> Any:
    return generate(client, part(), "Describe", **config)


def calls(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx2.get(f"{url}/_control/calls", timeout=WAIT_S).json()["calls"]
    return found


def upload(client: Client, name: str) -> types.File:
    config = types.UploadFileConfig(mime_type="image/png", name=name)
    return client.files.upload(file=io.BytesIO(PNG), config=config)


def refused(act: Any) -> errors.APIError:
    with pytest.raises(errors.APIError) as refusal:
        act()
    return refusal.value


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504])
def test_a_status_of_any_code_is_answered_once(client: Client, control: Control, url: str, status: int) -> None:
    with control.planned(Fault("status", operation="models.generateContent", subject=MODEL, status=status)):
        error = refused(lambda: describe(client))
    assert (error.code, error.message) == (status, f"Planned fault: {status}.")
    assert "orange" in describe(client).text
    assert [call["status"] for call in httpx2.get(f"{url}/_control/calls", timeout=WAIT_S).json()["calls"]] == [
        status,
        200,
    ]


def test_a_status_says_when_to_try_again_in_the_body_and_in_a_header(client: Client, control: Control) -> None:
    with control.planned(Fault("status", status=429, seconds=7)):
        error = refused(lambda: describe(client))
    assert error.details["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    ]
    assert error.response.headers["retry-after"] == "7"


def test_a_status_sends_a_body_of_ones_own(client: Client, control: Control) -> None:
    with control.planned(Fault("status", status=400, body={"error": {"code": 400, "message": "m", "status": "S"}})):
        error = refused(lambda: describe(client))
    assert (error.status, error.message) == ("S", "m")


def test_a_used_up_daily_quota_is_told_by_its_id(client: Client, control: Control) -> None:
    with control.planned(Fault("quota", operation="models.generateContent", seconds=3600)):
        error = refused(lambda: describe(client))
    failure, retry = error.details["error"]["details"]
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
    assert failure["violations"][0]["quotaId"] == "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    assert failure["violations"][0]["quotaDimensions"]["model"] == MODEL
    assert retry["retryDelay"] == "3600s"


def test_the_clients_own_retries_get_past_two_failures(url: str, control: Control) -> None:
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02)
    with connected(url, retry_options=retries) as client, control.planned(Fault("status", status=503, times=2)):
        assert "orange" in describe(client).text


def test_latency_outlasts_an_impatient_client(client: Client, url: str, control: Control) -> None:
    with connected(url, timeout=2000) as impatient:
        with control.planned(Fault("latency", seconds=5)), pytest.raises(httpx2.TimeoutException):
            describe(impatient)
        assert len(list(client.models.list())) > 10
    wait_until(lambda: calls(url), "the call that was hung up on, which is logged when it ends")


def test_who_is_held_goes_on_as_soon_as_the_rule_is_removed(client: Client, control: Control) -> None:
    rule = control.add(Fault("hold", operation="models.generateContent", times=0, seconds=WAIT_S))
    other = control.add(Fault("hold", operation="files.get", seconds=WAIT_S))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(describe, client)
        wait_until(lambda: control.faults()[0]["hits"], "the call that is held")
        assert not asked.done()
        control.remove(rule)
        assert "orange" in asked.result(WAIT_S).text
    assert [each["id"] for each in control.faults()] == [other]


def test_who_is_held_goes_on_after_the_seconds_that_the_rule_allows(client: Client, control: Control) -> None:
    with control.planned(Fault("hold", operation="models.generateContent", seconds=0.2)):
        assert "orange" in describe(client).text


def test_a_rule_is_removed_by_its_number(control: Control) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        control.call("DELETE", "/_control/faults?id=all")
    with refused.value as answer:
        assert json.load(answer)["error"] == "id: expected the number of a rule, found 'all'"


@pytest.mark.parametrize("size", [0, 40])
def test_a_reset_breaks_the_connection(client: Client, control: Control, url: str, size: int) -> None:
    with control.planned(Fault("reset", operation="models.generateContent", bytes=size)):
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            describe(client)
        assert "orange" in describe(client).text
    first = calls(url)[0]
    assert (first["status"], len(first["images"])) == ((499, 0) if size == 0 else (200, 1))


def test_a_lost_answer_was_paid_for(client: Client, control: Control, url: str) -> None:
    with (
        control.planned(Fault("lost", operation="models.generateContent")),
        pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)),
    ):
        describe(client)
    assert calls(url)[0]["status"] == 200


@pytest.mark.parametrize("size", [0, 10])
def test_a_truncated_body_is_shorter_than_announced(client: Client, control: Control, size: int) -> None:
    with (
        control.planned(Fault("truncate", operation="models.generateContent", bytes=size)),
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        describe(client)


def test_a_drip_arrives_whole_and_outlives_the_clients_timeout_per_read(url: str, control: Control) -> None:
    drip = Fault("drip", operation="models.generateContent", seconds=0.05, bytes=20)
    with connected(url, timeout=3000) as client, control.planned(drip):
        assert "orange" in describe(client).text


def test_an_answer_without_a_body_raises_nothing_and_says_nothing(client: Client, control: Control) -> None:
    with control.planned(Fault("empty", operation="models.generateContent")):
        assert describe(client).candidates is None


def test_a_page_instead_of_an_answer_is_no_json(client: Client, control: Control) -> None:
    with control.planned(Fault("html", operation="models.generateContent")), pytest.raises(json.JSONDecodeError):
        describe(client)


@pytest.mark.parametrize("reason", [None, "PROHIBITED_CONTENT"])
def test_a_blocked_prompt_has_no_candidates(client: Client, control: Control, reason: str | None) -> None:
    with control.planned(Fault("blocked", body=reason)):
        answer = describe(client)
    assert (answer.text, answer.candidates) == (None, None)
    assert answer.prompt_feedback.block_reason == (reason or "SAFETY")
    assert answer.usage_metadata.candidates_token_count == 0


@pytest.mark.parametrize(
    ("fault", "reason", "text"),
    [
        (Fault("finish"), "MAX_TOKENS", None),
        (Fault("finish", bytes=6), "MAX_TOKENS", "A dark"),
        (Fault("finish", body="RECITATION"), "RECITATION", None),
        (Fault("finish", body="SAFETY", bytes=1), "SAFETY", "A"),
    ],
)
def test_an_answer_ends_for_any_reason_with_or_without_text(
    client: Client, control: Control, *, fault: Fault, reason: str, text: str | None
) -> None:
    with control.planned(fault):
        answer = describe(client)
    assert (answer.candidates[0].finish_reason, answer.text) == (reason, text)


def test_another_model_served(client: Client, control: Control) -> None:
    with control.planned(Fault("model", body="gemini-x")):
        assert describe(client).model_version == "gemini-x"


def test_a_loop_repeats_base64_without_ever_closing_it(client: Client, control: Control) -> None:
    with control.planned(Fault("loop", bytes=5000)):
        answer = describe(client)
    assert len(answer.text) == 5000
    start, _, mask = answer.text.partition('"mask": "data:image/png;base64,')
    assert start.startswith('[{"box_2d"')
    assert (mask.count("4+Pj") > 1000, '"' in mask) == (True, False)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_a_stream_is_bent_like_a_call(client: Client, control: Control) -> None:
    with control.planned(Fault("blocked"), Fault("finish", bytes=6)):
        blocked, cut = (list(client.models.generate_content_stream(model=MODEL, contents=part())) for _ in range(2))
    assert [piece.prompt_feedback.block_reason for piece in blocked if piece.prompt_feedback] == ["SAFETY"]
    assert "".join(str(piece.text) for piece in cut) == "A dark"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "oops"}, "kind: expected one of"),
        ({"kind": "blocked", "operation": "files.*"}, "blocked works on models.generateContent"),
        ({"kind": "failed", "operation": "models.*"}, "failed works on files.finalize"),
        ({"kind": "latency", "operation": "model"}, "operation: expected a pattern over"),
        ({"kind": "status"}, "status: expected 400 to 599, found 0"),
        ({"kind": "model"}, "body: model expects the name"),
        ({"kind": "finish", "body": 7}, "body: finish expects a text, found 7"),
    ],
)
def test_a_rule_that_could_do_nothing_is_refused(url: str, rule: dict[str, Any], words: str) -> None:
    refusal = httpx2.post(f"{url}/_control/faults", json=rule, timeout=WAIT_S)
    assert (refusal.status_code, words in refusal.json()["error"]) == (400, True)


def test_every_operation_has_its_name(client: Client, control: Control, url: str) -> None:
    file = upload(client, "named")
    acts = {
        "models.countTokens": lambda: client.models.count_tokens(model=MODEL, contents="x"),
        "models.list": client.models.list,
        "models.get": lambda: client.models.get(model=MODEL),
        "files.get": lambda: client.files.get(name="named"),
        "files.list": client.files.list,
        "files.delete": lambda: client.files.delete(name="named"),
        "files.register": lambda: _post(url, "files:register"),
        "files.download": lambda: _get(url, f"{file.name}:download"),
        "batches.create": lambda: _post(url, f"models/{MODEL}:batchGenerateContent"),
        "batches.get": lambda: client.batches.get(name="batches/b"),
        "batches.list": client.batches.list,
        "batches.cancel": lambda: client.batches.cancel(name="batches/b"),
        "batches.delete": lambda: client.batches.delete(name="batches/b"),
    }
    for operation, act in acts.items():
        with control.planned(Fault("status", operation=operation, status=599)):
            assert refused(act).code == 599, operation


def _post(url: str, path: str) -> None:
    headers = {**KEY, "authorization": "Bearer t"}
    errors.APIError.raise_for_response(httpx2.post(f"{url}/v1/{path}", json={}, headers=headers, timeout=WAIT_S))


def _get(url: str, path: str) -> None:
    errors.APIError.raise_for_response(httpx2.get(f"{url}/v1/{path}", headers=KEY, timeout=WAIT_S))
