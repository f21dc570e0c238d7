"""The examples for consumers, run as their first lines say, against a whole stack."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.local import resources
from infra.local.process import ROOT, Process, held_port
from tests.e2e.test_stack import TASKS, jpeg, local
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `.local/stack.env` of a running stack says."""
    state_dir = tmp_path_factory.mktemp("stack")
    started = local("up", "--detach", "--state", str(state_dir), "--viewer-port", "0")
    assert started.returncode == 0, started.stdout + started.stderr
    lines = (state_dir / "stack.env").read_text(encoding="utf-8").splitlines()
    yield dict(line.split("=", 1) for line in lines)
    local("down", "--state", str(state_dir))


def upload(env: dict[str, str], name: str) -> None:
    bucket = resources.storage_client(env["STORAGE_EMULATOR_HOST"]).bucket("uploads")
    bucket.blob(name).upload_from_string(jpeg(), content_type="image/jpeg")


def test_the_pull_subscriber_shows_every_result_and_leaves_nothing_behind(env: dict[str, str]) -> None:
    said: list[str] = []

    def by_task() -> dict[str, str]:
        return {line.split()[0]: line for line in said if "pulled.jpg" in line}

    argv = [sys.executable, "-m", "infra.examples.pull_subscriber"]
    child = Process("pull", argv, env=os.environ | env, on_line=lambda _, line: said.append(line))
    with child:
        wait_until(lambda: any("Waiting" in line for line in said), "subscriber", seen=lambda: said)
        upload(env, "pulled.jpg")
        wait_until(lambda: by_task().keys() >= set(TASKS), "result of every task", seen=lambda: said)

    assert sorted(by_task()) == sorted(TASKS)
    assert all(" ok " in line for line in by_task().values())
    assert "files," in by_task()["segment"]
    pubsub = resources.subscriber(env["PUBSUB_EMULATOR_HOST"])
    left = [each.name for each in pubsub.list_subscriptions(project=f"projects/{env['GOOGLE_CLOUD_PROJECT']}")]
    assert [name for name in left if "example-" in name] == []


def test_the_push_function_is_called_with_every_result(env: dict[str, str]) -> None:
    said: list[str] = []

    def by_message() -> dict[str, Any]:
        """Return the logged lines: events come at least once, so a line may be there twice."""
        return {line["message"]: line for line in (json.loads(text) for text in said if "pushed.jpg" in text)}

    expected = {f"{task} of pushed.jpg" for task in TASKS}
    source = str(Path("infra") / "examples" / "push_function.py")
    argv = [sys.executable, "-m", "functions_framework", "--source", source, "--target", "on_result"]
    argv += ["--host", "127.0.0.1", "--port"]
    found = os.environ | env | {"PYTHONPATH": str(ROOT)}
    pubsub = resources.subscriber(env["PUBSUB_EMULATOR_HOST"])
    name = f"projects/{env['GOOGLE_CLOUD_PROJECT']}/subscriptions/push-example"
    with (
        held_port() as port,
        Process("push", [*argv, str(port)], env=found, on_line=lambda _, line: said.append(line)) as child,
    ):
        child.wait_port(port, timeout_s=WAIT_S)
        endpoint = {"push_endpoint": f"http://127.0.0.1:{port}/{env['RESULT_TOPIC']}"}
        pubsub.create_subscription(request={"name": name, "topic": env["RESULT_TOPIC"], "push_config": endpoint})
        upload(env, "pushed.jpg")
        wait_until(lambda: by_message().keys() >= expected, "result of every task", seen=lambda: said)
        pubsub.delete_subscription(subscription=name)

    assert by_message().keys() == expected
    logged = by_message().values()
    assert {line["status"] for line in logged} == {"ok"}
    assert [line["labels"] != [] for line in logged] == [line["caption"] is None for line in logged]
