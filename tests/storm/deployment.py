"""The emulators and the worker functions as processes of their own, wired like the deployed system."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription

from infra.emulators import Control
from infra.emulators.gemini.eyes import EYES_VARIABLE, Eyes
from infra.local import resources, topology
from infra.local.endpoints import Endpoints
from infra.local.process import Process, child_environment, service_argv
from shared.core import jsontext, naming
from shared.core.events.envelopes import ImageEvent, format_image_event
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.values import Source
from tests.services import START_TIMEOUT_S, control_url
from tests.storm.instance import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from google.cloud import storage
    from google.pubsub_v1 import PublisherClient, SubscriberClient

LISTENER = topology.subscription_path("storm-listener")
MAX_DELIVERY_ATTEMPTS = 100  # the most there is: duplicates that wait for each other use attempts up


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that runs, and ordinary clients of it."""

    endpoints: Endpoints
    pubsub: Control
    gemini: Control
    storage: storage.Client
    publisher: PublisherClient
    subscriber: SubscriberClient
    instances: Mapping[str, Instance]
    env: Mapping[str, str]
    """What the functions run with."""

    def upload(self, name: str, data: bytes) -> Source:
        """Put an image into the uploads bucket, which announces nothing here."""
        blob = self.storage.bucket(topology.UPLOADS).blob(name)
        blob.upload_from_string(data, content_type="image/jpeg")
        return Source(topology.UPLOADS, name, int(blob.generation), len(data), "image/jpeg", jsontext.crc32c(data))

    def publish(self, events: Sequence[ImageEvent]) -> None:
        """Publish image events, each as a message of its own."""
        messages = [format_image_event(event) for event in events]
        wire = [{"data": message.data, "attributes": dict(message.attributes)} for message in messages]
        for start in range(0, len(wire), 500):
            self.publisher.publish(topic=topology.topic_path(topology.IMAGE_EVENTS), messages=wire[start : start + 500])

    def stats(self, subscription: str) -> dict[str, int]:
        """Return what Pub/Sub counts of a subscription."""
        found = self.pubsub.call("GET", "/_control/stats")["subscriptions"]
        counts: dict[str, int] = found[topology.subscription_path(subscription)]
        return counts

    def metadata(self, bucket: str, name: str) -> dict[str, str] | None:
        """Return an object's own metadata, or None where there is no object."""
        blob = self.storage.bucket(bucket).get_blob(name)
        return None if blob is None else dict(blob.metadata or {})


def event_of(source: Source, task: str) -> ImageEvent:
    """Return what ingest publishes by default."""
    return ImageEvent(source, task, plan.resolve_settings(task, Choices()), "v1")


def paths_of(event: ImageEvent) -> naming.Paths:
    """Return the object names that belong to an event."""
    return naming.paths(event.source, run=event.run, task=event.task)


@contextlib.contextmanager
def deployed(
    tasks: Sequence[str],
    state_dir: Path,
    *,
    env: Mapping[str, str],
    emulators: Mapping[str, Sequence[str]] | None = None,
    python: Path = Path(sys.executable),
) -> Iterator[Deployment]:
    """Start emulators and one instance per task, all gone afterwards; `env` changes the functions' settings.

    `emulators` are further arguments of each, `python` is what the functions run on.
    """
    with contextlib.ExitStack() as stack:
        base = _base_env(state_dir)
        more = {"pubsub": (), "storage": (), "gemini": (), **(emulators or {})}
        children = {name: _service(stack, name, more[name], base) for name in ("pubsub", "storage")}
        urls = {name: child.wait_ready(timeout_s=START_TIMEOUT_S) for name, child in children.items()}
        children["gemini"] = _service(stack, "gemini", ("--storage", urls["storage"], *more["gemini"]), base)
        urls["gemini"] = children["gemini"].wait_ready(timeout_s=START_TIMEOUT_S)
        endpoints = Endpoints(urls["storage"], urls["pubsub"].removeprefix("http://"), urls["gemini"])
        resources.create_topics(endpoints.pubsub)
        resources.create_buckets(endpoints.storage, notify=False)
        functions_env = base | endpoints.function_env() | {"LOG_FORMAT": "json"} | dict(env)
        instances = {task: Instance(task, env=functions_env, python=python) for task in tasks}
        for instance in instances.values():
            stack.callback(instance.stop)
        with ThreadPoolExecutor(len(instances)) as pool:
            list(pool.map(Instance.start, instances.values()))
        subscriber = resources.subscriber(endpoints.pubsub)
        for topic, prefix in ((topology.IMAGE_EVENTS, ""), (topology.IMAGE_BACKFILL, "backfill-")):
            deadline_s = _ack_deadline_s(functions_env)
            _subscribe(
                subscriber, instances, topic=topology.topic_path(topic), prefix=prefix, ack_deadline_s=deadline_s
            )
        subscriber.create_subscription(
            request=Subscription(
                name=LISTENER, topic=topology.topic_path(topology.IMAGE_RESULTS), ack_deadline_seconds=60
            )
        )
        yield Deployment(
            endpoints=endpoints,
            pubsub=Control(control_url(children["pubsub"])),
            gemini=Control(urls["gemini"]),
            storage=resources.storage_client(endpoints.storage),
            publisher=resources.publisher(endpoints.pubsub),
            subscriber=subscriber,
            instances=instances,
            env=functions_env,
        )


def _base_env(state_dir: Path) -> dict[str, str]:
    env = child_environment(os.environ, pycache=state_dir / "pycache") | {"PYTHONUNBUFFERED": "1"}
    # What is measured is what calls the model: the detector's tenth of a second for each picture would be most of it.
    return env | {EYES_VARIABLE: Eyes.CLASSICAL}


def _service(stack: contextlib.ExitStack, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> Process:
    return stack.enter_context(Process(name, service_argv(name, "--port", "0", *arguments), env=env))


def _ack_deadline_s(env: Mapping[str, str]) -> int:
    """Return a deadline that also covers the time a push waits for a thread, behind others that take all theirs."""
    return min(600, 4 * int(float(env["TIMEOUT_S"])))


def _subscribe(
    subscriber: SubscriberClient, instances: Mapping[str, Instance], *, topic: str, prefix: str, ack_deadline_s: int
) -> None:
    for task, instance in instances.items():
        wanted: dict[str, Any] = {
            "name": topology.subscription_path(f"{prefix}{task}"),
            "topic": topic,
            "push_config": PushConfig(push_endpoint=f"http://127.0.0.1:{instance.port}/{topic}"),
            "ack_deadline_seconds": ack_deadline_s,
            "filter": f'attributes.task = "{task}"',
            "retry_policy": RetryPolicy(
                minimum_backoff=dt.timedelta(seconds=1), maximum_backoff=dt.timedelta(seconds=10)
            ),
            "dead_letter_policy": DeadLetterPolicy(
                dead_letter_topic=topology.topic_path(topology.IMAGE_DEAD),
                max_delivery_attempts=MAX_DELIVERY_ATTEMPTS,
            ),
        }
        subscriber.create_subscription(request=Subscription(**wanted))
