"""`python -m infra.local gemini`: the emulator alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from infra.local.gemini.app import Options, build_app
from infra.local.serve import serve_http

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 takes any free one")
    parser.add_argument("--latency-ms", type=float, default=0, help="hold every answer back that long")
    parser.add_argument("--inline-limit-mb", type=float, default=20, help="largest request body, in MiB")
    parser.add_argument(
        "--processing-seconds", type=float, default=0, help="how long an uploaded file stays PROCESSING"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    options = Options(
        latency_ms=args.latency_ms,
        inline_limit_mb=args.inline_limit_mb,
        processing_seconds=args.processing_seconds,
    )
    try:
        serve_http(build_app(options), port=args.port)
    except OSError as error:
        sys.stderr.write(f"gemini: {error.strerror}\n")
        return 1
    return 0
