"""Batch jobs on Vertex, from a bucket into it, by both halves of the unmodified SDK."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.cloud import storage as gcs
from google.genai import types

from tests.contract.gemini_rig import PICTURES
from tests.contract.gemini_wire import Recorder
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = PICTURES["image/png"]
MODEL = "gemini-3.8-flash"
JOBS = "/v1beta1/projects/p1/locations/global/batchPredictionJobs"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with running("storage", "--bucket", "photos") as address:
        yield address


@pytest.fixture(scope="module")
def url(bucket: str) -> Iterator[str]:
    with running("gemini", "--storage", bucket) as address:
        yield address


def lines(*documents: Any) -> io.BytesIO:
    return io.BytesIO("".join(f"{json.dumps(each)}\n" for each in documents).encode())


def request(address: str) -> dict[str, Any]:
    file = {"file_data": {"file_uri": address, "mime_type": "image/png"}}
    return {"contents": [{"role": "user", "parts": [file, {"text": "Describe"}]}]}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_batch_on_vertex_reads_from_a_bucket_and_writes_to_it(
    url: str, bucket: str, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket)
    photos = gcs.Client.create_anonymous_client().bucket("photos")
    photos.blob("disc.png").upload_from_string(PNG, "image/png")
    photos.blob("in.jsonl").upload_from_file(lines({"request": request("gs://photos/disc.png")}, {"request": {}}))
    recorder = Recorder(url)
    job = recorder.call(
        lambda half: half.batches.create(
            model=MODEL, src="gs://photos/in.jsonl", config={"dest": "gs://photos/out", "display_name": "d"}
        ),
        asynchronous=asynchronous,
        vertex=True,
    )
    [sent] = recorder.sent
    assert (sent.method, sent.path) == ("POST", "/v1beta1/projects/p1/locations/global/batchPredictionJobs")
    assert sent.body["model"] == f"publishers/google/models/{MODEL}"
    assert sent.body["inputConfig"] == {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://photos/in.jsonl"]}}
    assert sent.body["outputConfig"]["gcsDestination"] == {"outputUriPrefix": "gs://photos/out"}
    latest = [job]

    def done() -> bool:
        latest[0] = recorder.call(lambda half: half.batches.get(name=job.name), asynchronous=asynchronous, vertex=True)
        return bool(latest[0].state == types.JobState.JOB_STATE_SUCCEEDED)

    wait_until(done, "predictions", seen=lambda: latest[0].state)
    directory = latest[0].output_info.gcs_output_directory
    written = photos.blob(f"{directory.removeprefix('gs://photos/')}/predictions.jsonl").download_as_bytes()
    good, bad = [json.loads(line) for line in written.splitlines()]
    assert "bright orange" in good["response"]["candidates"][0]["content"]["parts"][0]["text"]
    assert (good["status"], bad["response"]) == ("", {})
    assert "contents is not specified" in bad["status"]
    recorder.call(lambda half: half.batches.delete(name=job.name), asynchronous=asynchronous, vertex=True)


def test_a_job_without_a_place_to_write_to_is_refused(url: str) -> None:
    body = {"model": f"publishers/google/models/{MODEL}", "inputConfig": {"gcsSource": {"uris": ["gs://photos/a"]}}}
    refusal = httpx2.post(url + JOBS, json=body, headers={"authorization": "Bearer t"}, timeout=WAIT_S)
    assert (refusal.status_code, "outputConfig.gcsDestination" in refusal.text) == (400, True)


def test_a_job_that_cannot_write_its_answers_fails_and_says_why(
    url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket)
    blob = gcs.Client.create_anonymous_client().bucket("photos").blob("one.jsonl")
    blob.upload_from_file(lines({"request": {}}))
    recorder = Recorder(url)

    def submit(client: Any) -> Any:
        job = client.batches.create(model=MODEL, src="gs://photos/one.jsonl", config={"dest": "gs://nowhere/out"})
        wait_until(lambda: client.batches.get(name=job.name).state == types.JobState.JOB_STATE_FAILED, "failure")
        return client.batches.get(name=job.name)

    job = recorder.call(submit, asynchronous=False, vertex=True)
    assert (job.error.code, "gs://nowhere/out/prediction-model-" in job.error.message) == (5, True)
