"""Commands say what they have to say on every terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = "from shared.command_line import escape_what_cannot_be_shown as e; e(); print('caf\\xe9…')"
_RUN = """
import runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
finally:
    sys.stderr.write(sys.stdout.errors)
"""


def _child(encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "café…".encode()),
        ("cp1252", b"caf\xe9\x85"),
        ("latin-1", b"caf\xe9\\u2026"),
        ("ascii", b"caf\\xe9\\u2026"),
    ],
)
def test_what_a_terminal_cannot_show_is_escaped(encoding: str, written: bytes) -> None:
    assert _child(encoding, "-c", _SHOWN).stdout == written + os.linesep.encode()


@pytest.mark.parametrize("name", ["infra.evaluation", "infra.load", "infra.local", "shared.export", "shared.operate"])
def test_commands_that_tell_a_person_something_do_not_end_at_a_character(name: str) -> None:
    assert _child("ascii", "-c", _RUN, name, "--help").stderr == b"backslashreplace"


def test_statements_are_utf_8_on_every_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "café"
    folder.mkdir()
    said = _child("ascii", "-m", "infra.sql", "duckdb", str(folder)).stdout
    assert f"'{folder}/**/*.json'" in said.decode()
