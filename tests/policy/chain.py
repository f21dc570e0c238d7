"""The deployment that `infra/*.tf` describes, over emulators: its buckets, topics, subscriptions and functions.

Every function runs inside functions-framework with the settings that the HCL gives it, and reaches storage, Pub/Sub and
Gemini by addresses of its own account's. Deliveries are made one at a time, so that nothing depends on timing.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import functions_framework
from google.pubsub_v1.types import DeadLetterPolicy, PubsubMessage, Subscription

from infra.emulators.client import Control
from infra.emulators.gemini.app import Options
from infra.emulators.gemini.app import build_app as build_gemini
from infra.emulators.storage.app import build_app as build_storage
from infra.emulators.storage.faults import FaultPlan
from infra.emulators.storage.publisher import Publisher
from infra.local import resources
from tests import canary
from tests.functions.pushes import MAIN
from tests.instance import forget_instance
from tests.policy.evaluated import made
from tests.policy.platform_needs import account, service_of
from tests.policy.rights import grants
from tests.policy.wire import GeminiAs, StorageAs, Witness, publishing, served
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.policy.evaluated import Made
    from tests.policy.parsed import Infra

ROOT = Path(__file__).resolve().parents[2]
_JOB = "google_cloud_run_v2_job"
ATTEMPTS = 5
"""The fewest that Pub/Sub allows before a message is given up, for speed."""
MODEL_AGENT, SCHEDULER = "agent of aiplatform", "agent of cloudscheduler"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a subscription, not yet acknowledged."""

    subscription: str
    ack_id: str
    message: PubsubMessage


