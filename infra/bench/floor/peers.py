"""The emulators that both sides talk to, each a process of its own, and ordinary clients of them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.bench.measure import environment
from infra.emulators import Control
from infra.local import resources, topology
from infra.local.endpoints import Endpoints
from infra.local.process import Process, held_port, service_argv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

START_TIMEOUT_S = 300.0
BARE_UPLOADS, BARE_EVENTS, BARE_IMAGES, BARE_RESULTS = "bare-uploads", "bare-uploads", "bare-images", "bare-results"
"""A bucket and topics of the bare handlers' own, so that both sides can hear of uploads at the same time."""

SILENT_UPLOADS = "silent-uploads"
"""A bucket of whose uploads nobody hears: the events about them are posted by hand."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the emulators listen, and what they count."""

    endpoints: Endpoints
    gemini: Control
    storage: Control
    pubsub: Control
    environ: Mapping[str, str]

    def counts(self) -> dict[str, int]:
        """Return what was asked for so far: operations of storage, messages, calls of the model."""
        objects = self.storage.call("GET", "/_control/stats")
        topics = self.pubsub.call("GET", "/_control/stats")["topics"].values()
        return {
            **{name: count for name, count in objects.items() if name.startswith("object.")},
            "messages": sum(each["published"] for each in topics),
            "model calls": self.gemini.call("GET", "/_control/calls")["total"],
        }


def forget_calls(peers: Peers) -> None:
    """Forget the calls of the model: the emulator would tell every one of them each time."""
    peers.gemini.call("POST", "/_control/reset", {})


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Peers]:
    """Start the emulators, all gone afterwards."""
    environ = environment(folder) | {"PYTHONUNBUFFERED": "1", "EYES": "classical"}
    with contextlib.ExitStack() as stack:

        def service(name: str, *arguments: str) -> str:
            child = Process(name, service_argv(name, "--port", "0", *arguments), env=environ)
            return stack.enter_context(child).wait_ready(timeout_s=START_TIMEOUT_S)

        with held_port() as control_port:
            pubsub = service("pubsub", "--control-port", str(control_port))
        host = pubsub.removeprefix("http://")
        storage = service(
            "storage",
            *("--pubsub", host),
            *("--eventarc", f"{topology.UPLOADS}={topology.topic_path(topology.UPLOAD_EVENTS)}"),
            *("--eventarc", f"{BARE_UPLOADS}={topology.topic_path(BARE_EVENTS)}"),
        )
        gemini = service("gemini", "--storage", storage)
        resources.create_topics(host)
        for topic in {BARE_EVENTS, BARE_IMAGES, BARE_RESULTS}:
            resources.publisher(host).create_topic(name=topology.topic_path(topic))
        resources.create_buckets(storage, notify=False)
        for bucket in (BARE_UPLOADS, SILENT_UPLOADS):
            resources.storage_client(storage).create_bucket(bucket)
        yield Peers(
            endpoints=Endpoints(storage, host, gemini),
            gemini=Control(gemini),
            storage=Control(storage),
            pubsub=Control(f"http://127.0.0.1:{control_port}"),
            environ=environ,
        )


def hits(control: Control, rule: int) -> int:
    """Return how often a planned fault was hit."""
    return next((each["hits"] for each in control.faults() if each["id"] == rule), 0)


def wait_for(
    condition: Callable[[], object], what: str, *, timeout_s: float = START_TIMEOUT_S, poll_s: float = 0.005
) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it never was.
    """
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"Expected {what} within {timeout_s:.0f} s, found none.")
        time.sleep(poll_s)
