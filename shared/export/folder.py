"""Results on this machine: a copy of the bucket, or what `make demo` left in `.local/demo/results`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.export.reading import UnreadableError, parsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class FolderResults:
    """Results below a folder, at any depth.

    The files of a result lie in the folder `<task>/` beside its document, as in the bucket, or beside it as
    `<task>-<file>`, as the demo puts them. So a copy of any part of the bucket will do.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, Path] = {}

    def names(self) -> Sequence[str]:
        """Return the paths of all JSON files, relative to the folder."""
        return sorted(f"./{path.relative_to(self._folder).as_posix()}" for path in self._folder.rglob("*.json"))

    def place(self, name: str) -> str:
        """Return the path."""
        return str(self._folder / name)

    def read_document(self, name: str) -> dict[str, Any]:
        """Read a document, and note where its files lie."""
        path = self._folder / name
        document = parsed(_read(path))
        for file in document["files"]:
            own_name = file["name"].rpartition("/")[2]
            beside = path.parent / f"{document['task']}-{own_name}"
            self._places[file["name"]] = beside if beside.is_file() else path.parent / document["task"] / own_name
        return document

    def read_file(self, name: str) -> bytes:
        """Read a file that a document names."""
        if name not in self._places:
            raise UnreadableError(f"expected {name} among the files of its document, found other names")
        return _read(self._places[name])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
