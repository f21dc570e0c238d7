"""Sees what happens during a storm, and gathers the evidence when it is over."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from google.api_core.exceptions import GoogleAPICallError

from infra.local import topology
from tests.closed_schema import problem_of
from tests.storm import attempts
from tests.storm.deployment import LISTENER
from tests.storm.verdict import Call, Evidence, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.storm.deployment import Deployment

_RESULTS = f"gs://{topology.RESULTS}/"
_ANSWERED = 200


class Listener:
    """Takes every result event: ids by the document that they name, and what is undocumented in them."""

    def __init__(self, deployment: Deployment) -> None:
        self.ids: defaultdict[str, list[str]] = defaultdict(list)
        self.problems: list[str | None] = []
        self._client = deployment.subscriber
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(GoogleAPICallError):  # nothing came within the second
                self._take()

    def _take(self) -> None:
        pulled = self._client.pull(subscription=LISTENER, max_messages=500, timeout=1.0, retry=None).received_messages
        for each in pulled:
            document = json.loads(each.message.data)
            self.ids[document["result"].removeprefix(_RESULTS)].append(document["id"])
            self.problems.append(problem_of(each.message.data))
        if pulled:
            self._client.acknowledge(subscription=LISTENER, ack_ids=[each.ack_id for each in pulled])


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
