"""The command line of an emulator that runs alone: what its console script and `python -m` do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .guard import policy_for
from .serve import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from .guard import Policy


def run_alone(
    prog: str,
    description: str,
    *,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], int],
) -> int:
    """Read the command line, serve until told to stop, and return the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    add_arguments(parser)
    return run(parser.parse_args())


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where an emulator listens, and by which names it is called."""
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="address to listen on (default: %(default)s); others than loopback let in whoever reaches this machine",
    )
    parser.add_argument(
        "--called",
        action="append",
        default=[],
        metavar="NAME",
        help="another name that clients call this emulator by, such as a container's; all other names are refused",
    )


def policy_of(args: argparse.Namespace) -> Policy:
    """Return what the emulator lets in, as `add_listening`'s options say."""
    return policy_for(args.host, tuple(args.called))
