"""What the stack writes is for its owner alone, whatever the umask and whatever an earlier version left."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from infra.local.private import keep_private, write_privately

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_from_then_on_is_closed_to_others(tmp_path: Path) -> None:
    state_dir = tmp_path / "a" / "state"

    write_privately()
    keep_private(state_dir)
    (state_dir / "results").mkdir()
    (state_dir / "results" / "cat.json").write_text("{}", encoding="utf-8")

    assert [_mode(path) for path in (state_dir, state_dir / "results")] == [0o700, 0o700]
    assert _mode(state_dir / "results" / "cat.json") == 0o600


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "results" / "01-cat").mkdir(parents=True)
    paths = [tmp_path / "stack.log", tmp_path / "overview-2.jpg", tmp_path / "results" / "01-cat" / "detect.json"]
    for path in paths:
        path.touch()

    keep_private(tmp_path)

    assert {_mode(path) for path in paths} == {0o600}
    assert {_mode(path) for path in (tmp_path, tmp_path / "results", tmp_path / "results" / "01-cat")} == {0o700}


def test_a_folder_of_somebody_elses_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    theirs = tmp_path / "theirs.txt"
    theirs.touch()

    keep_private(tmp_path)

    assert (_mode(tmp_path), _mode(theirs)) == (0o755, 0o666)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    (tmp_path / "state" / "results").mkdir(parents=True)
    (tmp_path / "state" / "results" / "link").symlink_to(elsewhere)

    keep_private(tmp_path / "state")

    assert _mode(elsewhere) == 0o666
