"""Six faults on a real stack: one `status` tells them all, and what it names for each, typed as it stands, mends it."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from infra.emulators import Control, Fault
from infra.local import resources, topology
from infra.local.process import ROOT, Process, service_argv
from infra.local.stack import Options, Stack
from shared.core.delivery import budget
from shared.core.delivery.budget import Ceiling
from tests.planted_faults import command_in, problems_in, told
from tests.services import control_url, running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from google.cloud import storage

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="a repaired file is uploaded with curl")

CEILING, RAISED = 40, 80
RULES = f"""
[defaults]
tasks = ["caption"]

[[rules]]
bucket = "{topology.UPLOADS}"
prefix = "retired/"
caption.model = "gemini-2.0-flash"  # long gone, so that the test does not depend on the day
"""


def _jpeg(colour: int = 0) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (96, 64), (colour, 120, 200)).save(sink, "JPEG")
    return sink.getvalue()


class _Deployment:
    """Emulators that outlive a stack, and an operator's shell beside them."""

    def __init__(self, folder: Path, given: Mapping[str, str], pubsub_control: str) -> None:
        self.folder = folder
        self.given = {**given, "RULES_FILE": str(folder / "rules.toml")}
        self.client: storage.Client = resources.storage_client(given["STORAGE_EMULATOR_HOST"])
        self.gemini = Control(given["GOOGLE_GEMINI_BASE_URL"])
        self.pubsub = Control(pubsub_control)
        self._shell = {**os.environ, **self.given, "PUBSUB_CONTROL_URL": pubsub_control}

    @contextlib.contextmanager
    def running(self, **settings: str) -> Iterator[None]:
        """A stack with these settings, which commands see, too."""
        environ = {**os.environ, **self.given, **settings}
        options = Options(self.folder / "state", real=True)
        with Stack(options, environ=environ, say=lambda _: None, on_line=lambda *_: None) as stack:
            self._shell |= settings | stack.endpoints.function_env()
            yield

    def upload(self, name: str, *, task: str = "caption", data: bytes | None = None) -> None:
        blob = self.client.bucket(topology.UPLOADS).blob(name)
        blob.metadata = {"uplook-tasks": task}
        blob.upload_from_string(data or _jpeg(), content_type="image/jpeg")

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        return [blob.name for blob in self.client.list_blobs(bucket, prefix=prefix)]

    def wait_held(self, name: str) -> None:
        wait_until(lambda: any(f"/{name}/" in each for each in self.names(topology.WORK, "held/")), f"held {name}")

    def wait_failed(self, name: str) -> None:
        wait_until(lambda: any(f"/{name}/" in each for each in self.names(topology.RESULTS)), f"a failure of {name}")

    def wait_quiet(self) -> None:
        """Wait until every message is acknowledged."""

        def waiting() -> list[str]:
            found = self.pubsub.call("GET", "/_control/stats")["subscriptions"]
            return [name for name, each in found.items() if each["backlog"]]

        wait_until(lambda: not waiting(), "end of the work", seen=waiting)

    def type(self, words: Sequence[str]) -> str:
        """Run a command as it stands in the output, in a folder that holds the repaired file."""
        if words[0] == ".venv/bin/python":
            words = [sys.executable, *words[1:]]
        env = {**self._shell, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
        done = subprocess.run(
            words, cwd=self.folder, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        assert done.returncode in (0, 3), done.stdout + done.stderr
        return done.stdout

    def status(self, *arguments: str) -> str:
        return self.type([".venv/bin/python", "-m", "shared.operate", "status", *arguments])

    def fill_the_pool(self) -> None:
        """Take all that is left of today's ceiling, as other instances would."""
        ceiling = Ceiling(calls=CEILING)
        folder = budget.folder(ceiling, budget.day_of(dt.datetime.now(dt.UTC).isoformat()))
        for part in budget.read_pool(ceiling, self.names(topology.WORK, folder)).grants:
            self.client.bucket(topology.WORK).blob(folder + part.name).upload_from_string(b"")


def _plant(deployment: _Deployment) -> None:
    """Plant six faults, one after the other. Each task is an instance of its own, which remembers its own refusals."""
    generate = "models.generateContent"
    no_key = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
    with deployment.gemini.planned(Fault("status", generate, status=400, times=4, body=no_key)):
        for number in (1, 2):
            deployment.upload(f"key/{number}.jpg")
            deployment.wait_held(f"key/{number}.jpg")
    with deployment.gemini.planned(Fault("quota", generate)):
        deployment.upload("quota.jpg", task="classify")
        deployment.wait_held("quota.jpg")
    deployment.gemini.add(Fault("status", generate, status=500, times=0, body="Internal error."))
    deployment.upload("broken.jpg", task="detect")
    deployment.wait_failed("broken.jpg")
    deployment.gemini.call("DELETE", "/_control/faults")
    for number in (1, 2):
        deployment.upload(f"retired/{number}.jpg")
        deployment.wait_held(f"retired/{number}.jpg")
    deployment.upload("poison.jpg", data=_jpeg()[:200])
    deployment.wait_failed("poison.jpg")
    deployment.fill_the_pool()
    deployment.upload("one too many.jpg", task="segment")
    deployment.wait_held("one too many.jpg")


def _mend(deployment: _Deployment) -> str:
    """Type what `status` says, problem by problem, until nothing is left; a probe goes ahead of others of its cause."""
    (deployment.folder / "poison.jpg").write_bytes(_jpeg())
    text = deployment.status()
    for _ in range(3):
        for words in {tuple(command_in(each)) for each in problems_in(text)}:
            deployment.type(words)
        deployment.wait_quiet()
        text = deployment.status()
        if not problems_in(text):
            break
    return text


def test_one_status_tells_six_faults_and_its_commands_mend_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five deliveries, as few as Pub/Sub takes, a second apart: a dead letter within seconds.
    quick = [
        replace(each, attempts=5, max_backoff_s=1) if each.name == "detect" else each for each in topology.SUBSCRIPTIONS
    ]
    monkeypatch.setattr(topology, "SUBSCRIPTIONS", tuple(quick))
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    with (
        Process("pubsub", service_argv("pubsub", "--port", "0"), env=dict(os.environ)) as broker,
        running("storage", "--pubsub", broker.wait_ready(timeout_s=WAIT_S).removeprefix("http://")) as storage_url,
        running("gemini") as gemini,
    ):
        given = {
            "PUBSUB_EMULATOR_HOST": str(broker.url).removeprefix("http://"),
            "STORAGE_EMULATOR_HOST": storage_url,
            "GOOGLE_GEMINI_BASE_URL": gemini,
            "GEMINI_API_KEY": "local",
        }
        deployment = _Deployment(tmp_path, given, control_url(broker))

        with deployment.running(MAX_CALLS_PER_DAY=str(CEILING)):
            _plant(deployment)
            planted = deployment.status()
        with deployment.running(MAX_CALLS_PER_DAY=str(RAISED), USE_SUCCESSORS="true"):
            mended = _mend(deployment)
            story = json.loads(deployment.status(f"gs://{topology.UPLOADS}/broken.jpg", "--json"))["story"]

    assert len(problems_in(planted)) == 6
    for words in (
        "API key not valid.",
        "gemini-2.0-flash was shut down",
        f"The ceiling of {CEILING} calls a day is reached",
        "quota of the day is used up",
        "The last error: Gemini answered 500",
        "the file ends",
        f"{CEILING} of {CEILING} calls are taken",
    ):
        assert words in told(planted)
    assert "Nothing is stuck." in mended
    assert "Nothing waits in Pub/Sub." in mended
    assert [each["kind"] for each in story if each["task"]] == ["failed", "answered", "result"]
