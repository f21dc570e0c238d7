"""`status` as a person runs it: a process of its own against buckets behind a real socket, watched and interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.emulators import Control, Fault
from infra.local.resources import storage_client
from shared.adapters.storage import GoogleStorage
from tests.export_documents import document, failed, folder
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
COUNT = 30


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give a server with results, leases as workers leave them, one failure and one delivery at work."""
    with running("storage") as address:
        for bucket in ("uploads", "results", "work"):
            storage_client(address).create_bucket(bucket)
        store = GoogleStorage(project="local-dev", emulator_host=address, connections=4)
        marks = {"uplook-attempt": "a1", "uplook-state": "held"}
        for number in range(COUNT):
            name = f"{folder(f'{number}.jpg')}/segment"
            body = json.dumps(document([])).encode()
            store.create("results", f"{name}.json", body, content_type="application/json")
            store.create("work", f"leases/{name}.json", b"{}", content_type="application/json", metadata=marks)
        lost = f"{folder('list.txt')}/segment.error-0.json"
        store.create("results", lost, json.dumps(failed()).encode(), content_type="application/json")
        busy = f"leases/{folder('busy.jpg')}/segment.json"
        store.create("work", busy, b"{}", content_type="application/json", metadata=marks)
        yield address


def _environ(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "STORAGE_EMULATOR_HOST": url,
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
        "GOOGLE_CLOUD_PROJECT": "local-dev",
        "UPLOAD_BUCKETS": "uploads",
        "RESULTS_BUCKET": "results",
        "WORK_BUCKET": "work",
        "IMAGE_TOPIC": "projects/local-dev/topics/image-events",
        "RESULT_TOPIC": "projects/local-dev/topics/image-results",
        "COLUMNS": "80",
    }


def _argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "shared.operate", "status", *arguments]


def _status(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _argv(*arguments),
        cwd=ROOT,
        env=_environ(url),
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )


def test_what_lies_there_is_told(url: str) -> None:
    done = _status(url, "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["results"] == [
        {"task": "segment", "status": "failed", "count": 1},
        {"task": "segment", "status": "ok", "count": COUNT},
    ]
    assert [each["uri"].rpartition("/")[2] for each in found["at_work"]] == ["busy.jpg"]
    assert [each["kind"] for each in found["problems"]] == ["failed"]
    assert found["backlog"] is None


def test_whoever_waits_is_told_what_is_read(url: str) -> None:
    with Control(url).planned(Fault("latency", operation="object.list", seconds=2.5, times=1)):
        done = _status(url)

    assert done.returncode == 0, done.stderr
    assert "reading the places, " in done.stderr
    assert done.stdout.startswith("gs://results/, at ")


def test_a_watch_goes_on_until_it_is_interrupted_and_ends_well(url: str, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    with told.open("w", encoding="utf-8") as sink:
        argv = _argv("--watch", "--json", "--every", "0.1")
        child = subprocess.Popen(argv, cwd=ROOT, env=_environ(url), stdout=sink, stderr=subprocess.PIPE, text=True)
        wait_until(
            lambda: len(told.read_text(encoding="utf-8").splitlines()) > 2 or child.poll() is not None, "reports"
        )
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=WAIT_S)

    assert child.returncode == 0
    assert "Traceback" not in errors
    assert all(json.loads(line)["schema"] == "uplook.status/1" for line in told.read_text("utf-8").splitlines())
