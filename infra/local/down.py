"""`python -m infra.local down`: end a stack that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local import arguments
from infra.local.up import STATE_DIR, stop

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `down`."""
    parser.add_argument("--state", type=arguments.path, default=STATE_DIR, help="folder given to `up`")


def run(args: argparse.Namespace) -> int:
    """End the stack of this folder."""
    return stop(args.state)
