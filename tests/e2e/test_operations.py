"""What operators and deletions do to a real stack: redrive, forget, and one bucket for uploads and results."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators import Control, Fault
from infra.local import endpoints, resources, topology
from infra.local.process import ROOT
from infra.local.stack import Options, Stack
from shared.core.results import schemas
from tests.e2e.test_stack import jpeg, local, result, wait_for_result
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud import storage


@pytest.fixture(scope="module", name="env")
def _env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A stack in which results go with their uploads; yields what its `stack.env` says."""
    state_dir = tmp_path_factory.mktemp("stack")
    started = local("up", "--detach", "--state", str(state_dir), "--viewer-port", "0", "--forget")
    assert started.returncode == 0, started.stdout + started.stderr
    lines = (state_dir / endpoints.ENV_FILE).read_text(encoding="utf-8").splitlines()
    yield dict(line.split("=", 1) for line in lines)
    local("down", "--state", str(state_dir))


@pytest.fixture(scope="module", name="client")
def _client(env: dict[str, str]) -> storage.Client:
    return resources.storage_client(env["STORAGE_EMULATOR_HOST"])


def _operate(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "shared.operate", *arguments]
    environ = {**os.environ, **env}
    return subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=WAIT_S, check=False)


def _upload(client: storage.Client, name: str, *, tasks: str = "caption") -> str:
    """Upload a picture and return the folder of its results."""
    blob = client.bucket(topology.UPLOADS).blob(name)
    blob.metadata = {"uplook-tasks": tasks}
    blob.upload_from_string(jpeg(), content_type="image/jpeg")
    return f"v1/uploads/{name}/{blob.generation}"


def _names(client: storage.Client, bucket: str, prefix: str) -> list[str]:
    return [blob.name for blob in client.list_blobs(bucket, prefix=prefix)]


def test_what_a_fault_made_fail_is_redriven_when_the_fault_is_gone(env: dict[str, str], client: storage.Client) -> None:
    gemini = Control(env["GOOGLE_GEMINI_BASE_URL"])
    with gemini.planned(Fault("status", operation="models.generateContent", status=400, times=1)):
        folder = _upload(client, "fails at first.jpg")
        failed = wait_for_result(client, f"{folder}/caption.error-0.json")
    assert failed["error"]["code"]

    redriven = _operate(env, "redrive", f"gs://{topology.RESULTS}/{folder}")
    again = _operate(env, "redrive", f"gs://{topology.RESULTS}/{folder}")

    assert (redriven.returncode, again.returncode) == (0, 0), redriven.stderr + again.stderr
    assert f"gs://{topology.RESULTS}/{folder}/caption.error-0.json" in redriven.stdout
    document = wait_for_result(client, f"{folder}/caption.json")
    assert document["status"] == "ok"
    assert schemas.problem(document) is None
    assert result(client, f"{folder}/caption.error-0.json") == failed


def test_a_deleted_upload_takes_all_that_was_made_of_it_with_it(client: storage.Client) -> None:
    folder = _upload(client, "forget me.jpg", tasks="caption,segment")
    kept = _upload(client, "forget me.jpg/not me.jpg")
    for name in (f"{folder}/caption.json", f"{folder}/segment.json", f"{kept}/caption.json"):
        wait_for_result(client, name)

    client.bucket(topology.UPLOADS).delete_blob("forget me.jpg")

    def left() -> list[str]:
        work = [f"{root}{folder}/" for root in ("leases/", "replies/")]
        return [
            *_names(client, topology.RESULTS, f"{folder}/"),
            *(name for prefix in work for name in _names(client, topology.WORK, prefix)),
        ]

    wait_until(lambda: not left(), "forgetting of everything")
    assert result(client, f"{kept}/caption.json") is not None


def test_an_overwritten_upload_takes_the_old_results_with_it_and_gets_new_ones(client: storage.Client) -> None:
    old = _upload(client, "twice.jpg")
    wait_for_result(client, f"{old}/caption.json")
    new = _upload(client, "twice.jpg")

    wait_for_result(client, f"{new}/caption.json")
    wait_until(lambda: not _names(client, topology.RESULTS, f"{old}/"), "end of the old results")


def test_without_being_asked_to_a_stack_forgets_nothing() -> None:
    assert sorted(topology.OPTIONAL) == ["forget"]
    assert not Options(state_dir=ROOT).forget


def test_with_one_bucket_a_stack_becomes_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "RESULTS", topology.UPLOADS)
    environ = {**os.environ, "RESULTS_PREFIX": "uplook/"}
    lines: list[str] = []

    def keep(name: str, line: str) -> None:
        lines.append(f"{name} {line}")

    with Stack(Options(tmp_path), environ=environ, say=lines.append, on_line=keep) as stack:
        client = resources.storage_client(stack.endpoints.storage)
        folders = [_upload(client, f"{number}.jpg", tasks="caption,segment") for number in range(5)]
        for folder in folders:
            for task in ("caption", "segment"):
                wait_for_result(client, f"uplook/{folder}/{task}.json")
        written = _names(client, topology.UPLOADS, "uplook/")
        wait_until(lambda: _left_out(lines) >= len(written), "result events left out")
        calls: dict[str, Any] = Control(str(stack.endpoints.gemini)).call("GET", "/_control/calls")

    assert len(calls["calls"]) == 2 * len(folders)
    assert [name for name in written if name.endswith("overlay.jpg")] != []
    assert _names_of(written) == set(folders)


def _left_out(lines: list[str]) -> int:
    return sum(1 for line in lines if line.startswith("ingest") and "left out" in line)


def _names_of(written: list[str]) -> set[str]:
    return {"/".join(name.removeprefix("uplook/").split("/")[:4]) for name in written}
