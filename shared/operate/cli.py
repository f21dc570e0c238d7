"""The operators' commands, one module each: `add_arguments(parser)`, and `run(args)`, which returns the exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Final

from shared.command_line import run_to_exit_code
from shared.core.errors import NotFoundError, SettingsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "status": ("shared.operate.status", "say what is done, at work, waiting and stuck, and which command mends it"),
    "redrive": ("shared.operate.redrive", "give failed work another chance, after the cause is mended"),
    "plan": ("shared.operate.plan", "say what would happen to an upload, and which rule decided it"),
    "release": ("shared.operate.release", "publish held events again, now instead of at their hour"),
    "models": ("shared.operate.models", "say which models answer today, or compare them with a page of Google's"),
    "backfill": ("shared.operate.backfill", "look at what lay in a bucket before, or say what that would cost"),
    "evaluate": ("shared.operate.evaluate", "say how right results are, against a labelled set, and compare runs"),
    "cost": ("shared.operate.cost", "sum up what results have cost: tokens, and US dollars at list price"),
}
_EPILOG = """\
The settings are those of the functions (docs/settings.md); a local stack's are in .local/stack.env.

Exit codes: 0 done; 1 it failed; 2 wrong usage; 3 something was left, and the output says what and why.
"""


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; only its own module is imported."""
    args = _parser(argv).parse_args(argv)
    return run_to_exit_code(
        lambda: int(importlib.import_module(COMMANDS[args.command][0]).run(args)),
        failures=(NotFoundError, TransientError, SettingsError),
        tell=lambda error: print(f"{args.command} failed: {error}", file=sys.stderr),  # noqa: T201 - a command
    )


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.operate",
        description="Operate a deployment of Uplook.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if word in COMMANDS), None)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            importlib.import_module(module).add_arguments(command)
    return parser
