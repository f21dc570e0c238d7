"""`python -m infra.local demo`: start the stack, send photos through it, show every result, end the stack."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from infra.emulators.common.console import write_line
from infra.local import arguments, ending
from infra.local.demo import run as demo_run
from infra.local.demo import show
from infra.local.demo.web import serving
from infra.local.official_pubsub import OfficialUnavailableError
from infra.local.process import ServiceError
from infra.local.stack import Options, Stack

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `demo`."""
    parser.add_argument("--images", type=arguments.path, help="your own image or folder (default: sample photographs)")
    parser.add_argument("--pubsub", choices=["embedded", "official"], default="embedded", help="which emulator")
    parser.add_argument("--backend", choices=["developer", "vertex"], default="developer", help="which Gemini API")
    parser.add_argument("--state", type=arguments.path, default=Path(".local/demo"), help="folder for logs and results")
    parser.add_argument("--timeout", type=float, default=240, help="seconds to wait for all results")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 only if every image has its results."""
    console = show.console()
    log_path = args.state / "stack.log"
    ending.interrupt_on_signals(threading.Event())
    started_s = time.monotonic()
    with contextlib.ExitStack() as parts:
        try:
            (args.state / "samples").mkdir(parents=True, exist_ok=True)
            web = parts.enter_context(serving(args.state / "samples"))
            uploads = demo_run.prepare(args.images, args.state, console, web=web)
            log = parts.enter_context(log_path.open("w", encoding="utf-8"))
            stack = Stack(
                Options(args.state, args.pubsub == "official", vertex=args.backend == "vertex"),
                environ={"IMAGE_URL_ORIGINS": web, **os.environ},
                say=lambda text: console.print(f"  {text}"),
                on_line=lambda name, line: write_line(f"[{name}] {line}", log),
            )
            with stack:
                console.print(f"Stack ready after {time.monotonic() - started_s:.1f} s.")
                shutil.rmtree(args.state / "results", ignore_errors=True)  # not before there can be others
                ok = demo_run.run(uploads, stack, args.state, timeout_s=args.timeout, console=console)
        except (ServiceError, OfficialUnavailableError, FileNotFoundError) as error:
            console.print(Text.assemble(("The demo could not run:", "red"), f" {error}"))
            return 1
        except KeyboardInterrupt:
            console.print("Interrupted; the stack has ended.")
            return 130
    console.print(f"Took {time.monotonic() - started_s:.1f} s. Logs of every part: {log_path}")
    return 0 if ok else 1
