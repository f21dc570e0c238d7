"""Sees what happens during a storm, and gathers the evidence when it is over."""

from __future__ import annotations

import contextlib
import json
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPICallError

from infra.local import topology
from infra.local.pulled import pulled
from tests.closed_schema import problem_of
from tests.storm import attempts
from tests.storm.deployment import LISTENER
from tests.storm.verdict import Call, Evidence, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.storm.deployment import Deployment

_RESULTS = f"gs://{topology.RESULTS}/"
_ANSWERED = 200


class Listener:
    """Takes every result event: ids by the document that they name, and what is undocumented in them."""

    def __init__(self) -> None:
        self.ids: defaultdict[str, list[str]] = defaultdict(list)
        self.problems: list[str | None] = []

    def take(self, data: bytes) -> None:
        """Take note of one result event."""
        document = json.loads(data)
        self.ids[document["result"].removeprefix(_RESULTS)].append(document["id"])
        self.problems.append(problem_of(data))


@contextlib.contextmanager
def listening(deployment: Deployment) -> Iterator[Listener]:
    """Yield who hears of every result event, whatever befalls a pull during a storm."""
    listener = Listener()
    with pulled(deployment.subscriber, LISTENER, listener.take, passing=GoogleAPICallError):
        yield listener


def gather(deployment: Deployment, wanted: Sequence[Wanted], listener: Listener) -> Evidence:
    """Return the evidence of a storm that has become quiet."""
    bucket = deployment.storage.bucket(topology.RESULTS)
    generations = Counter(blob.name for blob in deployment.storage.list_blobs(bucket, versions=True))
    names = [name for name in generations if name.endswith(".json")]
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda name: bytes(bucket.blob(name).download_as_bytes()), names))
    documents = [json.loads(data) for data in written]
    problems = [*map(problem_of, written), *listener.problems]
    instances = deployment.instances
    stats = {task: deployment.stats(task) for task in instances}
    return Evidence(
        wanted=wanted,
        generations=generations,
        ids={name: document["id"] for name, document in zip(names, documents, strict=True)},
        told=dict(listener.ids),
        leases=_leases(deployment),
        calls=_calls(deployment),
        attempts=[attempt for instance in instances.values() for attempt in attempts.read(instance.lives)],
        kills=sum(life.killed for instance in instances.values() for life in instance.lives),
        undocumented=[problem for problem in problems if problem],
        dead_lettered=sum(counts["dead_lettered"] for counts in stats.values()),
        notes={
            "results by status": dict(Counter(document["status"] for document in documents)),
            "deliveries": {name: sum(counts[name] for counts in stats.values()) for name in _COUNTS},
            "model calls": dict(Counter(_how(call) for call in _logged(deployment))),
        },
    )


_COUNTS = ("delivered", "acked", "nacked", "expired")


def _leases(deployment: Deployment) -> dict[str, str]:
    blobs = deployment.storage.list_blobs(topology.WORK, prefix="leases/")
    return {blob.name: (blob.metadata or {}).get("uplook-state", "") for blob in blobs}


def _logged(deployment: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployment.gemini.call("GET", "/_control/calls")["calls"]
    return found


def _calls(deployment: Deployment) -> list[Call]:
    """Return the calls that were answered; of the others the client knows that nothing is to be paid."""
    return [
        Call((call["images"][0]["sha256"], call["task"]), lost=call["fault"] == "lost")
        for call in _logged(deployment)
        if call["status"] == _ANSWERED
    ]


def _how(call: dict[str, Any]) -> str:
    if call["status"] == _ANSWERED:
        return f"{_ANSWERED} {call['fault']}" if call["fault"] else f"{_ANSWERED}"
    return "dropped" if call["status"] == 499 else str(call["status"])
