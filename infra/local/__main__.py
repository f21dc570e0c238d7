"""`python -m infra.local COMMAND`: the stack, the demo, or one emulator alone."""

from __future__ import annotations

import os
import signal


def _end_at_once(*_: object) -> None:
    os._exit(130)  # nothing has begun that would have to end in order


if __name__ == "__main__":  # before anything else is imported: that takes a second or two, in which people press Ctrl-C
    signal.signal(signal.SIGINT, _end_at_once)

import argparse  # noqa: E402
import importlib  # noqa: E402
import sys  # noqa: E402

from shared.command_line import escape_what_cannot_be_shown  # noqa: E402

COMMANDS = {
    "up": ("infra.local.up", "start the whole stack; it stays until `down` or Ctrl-C"),
    "down": ("infra.local.down", "end the stack"),
    "demo": ("infra.local.demo.cli", "send photos through the whole chain and show what comes out"),
    "storage": ("infra.emulators.storage.cli", "a Cloud Storage emulator"),
    "pubsub": ("infra.emulators.pubsub.cli", "a Pub/Sub emulator"),
    "gemini": ("infra.emulators.gemini.cli", "a Gemini API emulator that answers by classical vision"),
    "viewer": ("infra.local.viewer.cli", "the page that shows images and what was found in them"),
}


def main(argv: list[str]) -> int:
    """Run one command; only its own module is imported, so that each service starts fast."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if word in COMMANDS), None)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            importlib.import_module(module).add_arguments(command)
    args = parser.parse_args(argv)
    run = importlib.import_module(COMMANDS[args.command][0]).run
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return int(run(args))


if __name__ == "__main__":
    escape_what_cannot_be_shown()
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
