"""What `up` makes of a port, of a stack that is there already, and of one that does not get ready."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.emulators.common.serve import listen
from infra.local import endpoints, up
from infra.local.endpoints import Endpoints, State
from infra.local.process import ServiceError
from tests.services import free_port
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """`up` closes what it writes to others, for as long as its process lives."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_default_port_is_taken_where_it_is_free() -> None:
    said: list[str] = []
    port = free_port()

    assert up.viewer_port(None, say=said.append, default=port) == port
    assert said == []


def test_any_free_port_stands_in_for_the_default_one_which_one_line_says() -> None:
    said: list[str] = []
    with listen(0) as somebody:
        port = somebody.getsockname()[1]

        assert up.viewer_port(None, say=said.append, default=port) == 0
    assert said == [f"viewer     port {port} is taken: it gets any free one"]


def test_a_port_that_was_given_is_insisted_upon() -> None:
    said: list[str] = []
    with listen(0) as somebody:
        port = somebody.getsockname()[1]

        words = f"the viewer's port {port} on 127.0.0.1 is taken: name another, or 0 for any."
        with pytest.raises(ServiceError, match=f"^{re.escape(words)}$"):
            up.viewer_port(port, say=said.append)
    assert said == []


def _given(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    return parser.parse_args(words)


def _waiting(word: str) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own that only waits; `ps` shows the word, as far behind as in a deep folder."""
    argv = [sys.executable, "-c", "import time; time.sleep(600)", "deep/" * 50, word]
    return subprocess.Popen(argv, start_new_session=True)


@pytest.mark.parametrize("number", ["-1", "65536", "abc", "0" * 9 + "80", "²"])
def test_what_is_no_port_is_refused_in_words(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _given(f"--viewer-port={number}")
    assert f"expected a port from 0 to 65535, found {number!r}" in capsys.readouterr().err


def test_a_folder_is_found_below_the_home_folder_though_no_shell_wrote_it_out() -> None:
    assert _given("--state=~/stack").state == Path.home() / "stack"
    assert _given("--state=~nobody-of-this-name/stack").state == Path("~nobody-of-this-name/stack")


def test_what_a_lost_supervisor_left_behind_ends_before_a_stack_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = _waiting("infra.local")
    gone = subprocess.Popen(["true"])
    gone.wait()
    there = Endpoints("http://127.0.0.1:1", "127.0.0.1:2", None)
    endpoints.write(State(gone.pid, there, {"storage": child.pid}), tmp_path)
    states: list[State | None] = []

    def start(_: argparse.Namespace) -> int:
        states.append(endpoints.read(tmp_path))
        return 0

    monkeypatch.setattr(up, "_foreground", start)

    assert up.run(_given("--foreground", f"--state={tmp_path}")) == 0
    assert states == [None]
    assert child.wait(WAIT_S) == -signal.SIGKILL


def test_a_start_that_takes_too_long_is_ended_and_said_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(*_: object, **__: object) -> subprocess.Popen[bytes]:
        started.append(child)
        return child

    child = _waiting("infra.local")
    monkeypatch.setattr(up, "START_TIMEOUT_S", 0.1)
    monkeypatch.setattr(subprocess, "Popen", start)

    assert up.run(_given("--detach", f"--state={tmp_path}")) == 1
    assert started[0].returncode == -signal.SIGTERM
    assert "did not start: it was not ready within" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state_dir", "command"),
    [(".local", "make down"), (".local/two", "make down STATE=.local/two"), ("my stack", "make down 'STATE=my stack'")],
)
def test_the_command_that_ends_a_stack_names_its_folder(state_dir: str, command: str) -> None:
    assert up._how_to_end(Path(state_dir)) == f"`{command}` ends it."


def test_a_real_gemini_is_started_only_where_somebody_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "a-key-of-mine")
    started: list[argparse.Namespace] = []

    def start(args: argparse.Namespace) -> int:
        started.append(args)
        return 0

    monkeypatch.setattr(up, "_foreground", start)
    words = ["--foreground", f"--state={tmp_path}", "--gemini=real"]

    assert up.run(_given(*words)) == 1
    told = capsys.readouterr()
    assert "generativelanguage.googleapis.com, with the key in GEMINI_API_KEY, and costs money" in told.out
    assert "MAX_CALLS_PER_DAY=100 and MAX_USD_PER_DAY=1" in told.out
    assert "YES=1" in told.err
    assert started == []

    assert up.run(_given(*words, "--yes")) == 0
    assert len(started) == 1
