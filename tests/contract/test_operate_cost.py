"""`cost` as a person runs it: a process of its own, against a bucket behind a real socket, without a deployment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.local.resources import storage_client
from shared.adapters.storage import GoogleStorage
from tests.export_documents import document, failed, folder
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
    return subprocess.run(
        [sys.executable, "-m", "shared.operate", "cost", *arguments],
        cwd=ROOT,
        env=os.environ | {"STORAGE_EMULATOR_HOST": url},
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )


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
