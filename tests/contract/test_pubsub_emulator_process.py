from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import StreamingPullRequest

from infra.local import official_pubsub
from infra.local.process import Process, service_argv
from tests.contract.pubsub_rig import clients, endpoint
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_no_more_pushes_are_in_flight_than_allowed() -> None:
    running_now, peaks, lock, all_three = [0], [0], threading.Lock(), threading.Event()

    def answer(_: int) -> int:
        with lock:
            running_now[0] += 1
            peaks[0] = max(peaks[0], running_now[0])
            if running_now[0] == 3:
                all_three.set()
        assert all_three.wait(WAIT_S)
        threading.Event().wait(0.02)  # for a fourth to come
        with lock:
            running_now[0] -= 1
        return 204

    with running("pubsub", "--push-concurrency", "3") as url, clients(url) as pubsub, endpoint(answer) as here:
        topic = pubsub.topic()
        pubsub.subscription(topic, push_config={"push_endpoint": here.url})
        pubsub.publish(topic, *[b"x"] * 30)
        here.wait_for(30)
    assert peaks == [3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_although_a_push_and_a_stream_are_open(number: signal.Signals) -> None:
    child = Process("pubsub", service_argv("pubsub", "--port", "0"), env=dict(os.environ))
    release = threading.Event()

    def requests(subscription: str) -> Iterator[StreamingPullRequest]:
        yield StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=10)
        release.wait()

    def answer(_: int) -> int:
        release.wait()
        return 204

    with child, clients(child.wait_ready(timeout_s=WAIT_S)) as pubsub, endpoint(answer) as here:
        try:
            topic = pubsub.topic()
            pubsub.subscription(topic, push_config={"push_endpoint": here.url}, ack_deadline_seconds=600)
            stream = pubsub.subscriber.streaming_pull(requests=requests(pubsub.subscription(topic)), retry=None)
            next(iter(stream))
            pubsub.publish(topic, b"x")
            here.wait_for(1)
            os.kill(child.pid, number)
            wait_until(lambda: not child.running, "end of the emulator")
        finally:
            release.set()
    assert "Traceback" not in child.tail()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        argv = service_argv("pubsub", "--port", str(port))
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert ended.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken: name another, or 0 for any" in ended.stderr


def test_failures_and_dead_letters_are_logged() -> None:
    lines: list[str] = []
    child = Process("pubsub", service_argv("pubsub"), env=dict(os.environ), on_line=lambda _, line: lines.append(line))
    with child, clients(child.wait_ready(timeout_s=WAIT_S)) as pubsub, endpoint(lambda _: 503) as here:
        graveyard, topic = pubsub.topic(), pubsub.topic()
        policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
        name = pubsub.subscription(topic, push_config={"push_endpoint": here.url}, dead_letter_policy=policy)
        (message_id,) = pubsub.publish(topic, b"x")
        wait_until(lambda: any("no further attempt" in line for line in lines), "last line")
    short = name.rsplit("/", 1)[-1]
    lines = [line for line in lines if not line.startswith("control ")]
    assert lines[0] == f"push failed: {short} message {message_id}: 503, attempt 1, next in 0.1 s"
    assert lines[4].startswith(f"dead letter: {short} gave up message {message_id} after 5 attempts: now ")


def test_what_would_change_deliveries_and_is_not_emulated_is_refused() -> None:
    with running("pubsub") as url, clients(url) as pubsub:
        topic = pubsub.topic()
        with pytest.raises(exceptions.MethodNotImplemented, match="bigquery_config is not emulated"):
            pubsub.subscription(topic, bigquery_config={"table": "p.d.t"})


def test_a_subscription_that_pushes_cannot_be_pulled() -> None:
    with running("pubsub") as url, clients(url) as pubsub, endpoint() as here:
        subscription = pubsub.subscription(pubsub.topic(), push_config={"push_endpoint": here.url})
        with pytest.raises(exceptions.FailedPrecondition):
            pubsub.pull_now(subscription)


def test_the_official_emulator_is_named_by_its_variable_or_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "java").touch(mode=0o755)
    jar = tmp_path / "emulator.jar"
    jar.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        found = official_pubsub.find({"PUBSUB_EMULATOR_JAR": str(jar)})
        with pytest.raises(official_pubsub.OfficialUnavailableError, match="gcloud components install"):
            official_pubsub.find({})
        with pytest.raises(official_pubsub.OfficialUnavailableError, match=r"names /nowhere\.jar, which is no file"):
            official_pubsub.find({"PUBSUB_EMULATOR_JAR": "/nowhere.jar"})
        patch.setenv("PATH", "")
        with pytest.raises(official_pubsub.OfficialUnavailableError, match="no java on PATH"):
            official_pubsub.find({})
    assert found.command(8085) == [str(tmp_path / "java"), "-jar", str(jar), "--host=127.0.0.1", "--port=8085"]
