"""`python -m infra.local demo`: start the stack, send photos through it, show every result, end the stack."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.emulators.common.console import write_line
from infra.local import arguments, cost_consent, external_services, interrupts
from infra.local.demo import preparing, show
from infra.local.demo import run as demo_run
from infra.local.demo.answers import Answers
from infra.local.demo.resume import take_up
from infra.local.demo.web import serving
from infra.local.official_pubsub import OfficialUnavailableError
from infra.local.private import keep_private, write_privately
from infra.local.process import ServiceError, without_proxy
from infra.local.stack import Options, Stack
from shared.core.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from infra.local.demo.resume import Work

TIMEOUT_S = 240.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `demo`."""
    parser.add_argument("--images", type=arguments.path, help="your own image or folder (default: sample photographs)")
    parser.add_argument("--pubsub", choices=["embedded", "official"], default="embedded", help="which emulator")
    parser.add_argument("--backend", choices=["developer", "vertex"], default="developer", help="which Gemini API")
    arguments.add_gemini(parser)
    parser.add_argument("--fresh", action="store_true", help="ask again what an earlier run has answered")
    parser.add_argument("--state", type=arguments.path, default=Path(".local/demo"), help="folder for logs and results")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, help="seconds without any progress to give up after"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 only if every image has its results."""
    console = show.console()
    interrupted = threading.Event()
    interrupts.interrupt_on_signals(interrupted)
    started_s = time.monotonic()
    try:
        write_privately()
        os.environ.update(without_proxy(os.environ))
        keep_private(args.state)
        ok = _run(args, console, interrupted)
    except (ServiceError, SettingsError, OfficialUnavailableError, FileNotFoundError) as error:
        show.say(console, f"The demo could not run: {error}", style="red")
        return 1
    except KeyboardInterrupt:
        show.say(console, "Interrupted; the stack has ended. The same command takes up what has been answered.")
        return 130
    log_path = show.near(args.state / "stack.log")
    show.say(console, f"Took {time.monotonic() - started_s:.1f} s. Logs of every part: {log_path}")
    return 0 if ok else 1


def _run(args: argparse.Namespace, console: Console, interrupted: threading.Event) -> bool:
    real = args.gemini == "real"
    (args.state / "samples").mkdir(exist_ok=True)
    with serving(args.state / "samples") as web:
        environ = {"IMAGE_URL_ORIGINS": web, **os.environ}
        samples = preparing.samples(args.images, args.state, console, web=web)
        asked = external_services.read(environ, real=real)
        planner = preparing.planner(environ, asked.gemini, vertex=args.backend == "vertex")
        answers = Answers(args.state / "answers")
        # The samples show the chain at work: they are asked anew every time, unless that costs money.
        takes_up = not args.fresh and (real or args.images is not None)
        work = take_up(planner.plan(samples), planner, answers.find if takes_up else _nothing)
        if work.words:
            show.say(console, work.words)
        if asked.gemini is not None and work.calls:
            environ |= _agree(work, asked.gemini, args, console)
        demo = demo_run.Demo(work, answers, args.state, args.timeout, planner.run, interrupted=interrupted, paid=real)
        if not work.calls:
            return demo_run.run(demo, None, console)
        with _stack(args, environ, console) as stack:
            return demo_run.run(demo, stack, console)


def _nothing(_key: str) -> None:
    """Find no earlier answer."""


def _agree(work: Work, gemini: external_services.Gemini, args: argparse.Namespace, console: Console) -> dict[str, str]:
    """Say what will be sent and paid, and have it agreed to; return the settings that hold the run to it."""
    cost = cost_consent.estimate(preparing.calls(work), day=dt.datetime.now(dt.UTC).date())
    for line in cost_consent.offer(preparing.what(work), gemini.words, cost):
        show.say(console, line)
    cost_consent.require_yes(yes=args.yes)
    return {"MAX_CALLS_PER_DAY": str(min(cost.most_calls, _set_calls(os.environ)))}


def _set_calls(environ: Mapping[str, str]) -> float:
    text = environ.get("MAX_CALLS_PER_DAY", "").strip()
    return int(text) if text.isdecimal() else float("inf")


@contextlib.contextmanager
def _stack(args: argparse.Namespace, environ: Mapping[str, str], console: Console) -> Iterator[Stack]:
    started_s = time.monotonic()
    options = Options(
        args.state, args.pubsub == "official", vertex=args.backend == "vertex", real=args.gemini == "real"
    )
    with contextlib.ExitStack() as parts:
        log = parts.enter_context((args.state / "stack.log").open("w", encoding="utf-8"))
        status = parts.enter_context(console.status("starting the stack"))
        stack = Stack(
            options,
            environ=environ,
            say=lambda text: show.say(console, f"  {text}", indent=" " * 13),
            on_line=lambda name, line: write_line(f"[{name}] {line}", log),
            waiting_for=lambda parts: status.update(show.fitting(f"waiting for {parts}", console)),
        )
        parts.enter_context(stack)
        status.stop()
        show.say(console, f"Stack ready after {time.monotonic() - started_s:.1f} s.")
        yield stack
