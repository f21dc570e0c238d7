"""A day's ceiling on real processes: what it has no room for is held, and released once by command."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from PIL import Image

from infra.emulators import Control
from infra.local import resources, topology
from infra.local.process import ROOT
from infra.local.stack import Options, Stack
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from google.cloud import storage

CEILING, UPLOADS = 50, 200


def _upload(client: storage.Client, count: int) -> None:
    for number in range(count):
        sink = io.BytesIO()
        Image.new("RGB", (96, 64), (number, 120, 255 - number)).save(sink, "JPEG")
        blob = client.bucket(topology.UPLOADS).blob(f"{number:03d}.jpg")
        blob.metadata = {"uplook-tasks": "caption"}
        blob.upload_from_string(sink.getvalue(), content_type="image/jpeg")


def _count(client: storage.Client, bucket: str, prefix: str = "") -> int:
    return sum(1 for _ in client.list_blobs(bucket, prefix=prefix))


def _release(stack: Stack, environ: Mapping[str, str]) -> str:
    argv = [sys.executable, "-m", "shared.operate", "release", "--all"]
    env = {**os.environ, **environ, **stack.endpoints.function_env()}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fifty_of_two_hundred_uploads_are_asked_about_and_the_rest_when_the_ceiling_is_raised(tmp_path: Path) -> None:
    with (
        running("pubsub") as pubsub,
        running("storage", "--pubsub", pubsub.removeprefix("http://")) as storage_url,
        running("gemini") as gemini,
    ):
        given = {
            "PUBSUB_EMULATOR_HOST": pubsub.removeprefix("http://"),
            "STORAGE_EMULATOR_HOST": storage_url,
            "GOOGLE_GEMINI_BASE_URL": gemini,
            "GEMINI_API_KEY": "local",
        }
        client = resources.storage_client(storage_url)

        def calls() -> int:
            return len(Control(gemini).call("GET", "/_control/calls")["calls"])

        with _stack(tmp_path, given, ceiling=CEILING):
            _upload(client, UPLOADS)
            wait_until(lambda: _count(client, topology.WORK, "held/") == UPLOADS - CEILING, "150 held events")
            wait_until(lambda: _count(client, topology.RESULTS) == CEILING, "50 results")
            assert calls() == CEILING

        with _stack(tmp_path, given, ceiling=UPLOADS) as stack:
            told = _release(stack, given)
            wait_until(lambda: _count(client, topology.RESULTS) == UPLOADS, "200 results")

        assert str(UPLOADS - CEILING) in told
        assert calls() == UPLOADS
        assert _count(client, topology.WORK, "held/") == 0


def _stack(state_dir: Path, given: Mapping[str, str], *, ceiling: int) -> Stack:
    environ = {**os.environ, **given, "MAX_CALLS_PER_DAY": str(ceiling)}
    return Stack(Options(state_dir, real=True), environ=environ, say=lambda _: None, on_line=lambda _name, _line: None)
