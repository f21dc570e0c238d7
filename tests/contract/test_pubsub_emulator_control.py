"""The HTTP control API beside gRPC."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators import Fault
from infra.local.process import Process, service_argv
from tests.contract.pubsub_control import controlled
from tests.services import free_port
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]


def refusal(emulator: Controlled, rule: dict[str, Any]) -> str:
    """Return why the control API does not take a rule."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{emulator.url}/_control/faults", json.dumps(rule).encode(), headers)
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=WAIT_S):
        pass
    with refused.value as answer:
        assert answer.code == 400
        return str(json.load(answer)["error"])


def test_the_first_line_is_the_grpc_address_and_the_second_the_control_address() -> None:
    with Process("pubsub", service_argv("pubsub"), env=dict(os.environ)) as child:
        url = child.wait_ready(timeout_s=WAIT_S)
        wait_until(lambda: len(child.tail().splitlines()) >= 2, "second line")
    first, second = child.tail().splitlines()
    assert first == f"ready {url}"
    assert second.startswith("control http://127.0.0.1:")


def test_the_control_port_can_be_chosen() -> None:
    port = free_port()
    with controlled("--control-port", str(port)) as emulator:
        assert emulator.url == f"http://127.0.0.1:{port}"


def test_a_taken_control_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        argv = service_argv("pubsub", "--control-port", str(port))
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"port {port} on 127.0.0.1 is taken: name another, or 0 for any" in ended.stderr


def test_the_control_api_says_where_everything_is(emulator: Controlled) -> None:
    assert emulator.control.call("GET", "/_control/") == {
        "service": "pubsub",
        "grpc": emulator.host,
        "control": emulator.url,
        "paths": ["/_control/", "/_control/stats", "/_control/faults"],
    }


def test_statistics_follow_a_message_from_publish_to_acknowledgement(emulator: Controlled) -> None:
    topic = emulator.rig.topic()
    subscription = emulator.rig.subscription(topic)
    emulator.rig.publish(topic, b"1", b"2", b"3")
    first, second, _ = emulator.rig.pull(subscription, 3)
    emulator.rig.subscriber.acknowledge(subscription=subscription, ack_ids=[first.ack_id])
    emulator.rig.nack(subscription, second.ack_id)
    emulator.rig.pull(subscription)
    assert emulator.control.call("GET", "/_control/stats")["topics"][topic] == {"published": 3}
    counts = emulator.counts(subscription)
    assert counts.pop("oldest_unacked_s") >= 0
    assert counts == {
        "topic": topic,
        "delivered": 4,
        "acked": 1,
        "nacked": 1,
        "expired": 0,
        "dead_lettered": 0,
        "backlog": 2,
        "outstanding": 2,
    }


def test_a_topic_that_is_made_anew_begins_at_nought(emulator: Controlled) -> None:
    topic = emulator.rig.topic()
    emulator.rig.publish(topic, b"x")
    emulator.rig.publisher.delete_topic(topic=topic)
    emulator.rig.publisher.create_topic(name=topic)
    assert emulator.control.call("GET", "/_control/stats")["topics"][topic] == {"published": 0}


def test_a_fault_that_is_never_hit_is_told(emulator: Controlled) -> None:
    with pytest.raises(AssertionError, match="never hit"), emulator.planned(Fault("status", operation="DeleteTopic")):
        emulator.rig.topic()


def test_a_rule_without_an_operation_waits_for_one_that_its_kind_befalls(emulator: Controlled) -> None:
    with emulator.planned(Fault("duplicate")):
        topic = emulator.rig.topic()
        subscription = emulator.rig.subscription(topic)
        emulator.rig.publish(topic, b"x")
    assert emulator.counts(subscription)["backlog"] == 2


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "drop"}, "kind: expected one of delay, duplicate, lost_ack,"),
        ({"kind": "duplicate", "operation": "Publish"}, "operation: duplicate befalls deliver; found 'Publish'"),
        ({"kind": "status", "operation": "publish"}, "operation: status befalls CreateTopic, "),
        ({"kind": "status", "status": 503}, "status: expected a gRPC code from 1 to 16, or 0 for UNAVAILABLE"),
        ({"kind": "push_status", "status": 204}, "status: expected an HTTP status that acknowledges nothing"),
        ({"kind": "push_status", "status": 14}, "status: expected an HTTP status that acknowledges nothing"),
        ({"kind": "duplicate", "body": 0}, "body: expected how many, a whole number above 0"),
        ({"kind": "reorder", "body": "2"}, "body: expected how many, a whole number above 0"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(emulator: Controlled, rule: dict[str, Any], reason: str) -> None:
    assert refusal(emulator, rule).startswith(reason)
