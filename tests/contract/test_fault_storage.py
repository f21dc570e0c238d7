"""Cloud Storage's odder moments, through the real adapter and a whole delivery over real sockets."""

from __future__ import annotations

import dataclasses
import gzip
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators import Control, Fault
from infra.local.resources import storage_client
from shared.core.errors import NotFoundError, TransientError
from shared.core.events.envelopes import format_image_event, parse_upload
from shared.core.gemini.request import InlineImage
from shared.core.planning.plan import idempotency_key
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.worker.analyze import analyze
from tests.contract.storage_rig import adapter
from tests.rig import SETTINGS, Rig, picture
from tests.services import running
from tests.unit.test_adapter_storage_errors import CSEK, KMS, KMS_OFF, PAYS, ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.storage import Blob, Client

    from shared.core.events.envelopes import ImageEvent


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage") as address:
        yield address


@dataclass(frozen=True)
class Deployment:
    """A rig whose store is the emulator, with buckets of its own."""

    rig: Rig
    uploads: str
    url: str
    client: Client

    def blob(self, name: str = "cat.jpg") -> Blob:
        return self.client.bucket(self.uploads).blob(name)

    def event(self, blob: Blob) -> ImageEvent:
        """Return the caption event of an uploaded object, as its own resource describes it."""
        blob.reload()
        return self.rig.event_of(parse_upload(blob._properties).source, "caption")


@pytest.fixture
def deployment(url: str) -> Iterator[Deployment]:
    client, suffix = storage_client(url), uuid.uuid4().hex[:8]
    uploads, results, work = (client.create_bucket(f"{kind}-{suffix}").name for kind in ("uploads", "results", "work"))
    settings = dataclasses.replace(SETTINGS, upload_buckets=(uploads,), results_bucket=results, work_bucket=work)
    rig = Rig(settings=settings)
    store = adapter(url, retry_s=1)  # most of these faults stay: who waits for their end waits in vain
    rig.store = store  # type: ignore[assignment]
    rig.ports = dataclasses.replace(rig.ports, store=store)
    yield Deployment(rig, uploads, url, client)
    Control(url).clear()
    for each in (client, store._client):
        each.close()


