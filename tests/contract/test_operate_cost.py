"""`cost` as a person runs it: a process of its own, against a bucket behind a real socket, without a deployment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.emulators.client import Control
from infra.emulators.common.faults import Fault
from infra.local.resources import storage_client
from shared.adapters.storage import GoogleStorage
from tests.export_documents import document, failed, folder, without_progress
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give a server with results of two runs, one of them with a document that is none."""
    with running("storage") as address:
        storage_client(address).create_bucket("results")
        store = GoogleStorage(project="local-dev", emulator_host=address, connections=4)
        documents = {f"{folder(f'{number}.jpg')}/segment.json": document([]) for number in range(40)}
        documents[f"{folder('list.txt')}/segment.error-0.json"] = failed()
        documents[f"{folder(run='v10')}/segment.json"] = document([], run="v10")
        for name, value in documents.items():
            store.create("results", name, json.dumps(value).encode(), content_type="application/json")
        store.create("results", f"{folder(run='v10')}/detect.json", b"{", content_type="application/json")
        yield address


def _cost(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "shared.operate", "cost", *arguments],
        cwd=ROOT,
        env=os.environ | {"STORAGE_EMULATOR_HOST": url},
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    done.stderr = without_progress(done.stderr)
    return done


@pytest.mark.parametrize("where", ["gs://results/v1", "gs://results/v1/"])
def test_a_run_is_summed_up_and_no_other_that_begins_like_it(url: str, where: str) -> None:
    done = _cost(url, where, "--by", "status")

    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()[1:]] == [
        ["failed", "1", "0", "0", "0", "0", "0.0000", "0"],
        ["ok", "40", "40", "40", "80", "0", "10.0000", "0"],
        ["total", "41", "40", "40", "80", "0", "10.0000", "0"],
    ]


def test_what_cannot_be_read_is_named_beside_the_sum_of_the_rest(url: str) -> None:
    done = _cost(url, "gs://results/v10", "--json")

    assert done.returncode == 3
    assert done.stderr.startswith(f"left out: gs://results/{folder(run='v10')}/detect.json: expected JSON")
    assert json.loads(done.stdout)["total"]["usd"] == 0.25


@pytest.mark.parametrize(
    ("where", "reason"),
    [("gs://no-such-bucket", "cost failed: gs://no-such-bucket"), ("gs://results/v2", "found none")],
)
def test_a_place_without_results_is_a_failure(url: str, where: str, reason: str) -> None:
    done = _cost(url, where)

    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr


@pytest.mark.parametrize("command", ["shared.operate cost", "shared.export jsonl"])
def test_ctrl_c_ends_it_at_once_and_what_was_read_until_then_is_told(url: str, command: str) -> None:
    # Documents are in the order of their names: all before the one that hangs are done, and none behind it.
    hung = Fault("latency", operation="object.download", subject="*/39.jpg/*", seconds=2 * WAIT_S, times=0)
    with (
        Control(url).planned(hung),
        subprocess.Popen(
            [sys.executable, "-m", *command.split(), "gs://results/v1"],
            cwd=ROOT,
            env=os.environ | {"STORAGE_EMULATOR_HOST": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as child,
    ):
        assert child.stderr is not None
        # It tells how far it is as long as it waits, however long.
        assert any(line.startswith("33 results read, ") for line in child.stderr)
        child.send_signal(signal.SIGINT)
        told, said = child.communicate(timeout=WAIT_S)

    assert child.returncode == 130
    assert "33" in without_progress(said)
    assert "before the end" in said
    assert len(told.splitlines()) == (33 if command.endswith("jsonl") else 3)
