"""Batch jobs through the unmodified SDK, by both of its halves."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.genai import errors, types

from infra.emulators import Fault
from tests.contract.gemini_rig import KEY, PICTURES, connected, post
from tests.contract.gemini_wire import Recorder
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from google.genai import Client

    from infra.emulators import Control

pytest_plugins = ["tests.contract.gemini_fixtures"]

PNG = PICTURES["image/png"]
MODEL = "gemini-3.8-flash"
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_CANCELLED", "JOB_STATE_FAILED")


def inlined(*keys: str, data: bytes = PNG) -> Any:
    picture = {"inline_data": {"data": data, "mime_type": "image/png"}}
    contents = [{"parts": [picture, {"text": "Describe"}], "role": "user"}]
    return [{"contents": contents, "metadata": {"key": key}} for key in keys]


def finished(client: Client, job: Any) -> Any:
    latest = [job]

    def ended() -> bool:
        latest[0] = client.batches.get(name=str(job.name))
        return str(latest[0].state.value) in ENDED

    wait_until(ended, "end of the job", seen=lambda: latest[0].state)
    return latest[0]


def lines(*documents: Any) -> io.BytesIO:
    return io.BytesIO("".join(f"{json.dumps(each)}\n" for each in documents).encode())


def request(uri: str) -> dict[str, Any]:
    return {
        "contents": [{"parts": [{"file_data": {"file_uri": uri, "mime_type": "image/png"}}, {"text": "Describe"}]}],
        "generation_config": {"max_output_tokens": 900},
    }


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_an_inline_batch_is_created_as_recorded_and_its_metadata_is_echoed(
    client: Client, url: str, asynchronous: bool
) -> None:
    recorder = Recorder(url)
    config = {"display_name": "d"}
    job = recorder.call(
        lambda half: half.batches.create(model=MODEL, src=inlined("k1", "k2"), config=config),
        asynchronous=asynchronous,
    )
    assert recorder.sent[0].path == f"/v1/models/{MODEL}:batchGenerateContent"
    batch = recorder.sent[0].body["batch"]
    assert batch["displayName"] == "d"
    assert [each["metadata"] for each in batch["inputConfig"]["requests"]["requests"]] == [{"key": "k1"}, {"key": "k2"}]
    assert (job.state, job.display_name, job.model) == ("JOB_STATE_PENDING", "d", f"models/{MODEL}")

    done = finished(client, job)
    assert done.state == types.JobState.JOB_STATE_SUCCEEDED
    responses = done.dest.inlined_responses
    assert [each.metadata for each in responses] == [{"key": "k1"}, {"key": "k2"}]
    assert ["bright orange region" in each.response.text for each in responses] == [True, True]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_get_list_cancel_and_delete_are_made_as_recorded(client: Client, url: str, asynchronous: bool) -> None:
    job = finished(client, client.batches.create(model=MODEL, src=inlined("k1")))
    recorder = Recorder(url)
    got = recorder.call(lambda half: half.batches.get(name=job.name), asynchronous=asynchronous)
    recorder.call(lambda half: half.batches.cancel(name=job.name), asynchronous=asynchronous)
    recorder.call(lambda half: half.batches.delete(name=job.name), asynchronous=asynchronous)
    assert [(sent.method, sent.path, sent.body) for sent in recorder.sent] == [
        ("GET", f"/v1/{job.name}", b""),
        ("POST", f"/v1/{job.name}:cancel", b""),
        ("DELETE", f"/v1/{job.name}", b""),
    ]
    assert got == job
    with pytest.raises(errors.ClientError) as refusal:
        client.batches.get(name=str(job.name))
    assert (refusal.value.code, refusal.value.status) == (404, "NOT_FOUND")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_batch_from_a_file_answers_in_a_file_that_can_be_downloaded(
    client: Client, url: str, asynchronous: bool
) -> None:
    image = client.files.upload(file=io.BytesIO(PNG), config={"mime_type": "image/png"})
    source = client.files.upload(
        file=lines(
            {"key": "good", "request": request(str(image.uri))},
            {"key": "gone", "request": request(f"{url}/v1/files/gone")},
            {"no": "request"},
        ),
        config={"mime_type": "application/jsonl"},
    )
    recorder = Recorder(url)
    job = recorder.call(
        lambda half: half.batches.create(
            model=MODEL,
            src=source.name,
            config={"webhook_config": {"uris": ["https://w.invalid/x"], "user_metadata": {"a": "1"}}},
        ),
        asynchronous=asynchronous,
    )
    assert recorder.sent[0].body["batch"]["inputConfig"] == {"fileName": source.name}
    assert recorder.sent[0].body["batch"]["webhookConfig"]["uris"] == ["https://w.invalid/x"]
    done = finished(client, job)
    assert done.dest.file_name == f"files/batch-{job.name.removeprefix('batches/')}"
    data = recorder.call(lambda half: half.files.download(file=done.dest.file_name), asynchronous=asynchronous)
    assert recorder.sent[-1].path == f"/v1/{done.dest.file_name}:download?alt=media"
    good, gone, bad = [json.loads(line) for line in data.splitlines()]
    assert "bright orange" in good["response"]["candidates"][0]["content"]["parts"][0]["text"]
    assert (good["key"], gone["key"]) == ("good", "gone")
    assert gone["error"]["code"] == 7
    assert (bad["error"]["code"], bad["error"]["message"][:7]) == (3, "Line 3:")


def test_one_line_fails_inside_a_job_that_succeeds(client: Client, control: Control) -> None:
    with control.planned(Fault("status", operation="batches.line", subject="k2", status=503)):
        done = finished(client, client.batches.create(model=MODEL, src=inlined("k1", "k2", "k3")))
    assert done.state == types.JobState.JOB_STATE_SUCCEEDED
    assert [each.error.code if each.error else None for each in done.dest.inlined_responses] == [None, 14, None]
    assert done.dest.inlined_responses[1].metadata == {"key": "k2"}


def test_a_line_with_a_bad_image_fails_alone_and_every_line_counts_as_a_call(client: Client, url: str) -> None:
    source = [*inlined("good"), *inlined("bad", data=b"nonsense")]
    done = finished(client, client.batches.create(model=MODEL, src=source))
    assert [each.error is None for each in done.dest.inlined_responses] == [True, False]
    assert done.dest.inlined_responses[1].error.code == 3
    assert [call["status"] for call in httpx2.get(f"{url}/_control/calls", timeout=WAIT_S).json()["calls"]] == [
        200,
        400,
    ]


def test_a_job_is_pending_then_running_then_done() -> None:
    with running("gemini", "--batch-seconds", "0.8") as slow, connected(slow) as client:
        job = client.batches.create(model=MODEL, src=inlined("k1"))
        states = [job.state]

        def watch() -> bool:
            states.append(client.batches.get(name=str(job.name)).state)
            return states[-1] == types.JobState.JOB_STATE_SUCCEEDED

        wait_until(watch, "success", seen=lambda: states)
    assert list(dict.fromkeys(states)) == ["JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"]


def test_a_cancelled_job_stays_cancelled_and_has_no_output() -> None:
    with running("gemini", "--batch-seconds", "60") as slow, connected(slow) as client:
        job = client.batches.create(model=MODEL, src=inlined("k1"))
        client.batches.cancel(name=str(job.name))
        job = client.batches.get(name=str(job.name))
    assert (job.state, job.dest) == (types.JobState.JOB_STATE_CANCELLED, None)
    assert job.end_time is not None


def test_jobs_are_listed_in_pages_each_once(client: Client) -> None:
    names = [client.batches.create(model=MODEL, src=inlined("k")).name for _ in range(4)]
    assert [job.name for job in client.batches.list(config={"page_size": 2})] == names


@pytest.mark.parametrize(
    ("model", "config", "code"),
    [
        ("gemini-9", {"requests": {"requests": [{"request": {}}]}}, 404),
        (MODEL, {"requests": {"requests": []}}, 400),
        (MODEL, {}, 400),
        (MODEL, {"fileName": "files/none"}, 403),
        (MODEL, {"other": 1}, 400),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(url: str, model: str, config: Any, code: int) -> None:
    refusal = post(url, f"/v1/models/{model}:batchGenerateContent", {"batch": {"inputConfig": config}})
    assert refusal.status_code == code


def test_an_uploaded_file_cannot_be_downloaded(client: Client, url: str) -> None:
    file = client.files.upload(file=io.BytesIO(PNG), config={"mime_type": "image/png"})
    refusal = httpx2.get(f"{url}/v1/{file.name}:download?alt=media", headers=KEY, timeout=WAIT_S)
    assert (refusal.status_code, "only generated files" in refusal.text) == (400, True)
