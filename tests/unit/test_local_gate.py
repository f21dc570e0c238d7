"""The gate before a local stack's functions: whoever was let in is seen, and once it is closed nobody is let in."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from infra.local import gate

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = """
import sys, time
from pathlib import Path
from infra.local import gate
place = gate.enter(Path(sys.argv[1]))
print("inside" if place else "refused", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def entrance(tmp_path: Path) -> Path:
    path = tmp_path / gate.FILE
    gate.open_for_all(path)
    return path


def test_several_are_inside_at_once_and_each_is_waited_for(entrance: Path) -> None:
    first, second = gate.enter(entrance), gate.enter(entrance)
    assert first is not None
    assert second is not None
    first.close()
    assert not gate.all_have_left(entrance)
    second.close()
    assert gate.all_have_left(entrance)


def test_behind_a_closed_gate_only_those_who_were_inside_go_on(entrance: Path) -> None:
    inside = gate.enter(entrance)
    assert inside is not None
    gate.close(entrance)
    assert gate.enter(entrance) is None
    assert not gate.all_have_left(entrance)
    inside.close()
    assert gate.all_have_left(entrance)


def test_the_next_stack_opens_it_again(entrance: Path) -> None:
    gate.close(entrance)
    gate.open_for_all(entrance)
    place = gate.enter(entrance)
    assert place is not None
    place.close()


def test_a_process_that_is_killed_has_left(entrance: Path) -> None:
    argv = [sys.executable, "-c", INSIDE, str(entrance)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        assert not gate.all_have_left(entrance)
        child.kill()
        child.wait()
        assert gate.all_have_left(entrance)
