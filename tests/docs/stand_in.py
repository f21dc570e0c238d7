"""A program of the cloud that writes down what it is asked, and knows which commands and flags exist.

Its first argument is the path of the program that it stands for; it reads `commands.json` beside that. Like the real
one it refuses an unknown command or flag with exit code 2; otherwise it prints an answer and changes nothing.
"""

from __future__ import annotations

import json
import os.path
import sys

TYPE_CHECKING = False  # it starts hundreds of times for deploy.sh: importing typing and pathlib would double its time
if TYPE_CHECKING:
    from typing import Any


def complaint(known: dict[str, Any], program: str, arguments: list[str]) -> str | None:
    """Return what the program would say against a command, or None."""
    flags = [word for word in arguments if word.startswith("-") and word != "-"]  # a hyphen alone is standard input
    words = [word for word in arguments if word not in flags]
    stated = {word.partition("=")[0] for word in flags}
    commands = known["flags"][program]
    fitting = [each for each in commands if words[: len(each.split())] == each.split()]
    if not fitting:
        return f"{program}: no such command: {' '.join(words)}"
    command = max(fitting, key=len)
    if unknown := sorted(stated - set(commands[command]) - set(known["everywhere"].get(program, ()))):
        return f"{program} {command}: no such flag: {', '.join(unknown)}"
    if [program, command] == ["terraform", "output"] and not set(words[1:]) <= set(known["outputs"]):
        return f"terraform output: no such output: {' '.join(words[1:])}"
    return None


def main(argv: list[str]) -> int:
    """Check one command, record it, print an answer."""
    here, program = os.path.split(argv[0])
    with open(os.path.join(here, "commands.json"), encoding="utf-8") as table:  # noqa: PTH118, PTH123
        known = json.load(table)
    if said := complaint(known, program, argv[1:]):
        sys.stderr.write(f"{said}\n")
        return 2
    if "-" in argv[1:]:  # whoever writes to it must not find that nobody reads
        sys.stdin.buffer.read()
    with open(os.path.join(here, "asked.jsonl"), "a", encoding="utf-8") as log:  # noqa: PTH118, PTH123
        log.write(json.dumps([program, *argv[1:]]) + "\n")
    sys.stdout.write(f"{known['answers'][program]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
