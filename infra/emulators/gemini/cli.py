"""The command line: `gemini-emulator`, `python -m infra.emulators.gemini`, or a command of `infra.local`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.cli import add_listening, policy_of, run_alone
from ..common.serve import serve_http
from .addresses import is_control
from .app import Options, build_app
from .eyes import EYES_VARIABLE, Eyes, names_things
from .recorded_replies import load_replies

if TYPE_CHECKING:
    import argparse

NUMBERS = (
    ("--latency-ms", 0, "hold every answer back that long"),
    ("--inline-limit-mb", 20, "largest request body, in MiB"),
    ("--processing-seconds", 0, "how long an uploaded file stays PROCESSING"),
    ("--batch-seconds", 0, "the shortest time a batch job takes, half of it PENDING"),
    ("--files-quota-mb", 20 * 1024, "room for uploaded files, in MiB"),
    ("--file-ttl-seconds", 48 * 3600, "how long a file lives"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_listening(parser)
    for name, default, text in NUMBERS:
        parser.add_argument(name, type=float, default=default, help=f"{text} (default: %(default)s)")
    parser.add_argument(
        "--storage",
        metavar="URL",
        default=os.environ.get("STORAGE_EMULATOR_HOST"),
        help="Cloud Storage server that gs:// addresses are read from (default: STORAGE_EMULATOR_HOST)",
    )
    parser.add_argument(
        "--eyes",
        choices=list(Eyes),
        default=os.environ.get(EYES_VARIABLE) or Eyes.AUTO,
        help="whether a detector names things: auto, if its weights are there (default: EYES, else auto)",
    )
    parser.add_argument("--replies", type=Path, metavar="DIR", help="recorded replies: folders with a response.txt")
    parser.add_argument("--retired", action="store_true", help="answer gemini-2.0-flash too, as old examples name it")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    # Two pictures are looked at at once: more threads for one of them would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        options = Options(
            latency_ms=args.latency_ms,
            inline_limit_mb=args.inline_limit_mb,
            processing_seconds=args.processing_seconds,
            batch_seconds=args.batch_seconds,
            files_quota_mb=args.files_quota_mb,
            file_ttl_seconds=args.file_ttl_seconds,
            storage=args.storage,
            retired=args.retired,
            detector=names_things(args.eyes),
            replies=load_replies(args.replies),
        )
        policy = replace(policy_of(args), control=is_control)
        serve_http(build_app(options), port=args.port, host=args.host, policy=policy)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"gemini: {_said(error)}\n")
        return 1
    return 0


def main() -> int:
    """Run the emulator alone, and return the exit status."""
    return run_alone(
        "gemini-emulator",
        "A Gemini API emulator that answers by classical vision, and by a small detector where there is one.",
        add_arguments=add_arguments,
        run=run,
    )


def _said(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