@dataclass
class Chain:
    """One deployment that runs; `witness` has seen what each account has asked for."""

    infra: Infra
    variables: Mapping[str, Any]
    witness: Witness
    storage: str
    """Cloud Storage as people reach it, who upload and look: nothing of that is recorded."""
    plan: FaultPlan
    addresses: Mapping[str, Mapping[str, str]]
    """By account: what finds the emulators in its functions' environment."""
    gemini: Control
    """The faults of the one Gemini that all ask."""
    pubsub: str
    ticks: str
    rules_file: Path
    settings: dict[str, str] = field(default_factory=dict)
    """What is set otherwise than the HCL says, for the deliveries to come."""

    def made(self, kind: str) -> list[Made]:
        """Return all resources of a type."""
        return made(self.infra, kind, **self.variables)

    def bucket(self, name: str) -> Any:
        """Return a bucket by the end of its name: uploads, results, work."""
        [found] = [each for each in _buckets(self.infra, self.variables) if each.endswith(f"-{name}")]
        return resources.storage_client(self.storage).bucket(found)

    def function(self, service: str) -> Made:
        """Return a function by the name of its service."""
        [found] = [each for each in self.made("google_cloudfunctions2_function") if each.body["name"] == service]
        return found

    def post(self, function: Made, path: str, **request: Any) -> int:
        """Start an instance of a function and send it one request; return the status."""
        who = account(function.one("service_config", "service_account_email"))
        # Spans go where there is no emulator, by packages that are not installed here.
        elsewhere = {"OTEL_TRACES_EXPORTER": "none", **self.addresses[who], **self.settings}
        stated = function.one("service_config", "environment_variables") | elsewhere
        target = function.one("build_config", "entry_point")
        with _environment(stated | {"RULES_FILE": str(self.rules_file)}):
            application = functions_framework.create_app(target, MAIN, "cloudevent")
            application.testing = False
            status: int = application.test_client().post(path, **request).status_code
            return status

    def tell(self, kind: str, blob: Any) -> int:
        """Deliver a storage event to the function whose trigger waits for it, as Eventarc does."""
        [function] = [
            each
            for each in self.made("google_cloudfunctions2_function")
            if each.one("event_trigger") and each.one("event_trigger", "event_type").endswith(f".{kind}")
        ]
        data = {"bucket": blob.bucket.name, "name": blob.name, "generation": str(blob.generation)}
        data |= {"size": str(blob.size), "contentType": blob.content_type, "crc32c": blob.crc32c}
        headers = {"ce-id": "e1", "ce-specversion": "1.0", "content-type": "application/json"}
        headers |= {"ce-type": f"google.cloud.storage.object.v1.{kind}"}
        headers |= {"ce-source": f"//storage.googleapis.com/projects/_/buckets/{blob.bucket.name}"}
        return self.post(function, "/", headers=headers, data=json.dumps(data))

    def pull(self, subscription: Made) -> list[Delivery]:
        """Return what a subscription has."""
        client, name = resources.subscriber(self.pubsub), _path(subscription)
        with warnings.catch_warnings():
            # Deprecated, as it may return less than there is; ours does not, and a wait for nothing would have no end.
            warnings.simplefilter("ignore", DeprecationWarning)
            found = client.pull(subscription=name, max_messages=100, return_immediately=True).received_messages
        return [Delivery(name, each.ack_id, each.message) for each in found]

    def deliver(self, subscription: Made, delivery: Delivery) -> int:
        """Push a message to the function that its subscription names, and acknowledge what is acknowledged."""
        status = self.push(subscription, delivery.message)
        self.settle(delivery, taken=status < 300)
        return status

    def push(self, subscription: Made, message: PubsubMessage) -> int:
        """Push a message to the function that its subscription names; return the status."""
        endpoint = str(subscription.one("push_config", "push_endpoint"))
        pushed: dict[str, Any] = {"messageId": message.message_id, "publishTime": "2026-11-29T09:00:00Z"}
        pushed |= {"data": base64.b64encode(message.data).decode(), "attributes": dict(message.attributes)}
        body = {"message": pushed, "subscription": _path(subscription)}
        return self.post(self.function(service_of(endpoint)), f"/{endpoint.partition('.run.app/')[2]}", json=body)

    def settle(self, delivery: Delivery, *, taken: bool) -> None:
        """Acknowledge a message, or ask for it again at once."""
        client, ids = resources.subscriber(self.pubsub), [delivery.ack_id]
        if taken:
            client.acknowledge(subscription=delivery.subscription, ack_ids=ids)
        else:
            client.modify_ack_deadline(subscription=delivery.subscription, ack_ids=ids, ack_deadline_seconds=0)

    def start_job(self) -> subprocess.Popen[str]:
        """Start the backfill job's container: a process with its command, arguments and environment."""
        [job] = self.made(_JOB)
        container = job.one("template", "template", "containers")[0]
        (program, *words), stated = container["command"], {each["name"]: each["value"] for each in container["env"]}
        assert program == "python"
        return subprocess.Popen(
            [sys.executable, *words, *container["args"]],
            cwd=ROOT,
            env={**os.environ, **stated, **self.addresses[account(_runs_as(job))], **self.settings}
            | {"RULES_FILE": str(self.rules_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def tick(self) -> None:
        """Publish as the scheduler does."""
        [job] = self.made("google_cloud_scheduler_job")
        target = job.one("pubsub_target")[0]
        messages = [{"data": base64.b64decode(target["data"])}]
        resources.publisher(self.ticks).publish(topic=target["topic_name"], messages=messages)


@contextlib.contextmanager
def deployed(infra: Infra, rules_file: Path, **variables: Any) -> Iterator[Chain]:
    """Set everything up that the HCL describes for this choice of variables, and take it down again."""
    witness, plan, buckets = Witness(grants(infra, **variables)), FaultPlan(), _buckets(infra, variables)
    app = build_storage(Publisher(None, {}, plan.events), buckets, plan)
    accounts = [
        account(each.one("service_config", "service_account_email"))
        for each in made(infra, "google_cloudfunctions2_function", **variables)
    ]
    accounts += [account(_runs_as(job)) for job in made(infra, _JOB, **variables)]
    with contextlib.ExitStack() as stack:
        # Who may what is asked here, not how soon: on a busy machine the emulator may answer later than Google would.
        stack.enter_context(patch("shared.adapters.pubsub._TIMEOUT_S", WAIT_S))
        target = stack.enter_context(running("pubsub")).removeprefix("http://")
        _set_up(infra, target, variables)
        reader = stack.enter_context(served(StorageAs(app, MODEL_AGENT, witness)))
        gemini = stack.enter_context(served(GeminiAs(build_gemini(Options(storage=reader)), witness), lifespan="on"))
        addresses = {
            who: {
                "STORAGE_EMULATOR_HOST": stack.enter_context(served(StorageAs(app, who, witness))),
                "PUBSUB_EMULATOR_HOST": stack.enter_context(publishing(target, who, witness)),
                "GOOGLE_GEMINI_BASE_URL": f"{gemini}/as-{who}",
                **({"GEMINI_API_KEY": canary.KEY} if variables["backend"] == "developer" else {}),
            }
            for who in accounts
        }
        ticks = stack.enter_context(publishing(target, SCHEDULER, witness))
        people = stack.enter_context(served(app, lifespan="on"))
        yield Chain(infra, variables, witness, people, plan, addresses, Control(gemini), target, ticks, rules_file)


def _runs_as(job: Made) -> str:
    return str(job.one("template", "template", "service_account"))


def _buckets(infra: Infra, variables: Mapping[str, Any]) -> list[str]:
    return [str(each.body["name"]) for each in made(infra, "google_storage_bucket", **variables)]


def _set_up(infra: Infra, target: str, variables: Mapping[str, Any]) -> None:
    for topic in made(infra, "google_pubsub_topic", **variables):
        resources.publisher(target).create_topic(name=f"projects/{topic.body['project']}/topics/{topic.body['name']}")
    for each in made(infra, "google_pubsub_subscription", **variables):
        dead = each.one("dead_letter_policy", "dead_letter_topic")
        policy = DeadLetterPolicy(dead_letter_topic=dead, max_delivery_attempts=ATTEMPTS) if dead else None
        wanted = Subscription(
            name=_path(each),
            topic=_topic(each),
            filter=each.one("filter") or "",
            ack_deadline_seconds=each.body["ack_deadline_seconds"],
            dead_letter_policy=policy,
        )
        resources.subscriber(target).create_subscription(request=wanted)


def _path(subscription: Made) -> str:
    return f"projects/{subscription.body['project']}/subscriptions/{subscription.body['name']}"


def _topic(subscription: Made) -> str:
    return str(subscription.body["topic"])


@contextlib.contextmanager
def _environment(stated: Mapping[str, str]) -> Iterator[None]:
    """Run the block as an instance that has just begun, with these settings and no others."""
    before = dict(os.environ)
    forget_instance()
    os.environ |= stated
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
        forget_instance()
