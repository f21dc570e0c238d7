"""A dataset as a folder of files: all of it, or nothing under its name."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Folder:
    """Where a dataset is being written. Names are relative paths with slashes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def make(self, name: str) -> None:
        """Make a folder, and those above it."""
        (self._root / name).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, data: bytes | Iterable[str]) -> None:
        """Write a file, and the folders that it needs."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, bytes):
            path.write_bytes(data)
            return
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.writelines(data)


@contextmanager
def new_folder(path: Path) -> Iterator[Folder]:
    """Give a folder to write into, which takes the name `path` at the end; after a failure nothing is left of it.

    Raises:
        SettingsError: something is there, or the place cannot be written to.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()) or (path.is_dir() and any(path.iterdir())):
        raise SettingsError(
            f"expected a new or an empty folder, found {path} with something in it: the labels of an older export would"
            " stay among the new ones. Name another one, or remove it."
        )
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise SettingsError(f"expected a place for the export, found {path}: {error.strerror}.") from error
    try:
        yield Folder(partial)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
