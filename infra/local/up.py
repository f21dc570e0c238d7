"""`python -m infra.local up` and `down`: a stack that stays.

In a terminal, `up` stays in front, shows every part's log with its name before each line, and ends on Ctrl-C.
Started by a program (or with `--detach`), it returns once everything is ready, and the stack runs on until `down`.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local import endpoints
from infra.local.lines import write_line
from infra.local.process import ROOT, ServiceError
from infra.local.pubsub.official import OfficialUnavailableError
from infra.local.serve import listen
from infra.local.stack import Options, Stack

if TYPE_CHECKING:
    from collections.abc import Callable

VIEWER_PORT = 8080
_PORTS = range(65536)
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 25.0
_POLL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `up`."""
    parser.add_argument("--state", type=Path, default=Path(".local"), help="folder of stack.env and the logs")
    parser.add_argument("--pubsub", choices=["embedded", "official"], default="embedded", help="which emulator")
    parser.add_argument("--backend", choices=["developer", "vertex"], default="developer", help="which Gemini API")
    parser.add_argument(
        "--viewer-port", type=_port, metavar="PORT", help=f"0: any free one; default {VIEWER_PORT}, if free"
    )
    parser.add_argument("--forget", action="store_true", help="a deleted upload takes its results with it")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--detach", action="store_true", default=None, help="return when ready; the stack runs on")
    where.add_argument("--foreground", dest="detach", action="store_false", help="stay until Ctrl-C")


def _port(text: str) -> int:
    port = int(text)
    if port not in _PORTS:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {_PORTS[-1]}, found {port}")
    return port


def run(args: argparse.Namespace) -> int:
    """Start the stack, unless it runs already."""
    running = endpoints.read(args.state)
    if running is not None and _is_ours(running.supervisor):
        print(f"The stack is up already: see {args.state / endpoints.ENV_FILE}. `make down` ends it.")
        return 0
    detach = not (sys.stdin.isatty() and sys.stdout.isatty()) if args.detach is None else args.detach
    return _detach(args) if detach else _foreground(args)


def _foreground(args: argparse.Namespace) -> int:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: _interrupt(ended))
    started_s = time.monotonic()
    try:
        options = Options(
            args.state,
            args.pubsub == "official",
            viewer_port(args.viewer_port, say=write_line),
            forget=args.forget,
            vertex=args.backend == "vertex",
        )
        with Stack(options, environ=os.environ, say=write_line, on_line=_prefixed) as stack:
            write_line(
                f"ready in {time.monotonic() - started_s:.1f} s: drop images on the viewer, or upload them to gs://uploads"
            )
            write_line(f"addresses  {args.state / endpoints.ENV_FILE}")
            return _watch(stack, ended)
    except KeyboardInterrupt:
        return 0
    except (ServiceError, OfficialUnavailableError) as error:
        print(f"The stack did not start: {error}", file=sys.stderr)
        return 1


def viewer_port(given: int | None, *, say: Callable[[str], None], default: int = VIEWER_PORT) -> int:
    """Return the port for the viewer: `given`, else `default`, else 0 (any free one), which `say` hears of.

    Raises:
        ServiceError: no one can listen at the port that was given.
    """
    port = default if given is None else given
    try:
        listen(port).close()
    except OSError as error:
        if given is not None or error.errno != errno.EADDRINUSE:
            raise ServiceError(f"the viewer's {error.strerror}.") from error
        say(f"viewer     port {port} is taken: it gets any free one")
        return 0
    return port


def _interrupt(ended: threading.Event) -> None:
    """The first signal ends the stack in order, whether it is ready yet or still starting."""
    if not ended.is_set():
        ended.set()
        raise KeyboardInterrupt


def _watch(stack: Stack, ended: threading.Event) -> int:
    while not ended.wait(0.5):
        dead = stack.dead()
        if dead is not None:
            print(f"{dead.name} has died; the stack ends. Its last words:\n{dead.tail()}", file=sys.stderr)
            return 1
    return 0


def _detach(args: argparse.Namespace) -> int:
    args.state.mkdir(parents=True, exist_ok=True)
    log = args.state / "stack.log"
    argv = [sys.executable, "-m", "infra.local", "up", "--foreground", "--state", str(args.state.resolve())]
    argv += ["--pubsub", args.pubsub, "--backend", args.backend]
    argv += [] if args.viewer_port is None else ["--viewer-port", str(args.viewer_port)]
    argv += ["--forget"] if args.forget else []
    with log.open("wb") as sink:
        child = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        ready = _await_ready(child, args.state)
    except KeyboardInterrupt:
        child.terminate()
        child.wait(STOP_TIMEOUT_S)
        return 1
    print(log.read_text(encoding="utf-8", errors="replace"), end="")
    if ready:
        print(f"logs       {log}\n`make down` ends it.")
    return 0 if ready else 1


def _await_ready(child: subprocess.Popen[bytes], state_dir: Path) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            return False
        if endpoints.read(state_dir) is not None:
            return True
        time.sleep(_POLL_S)
    child.terminate()
    return False


def stop(state_dir: Path) -> int:
    """End the stack of this folder, and whatever an earlier crash of its supervisor left behind."""
    state = endpoints.read(state_dir)
    if state is None:
        print("No stack is up here.")
        return 0
    if _is_ours(state.supervisor):
        os.kill(state.supervisor, signal.SIGTERM)
        _await_end([state.supervisor])
    left = [pid for pid in state.children.values() if _is_ours(pid)]
    for pid in left:
        os.killpg(pid, signal.SIGKILL)
    _await_end(left)
    endpoints.remove(state_dir)
    print("The stack has ended.")
    return 0


def _await_end(pids: list[int]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(_is_ours(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _is_ours(pid: int) -> bool:
    """Whether this process lives and is part of a stack: a number may long belong to somebody else."""
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 - wherever ps lies
    return any(word in listing.stdout for word in ("infra.local", "functions_framework", "pubsub-emulator"))


def _prefixed(name: str, line: str) -> None:
    write_line(f"[{name}] {line}")
