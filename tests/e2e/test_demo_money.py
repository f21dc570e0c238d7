"""No surprise in money: a key in the environment alone never makes a call, and what was paid for is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from PIL import Image

from infra.emulators import Control
from infra.local.process import ROOT
from tests.e2e.test_stack import local
from tests.services import running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOOKS = ROOT / "tests" / "e2e" / "hooks"
TASKS, CALLS = 3, 2
"""Of one image: its segments answer detect, too."""


@contextlib.contextmanager
def _trap() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of a server that answers nothing, and what was sent to it."""
    caught: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            with contextlib.suppress(OSError):  # closed: the test is over
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(1)
                        caught.append(connection.recv(200) or b"nothing")

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", caught


def _photos(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (96, 64), (40 * number, 120, 200)).save(folder / f"{number}.jpg")
    return folder


def test_keys_in_the_environment_make_no_call_outside_this_machine(tmp_path: Path) -> None:
    """Whatever left by Python's sockets is watched; what takes another way (gRPC) would meet the proxy."""
    log = tmp_path / "connections"
    with _trap() as (trap, caught):
        env = {
            "GEMINI_API_KEY": "a-key-of-mine",
            "GOOGLE_API_KEY": "another-key-of-mine",
            "GOOGLE_GENAI_USE_ENTERPRISE": "true",
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
            "GOOGLE_CLOUD_PROJECT": "a-project-of-mine",
            "GOOGLE_GEMINI_BASE_URL": trap,
            "GOOGLE_VERTEX_BASE_URL": trap,
            **dict.fromkeys(["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"], trap),
            "PYTHONPATH": str(HOOKS),
            "WATCH_CONNECTIONS": str(log),
        }
        photos = _photos(tmp_path / "photos", 1)

        ended = local("demo", "--state", str(tmp_path / "state"), "--images", str(photos), env=env)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "GEMINI_API_KEY" in ended.stdout
    assert "set, and not used" in ended.stdout
    assert "Gemini emulator: 2 calls for 3 answers" in ended.stdout
    assert caught == []
    assert not log.exists(), log.read_text(encoding="utf-8")


def test_the_watch_sees_a_connection(tmp_path: Path) -> None:
    log = tmp_path / "connections"
    env = {**os.environ, "PYTHONPATH": str(HOOKS), "WATCH_CONNECTIONS": str(log)}
    script = "import socket; s = socket.socket(); s.setblocking(False); s.connect_ex(('192.0.2.1', 9))"

    subprocess.run([sys.executable, "-c", script], env=env, check=True)

    assert "192.0.2.1" in log.read_text(encoding="utf-8")


def _calls(gemini: str) -> list[Any]:
    return list(Control(gemini).call("GET", "/_control/calls")["calls"])


def _paid(state_dir: Path, photos: Path) -> list[str]:
    return ["demo", "--state", str(state_dir), "--images", str(photos), "--gemini", "real"]


def test_a_paid_run_says_what_it_costs_and_wants_a_yes(tmp_path: Path) -> None:
    photos = _photos(tmp_path / "photos", 2)
    with running("gemini") as gemini:
        env = {"GOOGLE_GEMINI_BASE_URL": gemini, "GEMINI_API_KEY": "a-key-of-mine"}

        refused = local(*_paid(tmp_path / "state", photos), env=env)

        assert refused.returncode == 1
        told = " ".join(refused.stdout.split())
        assert f"2 images (0.0 MB) would go to the Gemini API at {gemini.removeprefix('http://')}" in told
        assert "Cost at list price: about $" in told
        assert "say YES=1" in told
        assert _calls(gemini) == []

        agreed = local(*_paid(tmp_path / "state", photos), "--yes", env=env)

        assert agreed.returncode == 0, agreed.stdout + agreed.stderr
        assert len(_calls(gemini)) == 2 * CALLS

        again = local(*_paid(tmp_path / "state", photos), env=env)

        assert again.returncode == 0, again.stdout + again.stderr
        assert "2 of 2 images have their results from an earlier run" in again.stdout
        assert len(_calls(gemini)) == 2 * CALLS


def test_what_was_paid_for_before_an_interruption_is_not_asked_again(tmp_path: Path) -> None:
    photos, state_dir = _photos(tmp_path / "photos", 6), tmp_path / "state"
    with running("gemini", "--latency-ms", "1000") as gemini:
        env = {"GOOGLE_GEMINI_BASE_URL": gemini, "GEMINI_API_KEY": "a-key-of-mine", "THREADS": "1"}
        argv = [sys.executable, "-m", "infra.local", *_paid(state_dir, photos), "--yes"]
        demo = subprocess.Popen(
            argv, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        wait_until(lambda: list((state_dir / "answers").glob("*/result.json")), "first answer")
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=120)
        before = len(_calls(gemini))

        ended = local(*_paid(state_dir, photos), "--yes", env=env)

        assert demo.returncode == 130, output
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "from an earlier run" in ended.stdout
        assert len(_calls(gemini)) == 6 * CALLS
        assert len(list((state_dir / "answers").glob("*/result.json"))) == 6 * TASKS
    assert before <= 6 * CALLS
