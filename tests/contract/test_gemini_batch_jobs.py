"""The adapter of batch jobs over the unmodified SDK and the emulator, on both back ends; and what its lines say."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators import Control, Fault
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey, OnVertex
from shared.adapters.gemini_batches import GeminiBatches
from shared.adapters.storage import GoogleStorage
from shared.core.errors import ConfigurationError, FileUnavailableError, UplookError
from shared.core.gemini import batches
from shared.core.gemini.request import InlineImage, ModelRequest, ReferencedImage
from shared.core.gemini.wire import request_document
from tests.contract import test_gemini_settings
from tests.contract.gemini_rig import PICTURES
from tests.services import running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.gemini.batches import BatchJob

PNG = PICTURES["image/png"]
MODEL = "gemini-3.8-flash"
TIMEOUT_S = 60.0
LINES = ("a", "b", "c")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with running("storage", "--bucket", "work") as address:
        yield address


@pytest.fixture(scope="module")
def url(bucket: str) -> Iterator[str]:
    with running("gemini", "--storage", bucket, "--batch-seconds", "0.2") as address:
        yield address


def ended(service: GeminiBatches, job: BatchJob) -> BatchJob:
    latest = [job]

    def look() -> bool:
        latest[0] = service.get(job.name, timeout_s=TIMEOUT_S) or job
        return latest[0].ended

    wait_until(look, "end of the job", seen=lambda: latest[0])
    return latest[0]


def request(image: Any) -> ModelRequest:
    return ModelRequest(MODEL, "Describe", (image,), 900)


def line(line_id: str, image: Any, backend: Any) -> bytes:
    document = request_document(request(image), labels=batches.labels_of(line_id, backend))
    return batches.job_line(line_id, json.dumps(document).encode(), backend)


def test_the_developer_api_takes_lines_by_a_file_and_answers_in_a_file(url: str) -> None:
    service = GeminiBatches(ByKey("local"), base_url=url, connections=2)
    model = GeminiModel(ByKey("local"), base_url=url, connections=2)
    good, bad = (line(name, InlineImage(data, "image/png"), "developer") for name, data in (("a", PNG), ("b", b"x")))
    model.upload("files/lines-1", good + b"\n" + bad + b"\n", mime_type="application/jsonl", timeout_s=TIMEOUT_S)
    job = service.create(
        model=MODEL, source="files/lines-1", destination=None, display_name="uplook-1", timeout_s=TIMEOUT_S
    )
    assert (job.state, job.display_name, job.ended) == ("PENDING", "uplook-1", False)
    assert [each.name for each in service.find("uplook-1", timeout_s=TIMEOUT_S)] == [job.name]
    assert service.find("uplook-2", timeout_s=TIMEOUT_S) == []

    done = ended(service, job)
    assert done.answers is not None
    data = service.download(done.answers, timeout_s=TIMEOUT_S)
    found = batches.read_answers((data or b"").splitlines(), {"a", "b"}, "developer").by_line
    assert "bright orange" in json.dumps(found["a"].response)
    assert (found["b"].response, found["b"].passing) == (None, False)
    model.delete_file(done.answers, timeout_s=TIMEOUT_S)
    with pytest.raises(FileUnavailableError):
        service.download(done.answers, timeout_s=TIMEOUT_S)


def test_vertex_takes_lines_from_a_bucket_and_answers_into_it_and_a_label_tells_them_apart(
    url: str, bucket: str
) -> None:
    service = GeminiBatches(OnVertex("p1", "global"), base_url=url, connections=2)
    store = GoogleStorage(project="p1", emulator_host=bucket, connections=2)
    store.create("work", "photos/disc.png", PNG, content_type="image/png")
    there, gone = (
        line(name, ReferencedImage(f"gs://work/photos/{file}", "image/png"), "vertex")
        for name, file in (("a", "disc.png"), ("b", "gone.png"))
    )
    store.create("work", "batches/files/d/input.jsonl", there + b"\n" + gone + b"\n", content_type="application/jsonl")
    job = service.create(
        model=MODEL,
        source="gs://work/batches/files/d/input.jsonl",
        destination="gs://work/batches/files/d/answers/",
        display_name="uplook-3",
        timeout_s=TIMEOUT_S,
    )
    assert [each.name for each in service.find("uplook-3", timeout_s=TIMEOUT_S)] == [job.name]

    assert ended(service, job).state == "SUCCEEDED"
    (name,) = store.list_names("work", "batches/files/d/answers/")
    texts = store.read("work", name, max_bytes=10**7).splitlines()
    found = batches.read_answers(texts, {"a", "b"}, "vertex").by_line
    assert "bright orange" in json.dumps(found["a"].response)
    assert found["b"].response is None


@dataclass
class Backend:
    """One of both, with jobs of three lines of the same picture."""

    name: Any
    url: str
    bucket: str

    def __post_init__(self) -> None:
        access = ByKey("local") if self.name == "developer" else OnVertex("p1", "global")
        self.service = GeminiBatches(access, base_url=self.url, connections=2)
        self._store = GoogleStorage(project="p1", emulator_host=self.bucket, connections=2)

    def begin(self) -> BatchJob:
        """Create a job."""
        self.file = f"files/faulty-{uuid.uuid4().hex[:12]}"
        name, destination = self.file, None
        data = b"\n".join(line(each, InlineImage(PNG, "image/png"), self.name) for each in LINES)
        if self.name == "developer":
            model = GeminiModel(ByKey("local"), base_url=self.url, connections=2)
            model.upload(name, data, mime_type="application/jsonl", timeout_s=TIMEOUT_S)
        else:
            self._store.create("work", f"{name}/input.jsonl", data, content_type="application/jsonl")
            name, destination = f"gs://work/{name}/input.jsonl", f"gs://work/{name}/answers/"
        return self.service.create(
            model=MODEL, source=name, destination=destination, display_name="faulty", timeout_s=TIMEOUT_S
        )

    def output(self, job: BatchJob) -> list[bytes]:
        """Return the lines of a job's output; none where there is none."""
        if self.name == "developer":
            data = self.service.download(job.answers, timeout_s=TIMEOUT_S) if job.answers else None
            return (data or b"").splitlines()
        names = self._store.list_names("work", f"{self.file}/answers/")
        return [text for name in names for text in self._store.read("work", name, max_bytes=10**7).splitlines()]


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest, url: str, bucket: str) -> Backend:
    return Backend(request.param, url, bucket)


