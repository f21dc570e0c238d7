"""What happens to a deployment: everything for which one of its functions could need a right."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from infra.emulators.common.faults import Fault
from infra.local import resources
from shared.adapters.clock import SystemClock
from shared.core.naming import ANSWERS, LEASES, PARKED, REPLIES, SEEN, SPENDING, USES
from shared.core.tasks.catalogue import TASKS
from tests.policy.chain import ATTEMPTS
from tests.policy.evaluated import made
from tests.policy.platform_needs import service_of
from tests.rig import picture
from tests.waiting import wait_until

if TYPE_CHECKING:
    from typing import Any

    from tests.policy.chain import Chain, Delivery
    from tests.policy.evaluated import Made

JOINT: Final = "joint/"
RULES: Final = f"""
[defaults]
tasks = {json.dumps(sorted(TASKS))}
question = "What is red?"
together = []
[[rules]]
prefix = "{JOINT}"
tasks = ["caption", "detect", "segment"]
together = [["caption", "detect", "segment"]]
"""
OK: Final = 200
LANE: Final = "google_pubsub_subscription.backfill"
_LATER: Final = dt.timedelta(days=2)


def everything(chain: Chain) -> None:
    """Let everything happen once; each step asserts that it did."""
    chain.settings["MAX_CALLS_PER_DAY"] = "1000"  # without a ceiling nobody keeps count
    first = uploaded(chain, "first.jpg")
    answered(chain)
    answered_together(chain)
    asked_about_several(chain)
    backfilled(chain)
    again = held(chain)
    forgotten(chain, again)
    released(chain)
    mended(chain)
    lost = given_up(chain)
    forgotten(chain, lost)
    forgotten(chain, first)


def uploaded(chain: Chain, name: str, data: bytes | None = None, content_type: str = "image/jpeg") -> Any:
    """Upload a picture, or `data`, of which `ingest` is told; return it."""
    blob = chain.bucket("uploads").blob(name)
    blob.upload_from_string(data or picture(), content_type=content_type)
    assert chain.tell("finalized", blob) == OK
    return blob


def answered(chain: Chain) -> None:
    """Each worker ends between answer and result, goes on with the answer that it kept, and is then asked once more."""
    results = chain.bucket("results")
    for worker, delivery in waiting(chain):
        chain.plan.add(Fault("status", operation="object.insert", subject=f"{results.name}/*", status=409))
        # Whoever never hears that it has what it wanted finds it taken: one grant of the day's, one reply, and so on.
        for folder in (SPENDING, REPLIES, USES, ANSWERS):
            subject = f"{chain.bucket('work').name}/{folder}*"
            chain.plan.add(Fault("lost_answer", operation="object.insert", subject=subject))
        assert chain.push(worker, delivery.message) != OK
        assert chain.push(worker, delivery.message) == OK
        assert chain.deliver(worker, delivery) == OK
    assert all(rule["left"] == 0 for rule in chain.plan.documents())
    chain.plan.clear()
    found = [name for name in names(chain, "results") if name.endswith(".json")]
    assert len(found) == len(TASKS)


def answered_together(chain: Chain) -> None:
    """One call answers three tasks: the worker of one of them writes the documents of all, and all are forgotten."""
    upload = uploaded(chain, f"{JOINT}all.jpg")
    [(worker, delivery)] = waiting(chain)
    assert chain.deliver(worker, delivery) == OK
    found = [name for name in names(chain, "results") if upload.name in name and name.endswith(".json")]
    assert len(found) == len(("caption", "detect", "segment"))
    forgotten(chain, upload)


def asked_about_several(chain: Chain) -> None:
    """A manifest asks about the first upload; that it has seen it is written once, and once more unheard."""
    named = f"gs://{chain.bucket('uploads').name}/first.jpg"
    manifest = {"schema": "uplook.manifest/1", "question": "What is red?", "images": [named]}
    uploaded(chain, "which.uplook.json", json.dumps(manifest).encode(), "application/json")
    [(worker, delivery)] = waiting(chain)
    seen = f"{chain.bucket('work').name}/{SEEN}*"
    chain.plan.add(Fault("lost_answer", operation="object.insert", subject=seen))
    assert chain.deliver(worker, delivery) == OK
    assert all(rule["left"] == 0 for rule in chain.plan.documents())
    chain.plan.clear()


def backfilled(chain: Chain) -> None:
    """The job finds a picture of which nobody was told, and it is answered by the same workers, in the lane.

    Its content is known: they use the answers again.
    """
    upload = chain.bucket("uploads").blob("there-before.jpg")
    upload.upload_from_string(picture(), content_type="image/jpeg")
    job, done = chain.start_job(), []

    def ended() -> bool:
        for subscription in lane(chain):
            for delivery in chain.pull(subscription):
                assert chain.deliver(subscription, delivery) == OK
                done.append(delivery)
        return job.poll() is not None

    try:
        wait_until(ended, "end of the backfill")
    finally:
        job.kill()
        said, _ = job.communicate()
    assert job.returncode == 0, said
    assert len(done) == len(TASKS)
    assert waiting(chain) == []
    found = [name for name in names(chain, "results") if upload.name in name and name.endswith(".json")]
    assert len(found) == len(TASKS)
    documents = [json.loads(chain.bucket("results").blob(name).download_as_bytes()) for name in found]
    assert all("reused_from" in each["model"] for each in documents)


def lane(chain: Chain) -> list[Made]:
    """Return the subscriptions of a backfill."""
    subscriptions = chain.made("google_pubsub_subscription")
    return [each for each in subscriptions if each.address == LANE]


def held(chain: Chain) -> Any:
    """The day's ceiling is reached: every worker holds an event, one of them only after it had the day's one call.

    Return the upload of that last one's.
    """
    chain.settings["MAX_CALLS_PER_DAY"] = "1"
    holding: set[str] = set()
    for number, name in enumerate(("second.jpg", "third.jpg")):
        last = uploaded(chain, name, picture(90 + number))  # of contents that nobody has asked about
        for worker, delivery in waiting(chain):
            before = held_events(chain)
            if str(worker) in holding:
                chain.settle(delivery, taken=True)
                continue
            assert chain.deliver(worker, delivery) == OK
            holding |= {str(worker)} if held_events(chain) > before else set()
    chain.settings["MAX_CALLS_PER_DAY"] = "1000"
    assert len(holding) == len(TASKS)
    return last


def released(chain: Chain) -> None:
    """Two days later a tick comes, and the held events are published again."""
    expected = held_events(chain)
    ticked(chain)
    again = waiting(chain)
    for _, delivery in again:
        chain.settle(delivery, taken=True)
    assert len(again) == expected == len(TASKS) - 1


def mended(chain: Chain) -> None:
    """Gemini refuses an account two events. One is tried again when it is let in, and the other follows the answer."""
    with chain.gemini.planned(Fault("status", operation="models.*Content", status=403, times=0)):
        for number, name in enumerate(("refused.jpg", "refused-too.jpg")):
            uploaded(chain, name, picture(100 + number))
            for worker, delivery in waiting(chain):
                if delivery.subscription.endswith("-caption"):
                    assert chain.deliver(worker, delivery) == OK
                else:
                    chain.settle(delivery, taken=True)
    assert held_events(chain) == 2
    ticked(chain)
    [(worker, probe)] = waiting(chain)
    assert chain.deliver(worker, probe) == OK
    assert held_events(chain) == 1
    ticked(chain)
    [(_, follows)] = waiting(chain)
    chain.settle(follows, taken=True)
    assert held_events(chain) == 0


def ticked(chain: Chain) -> None:
    """Two days later a tick comes."""
    chain.tick()
    later = (dt.datetime.now(dt.UTC) + _LATER).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    release = subscription_of(chain, "release")
    [tick] = chain.pull(release)
    with patch.object(SystemClock, "now_iso", lambda _: later):
        assert chain.deliver(release, tick) == OK


def given_up(chain: Chain) -> Any:
    """Every worker's event of one upload, and the storage event of another, become dead letters, delivered twice.

    Return the latter.
    """
    uploaded(chain, "fourth.jpg")
    for _ in range(ATTEMPTS):
        tried = waiting(chain)
        for _, delivery in tried:
            chain.settle(delivery, taken=False)
        assert len(tried) == len(TASKS)
    lost = chain.bucket("uploads").blob("fifth.jpg")
    lost.upload_from_string(picture(), content_type="image/jpeg")
    _give_up_storage_event(chain, lost)
    dead_letter = subscription_of(chain, "dead_letter")
    dead = chain.pull(dead_letter)
    assert len(dead) == len(TASKS) + 1
    # A worker's lease is in the way, and gone when the function looks at it.
    leases = f"{chain.bucket('work').name}/{LEASES}*"
    chain.plan.add(Fault("status", operation="object.insert", subject=leases, status=412))
    for delivery in dead:
        assert chain.push(dead_letter, delivery.message) == OK
        assert chain.deliver(dead_letter, delivery) == OK
    assert all(rule["left"] == 0 for rule in chain.plan.documents())
    chain.plan.clear()
    assert len([name for name in names(chain, "results") if ".error-" in name]) == len(TASKS)
    return lost


def forgotten(chain: Chain, upload: Any) -> None:
    """An upload is deleted, and with it what was made of it and what waits for it."""
    upload.reload()
    upload.delete()
    assert any(upload.name in name for bucket in ("results", "work") for name in names(chain, bucket))
    assert chain.tell("deleted", upload) == OK
    assert not any(upload.name in name for bucket in ("results", "work") for name in names(chain, bucket))


def waiting(chain: Chain) -> list[tuple[Made, Delivery]]:
    """Return what waits for the workers, with the subscription that it waits in."""
    workers = [subscription_of(chain, task) for task in sorted(TASKS)]
    return [(worker, delivery) for worker in workers for delivery in chain.pull(worker)]


def subscription_of(chain: Chain, entry_point: str) -> Made:
    """Return the subscription that pushes to a function what is live, by the function's entry point."""
    others = {LANE, "google_pubsub_subscription.bigquery"}
    for each in (each for each in chain.made("google_pubsub_subscription") if each.address not in others):
        function = chain.function(service_of(str(each.one("push_config", "push_endpoint"))))
        if function.one("build_config", "entry_point") == entry_point:
            return each
    raise AssertionError(f"expected a subscription that pushes to {entry_point}, found none")


def held_events(chain: Chain) -> int:
    """Return how many events are held."""
    return len([name for name in names(chain, "work") if name.startswith(PARKED)])


def names(chain: Chain, bucket: str) -> list[str]:
    """Return the names of all objects in a bucket."""
    return [blob.name for blob in chain.bucket(bucket).list_blobs()]


def _give_up_storage_event(chain: Chain, blob: Any) -> None:
    """Publish to the dead-letter topic what Eventarc's subscription, once it is told to, gives up on."""
    data = {"bucket": blob.bucket.name, "name": blob.name, "generation": str(blob.generation), "size": str(blob.size)}
    attributes = {
        "ce-id": "e2",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{blob.bucket.name}",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": blob.bucket.name,
        "objectId": blob.name,
        "objectGeneration": str(blob.generation),
    }
    [topic] = {
        str(each.one("dead_letter_policy", "dead_letter_topic"))
        for each in made(chain.infra, "google_pubsub_subscription", **chain.variables)
        if each.one("dead_letter_policy")
    }
    messages = [{"data": json.dumps(data).encode(), "attributes": attributes}]
    resources.publisher(chain.pubsub).publish(topic=topic, messages=messages)
