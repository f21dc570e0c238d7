"""What can be known of a command without running it: that its target, module, flags and paths exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from functools import cache
from typing import Final

from tests.docs.blocks import ROOT
from tests.docs.stage import known
from tests.docs.stand_in import complaint

_OURS: Final = ("docs/", "functions/", "infra/", "shared/", "tests/", "requirements")
_VARIABLE: Final = re.compile(r"([A-Z][A-Z_]*)=(.*)", re.DOTALL)
_PYTHONS: Final = (".venv/bin/python", "python3")
_BARE: Final = {"python": ".venv/bin/python", "pytest": ".venv/bin/python -m pytest", "pip": ".venv/bin/python -m pip"}
_INTO_ANOTHER_PROJECT: Final = ["pip", "install"]
"""Typed in another project's own environment, to install a folder of ours there."""
_SOURCES: Final = {"infra", "shared", "tests", "functions"}


def is_command(code: str) -> bool:
    """Whether code in a sentence is a command, not a name."""
    words = _words(code)
    return len(words) > 1 and words[0] in {"make", *_PYTHONS, *_BARE, "infra/deploy.sh", *known()["flags"]}


def problem(command: str) -> str | None:
    """Return what is wrong with a command, or None."""
    words = _words(command)
    if not words:
        return None
    first, rest = words[0], words[1:]
    if first in _BARE and words[:2] != _INTO_ANOTHER_PROJECT:
        return f"{first}: write {_BARE[first]}, which works in a shell without an activated environment"
    found = None
    if first == "make":
        found = _make(rest)
    elif first in _PYTHONS and rest[:1] == ["-m"]:
        found = _module(rest[1], tuple(rest[2:]))
    elif first in known()["flags"]:
        found = complaint(known(), first, rest)
    return found or next((f"there is no {word}" for word in words if _is_missing(word)), None)


def _words(command: str) -> list[str]:
    """Return a command's words without comment and assignments; one that is cut short (`"$(…`) has none."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return []
    while words and _VARIABLE.fullmatch(words[0]):
        words.pop(0)
    return words


def _make(words: list[str]) -> str | None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        if found := _VARIABLE.fullmatch(word):
            if not re.search(rf"\$\((?:or \$\()?{found[1]}\)|^{found[1]} \?=", makefile, re.MULTILINE):
                return f"make: the Makefile reads no variable {found[1]}"
        elif not re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE):
            return f"make: there is no target {word}"
    return None


def _module(module: str, words: tuple[str, ...]) -> str | None:
    try:
        if importlib.util.find_spec(module) is None:
            return f"there is no module {module}"
    except ModuleNotFoundError as error:
        return f"there is no module {error.name}"
    if module.partition(".")[0] not in _SOURCES:
        return None
    flags = {word.partition("=")[0] for word in words if word.startswith("--")}
    command = words[:1] if words and re.fullmatch(r"[a-z][a-z-]*", words[0]) else ()
    if not flags and not command:
        return None
    code, text = _help(module, command)
    if code:
        return f"{module} {' '.join(command)} has no --help: {text}"
    missing = sorted(flag for flag in flags if not re.search(rf"{flag}\b", text))
    return f"{module} {' '.join(command)} has no {', '.join(missing)}" if missing else None


@cache
def _help(module: str, command: tuple[str, ...]) -> tuple[int, str]:
    argv = [sys.executable, "-m", module, *command, "--help"]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    return ended.returncode, ended.stdout + ended.stderr


def _is_missing(word: str) -> bool:
    """Whether a word names a path of ours that is not there; what a command makes is not looked for."""
    path = word.partition("::")[0].removeprefix("./")
    return path.startswith(_OURS) and "*" not in path and not (ROOT / path).exists() and not path.endswith(".tfvars")