CASES: dict[str, tuple[list[Fault], str, list[str], int]] = {
    "nothing": ([], "SUCCEEDED", ["a", "b", "c"], 0),
    "in another order": ([Fault("reordered")], "SUCCEEDED", ["c", "b", "a"], 0),
    "a line is missing": ([Fault("missing", skip=1)], "SUCCEEDED", ["a", "c"], 0),
    "a line is there twice": ([Fault("doubled")], "SUCCEEDED", ["a", "b", "c"], 1),
    "it expires": ([Fault("ends", bytes=2)], "EXPIRED", ["a", "b"], 0),
    "a part": ([Fault("ends", body="PARTIALLY_SUCCEEDED", bytes=1)], "PARTIALLY_SUCCEEDED", ["a"], 0),
    "it fails": ([Fault("ends", body="FAILED")], "FAILED", [], 0),
    "it is cancelled": ([Fault("ends", body="CANCELLED")], "CANCELLED", [], 0),
    "two at once": ([Fault("ends", bytes=3), Fault("doubled", skip=2)], "EXPIRED", ["a", "b", "c"], 1),
}


BOTH_AND_CASES = [("developer", case) for case in CASES if case != "a part"] + [("vertex", case) for case in CASES]
"""The Developer API has no such state."""


@pytest.mark.parametrize(("backend", "case"), BOTH_AND_CASES, indirect=["backend"])
def test_a_job_ends_as_its_faults_say_and_its_output_is_read_for_what_it_is(backend: Backend, case: str) -> None:
    faults, state, answered, doubled = CASES[case]
    control = Control(backend.url)
    before = control.call("GET", "/_control/calls")["lines"]
    with control.planned(*faults):
        job = ended(backend.service, backend.begin())
    found = batches.read_answers(backend.output(job), LINES, backend.name)

    assert (job.state, list(found.by_line), found.doubled) == (state, answered, doubled)
    assert (found.unknown, found.unreadable) == (0, 0)
    assert all(each.response for each in found.by_line.values())
    assert control.call("GET", "/_control/calls")["lines"] - before == len(answered)