@pytest.mark.fault(18)
def test_an_image_that_is_overwritten_between_event_and_download_is_superseded(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    deployment.blob().upload_from_string(picture(40, 30), content_type="image/jpeg")

    analyze(event, deployment.rig.ports)

    assert deployment.rig.document(event)["error"]["code"] == "superseded"
    assert deployment.rig.model.requests == []


@pytest.mark.fault(19)
def test_changed_metadata_leave_the_generation_and_the_work_as_they_were(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    blob.metadata = {"owner": "somebody else"}
    blob.content_type = "text/plain"
    blob.patch()

    analyze(event, deployment.rig.ports)

    assert deployment.rig.document(event)["status"] == "ok"
    assert idempotency_key(deployment.event(blob)) == idempotency_key(event)


@pytest.mark.fault(20)
def test_a_restored_object_is_a_new_image_with_a_result_of_its_own(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    lost = deployment.event(blob)
    blob.delete()
    analyze(lost, deployment.rig.ports)
    restored = deployment.client.bucket(deployment.uploads).restore_blob("cat.jpg", generation=lost.source.generation)
    event = deployment.event(restored)

    analyze(event, deployment.rig.ports)

    assert deployment.rig.document(lost)["error"]["code"] == "gone"
    assert deployment.rig.document(event)["status"] == "ok"


@pytest.mark.fault(33)
def test_an_object_with_content_encoding_gzip_is_read_as_stored_and_decoded(deployment: Deployment) -> None:
    packed, blob = gzip.compress(picture()), deployment.blob()
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type="image/jpeg")
    event = deployment.event(blob)

    analyze(event, deployment.rig.ports)

    assert deployment.rig.store.read(deployment.uploads, "cat.jpg", max_bytes=10**6) == packed
    assert deployment.rig.document(event)["status"] == "ok"
    assert deployment.rig.model.requests[0].images == (InlineImage(picture(), "image/jpeg"),)


@pytest.mark.fault(34)
def test_an_object_under_a_hold_is_read_as_any_other(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    blob.temporary_hold = True
    blob.patch()
    event = deployment.event(blob)

    analyze(event, deployment.rig.ports)

    assert deployment.rig.document(event)["status"] == "ok"


REFUSED = {
    "customer's key": (400, "resourceIsEncryptedWithCustomerEncryptionKey", CSEK),
    "denied KMS key": (403, "forbidden", KMS),
    "disabled KMS key": (400, "invalid", KMS_OFF),
    "requester pays": (400, "required", PAYS),
}


def _refusal(code: int, reason: str, message: str, **where: Any) -> Fault:
    error = {"code": code, "message": message, "errors": [{"reason": reason, "message": message}]}
    return Fault("status", status=code, body={"error": error}, times=0, **where)


@pytest.mark.fault(122)
@pytest.mark.parametrize("enterprise", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_an_object_that_is_not_handed_out_is_final_at_once_in_the_words_of_the_service(
    deployment: Deployment, case: str, *, enterprise: bool
) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    settings = dataclasses.replace(deployment.rig.settings, enterprise=enterprise, project="local-dev")
    ports = dataclasses.replace(deployment.rig.ports, settings=settings)
    Control(deployment.url).add(_refusal(*REFUSED[case], operation="object.download", subject="uploads-*"))

    analyze(event, ports)

    told = deployment.rig.document(event, error=0)["error"]
    assert told["code"] == "storage_refused"
    assert REFUSED[case][2] in told["message"]
    assert deployment.rig.model.requests == []


@pytest.mark.fault(105, 123)
@pytest.mark.parametrize(("operation", "bucket"), [("object.download", "uploads-*"), ("object.insert", "results-*")])
def test_a_role_that_was_lost_parks_the_event_until_it_is_back(
    deployment: Deployment, operation: str, bucket: str
) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    Control(deployment.url).add(_refusal(403, "forbidden", ROLE, operation=operation, subject=bucket))

    analyze(event, deployment.rig.ports)

    told = deployment.rig.result_events()[-1]
    assert (told["status"], told["error"]) == ("held", "configuration")
    Control(deployment.url).clear()
    analyze(event, deployment.rig.ports)
    assert deployment.rig.document(event)["status"] == "ok"
    assert len(deployment.rig.model.requests) == 1


@pytest.mark.fault(102)
@pytest.mark.parametrize("status", [429, 503])
def test_a_results_bucket_that_refuses_writes_costs_time_and_no_second_call(
    deployment: Deployment, status: int
) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    rule = Fault("status", operation="object.insert", subject="results-*", status=status, times=0)
    Control(deployment.url).add(rule)

    with pytest.raises(TransientError):
        analyze(event, deployment.rig.ports)
    Control(deployment.url).clear()
    with pytest.raises(NotFoundError):
        deployment.rig.document(event)
    analyze(event, deployment.rig.ports)

    assert deployment.rig.document(event)["status"] == "ok"
    assert len(deployment.rig.model.requests) == 1


@pytest.mark.fault(130)
def test_a_results_bucket_that_is_missing_is_the_deployments_fault(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    deployment.client.bucket(deployment.rig.settings.results_bucket).delete()

    analyze(event, deployment.rig.ports)

    assert deployment.rig.result_events()[-1]["error"] == "configuration"


@pytest.mark.fault(129)
def test_the_last_error_travels_on_the_lease_into_the_dead_letter(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    Control(deployment.url).add(Fault("status", operation="object.download", subject="uploads-*", status=503, times=0))
    with pytest.raises(TransientError):
        analyze(event, deployment.rig.ports)
    Control(deployment.url).clear()

    record_dead_letter(format_image_event(event), deployment.rig.ports)

    told = deployment.rig.document(event, error=0)["error"]
    assert told["code"] == "dead_letter"
    assert "The last error: Cloud Storage, gs://" in told["message"]


@pytest.mark.fault(103)
@pytest.mark.parametrize("arrived", [0, 1, 100, 1000])
def test_a_document_whose_upload_breaks_off_is_not_there_until_it_is_whole(
    deployment: Deployment, arrived: int
) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    Control(deployment.url).add(Fault("reset", operation="object.insert", subject="results-*", bytes=arrived, times=0))

    with pytest.raises(TransientError):
        analyze(event, deployment.rig.ports)

    bucket = deployment.rig.settings.results_bucket
    assert deployment.rig.store.list_names(bucket, "") == []
    assert deployment.rig.result_events() == []


@pytest.mark.fault(104)
def test_bytes_that_were_corrupted_on_the_way_are_never_worked_on(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    Control(deployment.url).add(Fault("corrupt", operation="object.download", bytes=500, times=0))

    with pytest.raises(TransientError):
        analyze(event, deployment.rig.ports)

    assert deployment.rig.model.requests == []


@pytest.mark.fault(101)
def test_a_commit_whose_answer_was_lost_is_recognised_and_announced(deployment: Deployment) -> None:
    blob = deployment.blob()
    blob.upload_from_string(picture(), content_type="image/jpeg")
    event = deployment.event(blob)
    ports = dataclasses.replace(deployment.rig.ports, store=adapter(deployment.url))

    with Control(deployment.url).planned(Fault("lost_answer", operation="object.insert", subject="results-*")):
        analyze(event, ports)

    assert deployment.rig.document(event)["status"] == "ok"
    assert len(deployment.rig.result_events()) == 1
