"""SIGTERM, against a real process of functions-framework: it ends in time, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.emulators import Fault
from infra.local import topology
from infra.local.process import ROOT
from tests.rig import picture
from tests.storm.deployment import deployed, event_of, paths_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.core.events.envelopes import ImageEvent
    from tests.storm.deployment import Deployment
    from tests.storm.instance import Instance

MAIN = ROOT / "main.py"
ENDLESS_GRACE = Path(__file__).with_name("endless_grace.py")
CUT = "stopped: requests in flight are cut"
"""The last line of an instance that ended itself; one without requests is ended by gunicorn, and does not say it."""

LONG_S = 600.0
GENERATE = "models.generateContent"
STATE = "uplook-state"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(["caption"], tmp_path_factory.mktemp("stopping"), env={"THREADS": "8"}) as found:
        yield found


@pytest.fixture
def worker(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[Instance]:
    """The caption function, living, from the deploy root that the test names."""
    worker = deployment.instances["caption"]
    source: Path = getattr(request, "param", MAIN)
    if source != worker.source:
        worker.stop()
        worker.source = source
    if not worker.process.running:
        worker.start()
    yield worker
    deployment.gemini.clear()


def send(deployment: Deployment, name: str, *, copies: int = 1) -> ImageEvent:
    event = event_of(deployment.upload(name, picture()), "caption")
    deployment.publish([event] * copies)
    return event


def send_into_a_long_call(deployment: Deployment, name: str, *, seconds: float = LONG_S, copies: int = 1) -> ImageEvent:
    """Return as soon as the model is at work on the event."""
    fault = deployment.gemini.add(Fault("latency", operation=GENERATE, seconds=seconds))
    event = send(deployment, name, copies=copies)
    hit = lambda: any(rule["id"] == fault and rule["hits"] for rule in deployment.gemini.faults())  # noqa: E731
    wait_until(hit, "model call")
    return event


def once(worker: Instance) -> None:
    os.kill(worker.process.pid, signal.SIGTERM)


def again_and_again(worker: Instance) -> None:
    for _ in range(3):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.process.pid, signal.SIGTERM)
        time.sleep(0.5)


def last_words(worker: Instance, signalled: Callable[[Instance], None]) -> list[str]:
    """Send SIGTERM and return what the instance wrote, once every process of it is gone."""
    signalled(worker)
    wait_until(lambda: not worker.process.running and not worker.survivors(), "end")
    worker.stop()  # reads what was still in the pipe
    return worker.lives[-1].lines


def says(lines: list[str], words: str) -> bool:
    return any(words in line for line in lines)


def result_events(deployment: Deployment) -> int:
    return int(
        deployment.pubsub.call("GET", "/_control/stats")["topics"][topology.topic_path("image-results")]["published"]
    )


def wait_for_result(deployment: Deployment, event: ImageEvent) -> None:
    wait_until(lambda: deployment.metadata(topology.RESULTS, paths_of(event).result) is not None, "result")


@pytest.mark.fault(110)
@pytest.mark.parametrize("signalled", [once, again_and_again])
def test_sigterm_during_a_model_call_cuts_it_frees_the_lease_and_the_event_comes_back(
    deployment: Deployment, worker: Instance, signalled: Callable[[Instance], None]
) -> None:
    event = send_into_a_long_call(deployment, f"{signalled.__name__}.jpg", copies=3)
    lease = paths_of(event).lease
    held = deployment.metadata(topology.WORK, lease) or {}
    assert held[STATE] == "held"
    announced = result_events(deployment)

    assert says(last_words(worker, signalled), CUT)

    released = deployment.metadata(topology.WORK, lease) or {}
    assert released[STATE] == "released"
    assert released["uplook-attempt"] == held["uplook-attempt"]
    assert deployment.metadata(topology.RESULTS, paths_of(event).result) is None

    worker.start()

    wait_for_result(deployment, event)
    wait_until(lambda: deployment.stats("caption")["backlog"] == 0, "quiet")
    folder = paths_of(event).result.rpartition("/")[0]
    assert [blob.name for blob in deployment.storage.list_blobs(topology.RESULTS, prefix=folder, versions=True)] == [
        paths_of(event).result
    ]
    assert result_events(deployment) == announced + 3


@pytest.mark.fault(110)
@pytest.mark.parametrize("worker", [ENDLESS_GRACE], indirect=True, ids=["endless grace"])
def test_a_delivery_that_ends_within_the_grace_is_acknowledged(deployment: Deployment, worker: Instance) -> None:
    event = send_into_a_long_call(deployment, "soon.jpg", seconds=5.0)  # longer than the signal takes
    acked = deployment.stats("caption")["acked"]

    said = last_words(worker, once)

    assert deployment.metadata(topology.RESULTS, paths_of(event).result) is not None
    assert not says(said, "cut")
    wait_until(lambda: deployment.stats("caption")["acked"] == acked + 1, "acknowledgement")


@pytest.mark.parametrize("worker", [ENDLESS_GRACE], indirect=True, ids=["endless grace"])
def test_an_instance_without_work_ends_without_waiting_for_the_grace(deployment: Deployment, worker: Instance) -> None:
    wait_for_result(deployment, send(deployment, "first.jpg"))  # so that it watches for the signal
    wait_until(lambda: deployment.stats("caption")["backlog"] == 0, "quiet")

    assert not says(last_words(worker, once), CUT)