@pytest.mark.parametrize("access", [ByKey("local"), OnVertex("p1", "global")], ids=["developer", "vertex"])
def test_a_job_that_is_not_there_is_told_as_gone_and_to_cancel_it_is_no_error(url: str, access: Any) -> None:
    service = GeminiBatches(access, base_url=url, connections=2)
    name = "batches/none" if isinstance(access, ByKey) else "projects/p1/locations/global/batchPredictionJobs/1"
    assert service.get(name, timeout_s=TIMEOUT_S) is None
    service.cancel(name, timeout_s=TIMEOUT_S)


def test_a_job_is_cancelled_and_one_that_has_ended_stays_as_it_is(url: str) -> None:
    service = GeminiBatches(ByKey("local"), base_url=url, connections=2)
    model = GeminiModel(ByKey("local"), base_url=url, connections=2)
    data = line("a", InlineImage(PNG, "image/png"), "developer")
    model.upload("files/lines-2", data, mime_type="application/jsonl", timeout_s=TIMEOUT_S)
    job = service.create(model=MODEL, source="files/lines-2", destination=None, display_name="d", timeout_s=TIMEOUT_S)
    service.cancel(job.name, timeout_s=TIMEOUT_S)
    service.cancel(job.name, timeout_s=TIMEOUT_S)
    cancelled = service.get(job.name, timeout_s=TIMEOUT_S)
    assert cancelled is not None
    assert (cancelled.state, cancelled.answers) == ("CANCELLED", None)


@pytest.mark.parametrize(
    ("model", "source", "error"),
    [("gemini-9", "files/lines-1", ConfigurationError), (MODEL, "files/none", UplookError)],
)
def test_a_job_that_makes_no_sense_is_refused_in_our_words(url: str, model: str, source: str, error: Any) -> None:
    service = GeminiBatches(ByKey("local"), base_url=url, connections=2)
    with pytest.raises(error):
        service.create(model=model, source=source, destination=None, display_name="d", timeout_s=TIMEOUT_S)


def _camel(value: Any) -> Any:
    """Return a body with all names in one spelling, and base64 in one alphabet."""
    if isinstance(value, dict):
        return {_name(key): _camel(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_camel(each) for each in value]
    return value


def _name(key: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), key)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"schema": {"type": "object", "properties": {"caption": {"type": "string"}}}},
        {"thinking_level": "low", "temperature": 0.5, "system_instruction": "Be kind.", "text_last": False},
        {"thinking_budget": 0, "media_resolution": "medium"},
        {"media_resolution": "ultra_high", "safety": (("HARM_CATEGORY_HARASSMENT", "BLOCK_ONLY_HIGH"),)},
    ],
)
def test_a_line_asks_in_the_very_words_in_which_the_sdk_calls(settings: dict[str, Any]) -> None:
    called = _camel(test_gemini_settings._sent(**settings))
    written = _camel(request_document(test_gemini_settings._request(**settings)))
    for body in (called, written):
        for part in body["contents"][0]["parts"]:
            if "inlineData" in part:
                part["inlineData"]["data"] = part["inlineData"]["data"].replace("-", "+").replace("_", "/")
    assert written == called
