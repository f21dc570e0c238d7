"""`python -m infra.local up` and `down`: a stack that stays.

In a terminal, `up` stays in front, shows every part's log with its name before each line, and ends on Ctrl-C.
Started by a program (or with `--detach`), it returns once everything is ready, and the stack runs on until `down`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.emulators.common.console import write_line
from infra.emulators.common.serve import listen
from infra.local import arguments, cost_consent, endpoints, external_services, interrupts
from infra.local.ceiling import ceiling
from infra.local.official_pubsub import OfficialUnavailableError
from infra.local.private import keep_private, write_privately
from infra.local.process import ROOT, ServiceError, without_proxy
from infra.local.stack import Options, Stack

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

STATE_DIR = Path(".local")
VIEWER_PORT = 8080
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 25.0
_POLL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `up`."""
    parser.add_argument("--state", type=arguments.path, default=STATE_DIR, help="folder of stack.env and the logs")
    parser.add_argument("--pubsub", choices=["embedded", "official"], default="embedded", help="which emulator")
    parser.add_argument("--backend", choices=["developer", "vertex"], default="developer", help="which Gemini API")
    parser.add_argument(
        "--viewer-port", type=arguments.port, metavar="PORT", help=f"0: any free one; default {VIEWER_PORT}, if free"
    )
    arguments.add_gemini(parser)
    parser.add_argument("--forget", action="store_true", help="a deleted upload takes its results with it")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--detach", action="store_true", default=None, help="return when ready; the stack runs on")
    where.add_argument("--foreground", dest="detach", action="store_false", help="stay until Ctrl-C")


def run(args: argparse.Namespace) -> int:
    """Start the stack, unless it runs already."""
    running = endpoints.read(args.state)
    if running is not None:
        if _is_ours(running.supervisor):
            print(f"The stack is up already: see {args.state / endpoints.ENV_FILE}. {_how_to_end(args.state)}")
            return 0
        print("The stack that was up here has lost its supervisor; what is left of it ends first.")
        _end(running, args.state)
    try:
        write_privately()
        os.environ.update(without_proxy(os.environ))
        keep_private(args.state)
        if args.gemini == "real":
            _agree(args)
    except ServiceError as error:
        print(f"The stack did not start: {error}", file=sys.stderr)
        return 1
    detach = not (sys.stdin.isatty() and sys.stdout.isatty()) if args.detach is None else args.detach
    return _detach(args) if detach else _foreground(args)


def _agree(args: argparse.Namespace) -> None:
    """Say where images will go and what a day may cost, and have it agreed to.

    Raises:
        ServiceError: it is not.
    """
    gemini = external_services.read(os.environ, real=True).gemini
    limits = " and ".join(f"{name}={value}" for name, value in ceiling(os.environ, real=True).items())
    if not args.yes and gemini is not None:
        print(f"Every image that is uploaded to this stack would go to {gemini.words}, and costs money.")
        print(f"A day's ceiling: {limits}; set these variables to change it.")
    cost_consent.require_yes(yes=args.yes)


def _foreground(args: argparse.Namespace) -> int:
    ended = threading.Event()
    interrupts.interrupt_on_signals(ended)
    interrupts.interrupt_without_terminal(ended)
    started_s = time.monotonic()
    try:
        options = Options(
            args.state,
            args.pubsub == "official",
            viewer_port(args.viewer_port, say=_say),
            forget=args.forget,
            vertex=args.backend == "vertex",
            real=args.gemini == "real",
        )
        with Stack(options, environ=os.environ, say=_say, on_line=_prefixed) as stack:
            _say(
                f"ready in {time.monotonic() - started_s:.1f} s: drop images on the viewer, or upload them to gs://uploads"
            )
            _say(f"addresses  {args.state / endpoints.ENV_FILE}")
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


def _watch(stack: Stack, ended: threading.Event) -> int:
    while not ended.wait(0.5):
        dead = stack.dead()
        if dead is not None:
            ended.set()  # a Ctrl-C must not interrupt the end that has begun
            print(f"{dead.name} has died; the stack ends. Its last words:\n{dead.tail()}", file=sys.stderr)
            return 1
    return 0


def _detach(args: argparse.Namespace) -> int:
    log = args.state / "stack.log"
    argv = [sys.executable, "-m", "infra.local", "up", "--foreground", "--state", str(args.state.resolve())]
    argv += ["--pubsub", args.pubsub, "--backend", args.backend]
    argv += ["--gemini", args.gemini, *(["--yes"] if args.gemini == "real" else [])]  # agreed to by now
    argv += [] if args.viewer_port is None else ["--viewer-port", str(args.viewer_port)]
    argv += ["--forget"] if args.forget else []
    with log.open("wb") as sink:
        child = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        ready = _await_ready(child, args.state)
    except KeyboardInterrupt:
        _give_up(child)
        return 1
    in_time = ready or child.poll() is not None
    if not in_time:
        _give_up(child)
    print(log.read_text(encoding="utf-8", errors="replace"), end="", flush=True)
    if ready:
        print(f"logs       {log}\n{_how_to_end(args.state)}")
    elif not in_time:
        print(f"The stack did not start: it was not ready within {START_TIMEOUT_S:.0f} s; see {log}.", file=sys.stderr)
    return 0 if ready else 1


def _await_ready(child: subprocess.Popen[bytes], state_dir: Path) -> bool:
    """Return whether the stack is ready; where it is not, it has ended or time is up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while child.poll() is None and time.monotonic() < deadline:
        if endpoints.read(state_dir) is not None:
            return True
        time.sleep(_POLL_S)
    return False


def _give_up(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    child.wait(STOP_TIMEOUT_S)


def _how_to_end(state_dir: Path) -> str:
    target = [] if state_dir == STATE_DIR else [f"STATE={state_dir}"]
    return f"`{shlex.join(['make', 'down', *target])}` ends it."


def stop(state_dir: Path) -> int:
    """End the stack of this folder, and whatever an earlier crash of its supervisor left behind."""
    state = endpoints.read(state_dir)
    if state is None:
        print("No stack is up here.")
        return 0
    _end(state, state_dir)
    print("The stack has ended.")
    return 0


def _end(state: endpoints.State, state_dir: Path) -> None:
    if _is_ours(state.supervisor):
        os.kill(state.supervisor, signal.SIGTERM)
        _await_end([state.supervisor])
    left = [pid for pid in state.children.values() if _is_ours(pid)]
    for pid in left:
        os.killpg(pid, signal.SIGKILL)
    _await_end(left)
    endpoints.remove(state_dir)


def _await_end(pids: list[int]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(_is_ours(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _is_ours(pid: int) -> bool:
    """Whether this process lives and is part of a stack: a number may long belong to somebody else."""
    # Wide: where ps sees no terminal it may cut lines at 80 columns, and what tells a process stands behind its folder.
    argv = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    listing = subprocess.run(argv, capture_output=True, text=True, check=False)
    return any(word in listing.stdout for word in ("infra.local", "functions_framework", "pubsub-emulator"))


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed: what watches it ends the stack in order
        write_line(text)


def _prefixed(name: str, line: str) -> None:
    _say(f"[{name}] {line}")
