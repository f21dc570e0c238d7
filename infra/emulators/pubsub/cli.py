"""The command line: `pubsub-emulator`, `python -m infra.emulators.pubsub`, or a command of `infra.local`."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from ..common.cli import add_listening, policy_of, run_alone
from .app import serve
from .broker import DEFAULT_PUSH_SLOTS

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_listening(parser)
    parser.add_argument("--control-port", type=int, default=0, help="port of the HTTP control API (default: any)")
    parser.add_argument(
        "--push-concurrency",
        type=int,
        default=DEFAULT_PUSH_SLOTS,
        metavar="N",
        help="pushes in flight per subscription (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; 1 if the port is taken."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(
            serve(
                args.port,
                push_slots=args.push_concurrency,
                control_port=args.control_port,
                host=args.host,
                policy=policy_of(args),
            )
        )
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Run the emulator alone, and return the exit status."""
    return run_alone("pubsub-emulator", "A Pub/Sub emulator.", add_arguments=add_arguments, run=run)
