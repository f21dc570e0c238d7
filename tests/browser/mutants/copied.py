"""A copy of the repository, in which things may be broken; never the repository itself."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.mutants.judging import Mutant

ROOT: Final = Path(__file__).parents[3]
_MARK: Final = ".copy-to-be-broken"
_LEFT_OUT: Final = (".git", ".venv*", ".local*", ".*_cache", ".hypothesis", "__pycache__", "node_modules")


def copy_to(folder: Path) -> Path:
    """Copy the repository as it is now, with what is not committed, and without environments and caches."""
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    (copy / _MARK).touch()
    return copy


@contextlib.contextmanager
def mutated(copy: Path, mutant: Mutant) -> Iterator[None]:
    """Have a mutant in a copy for the duration of the block.

    Raises:
        ValueError: this is no copy, or what is to be edited does not stand there exactly once.
    """
    if not (copy / _MARK).exists():
        raise ValueError(f"Expected a copy that may be broken, found {copy}.")
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.name}: expected {mutant.old!r} once in {mutant.file}, found it {text.count(mutant.old)} times."
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")
