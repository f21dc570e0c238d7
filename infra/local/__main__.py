"""`python -m infra.local COMMAND`: the stack, the demo, or one emulator alone."""

from __future__ import annotations

import argparse
import importlib
import sys

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
    return int(importlib.import_module(COMMANDS[args.command][0]).run(args))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
