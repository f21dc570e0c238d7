"""Answers on disk: kept as they arrive, found again by what was asked, and laid out for people to look at."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core import jsontext
from shared.core.results import schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DOCUMENT = "result.json"
_ANSWERED = frozenset({"ok", "empty", "partial", "blocked", "unsupported"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A result document, and the folder that holds it with its files."""

    document: dict[str, Any]
    folder: Path


class Answers:
    """A folder of answers, one folder each, named by key. A whole answer is there, or nothing of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> Kept | None:
        """Return an answer of an earlier run; one that cannot be read, or does not fit its schema, is none."""
        folder = self._folder / key
        try:
            document = json.loads((folder / _DOCUMENT).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        fits = schemas.problem(document) is None and document["status"] in _ANSWERED
        whole = fits and all((folder / file_name(file)).is_file() for file in document["files"])
        return Kept(document, folder) if whole else None

    def keep(self, key: str, document: dict[str, Any], fetch: Callable[[Mapping[str, Any], Path], None]) -> Kept:
        """Write an answer; `fetch` writes one of its files to a path. What is no answer never replaces one."""
        answered = document["status"] in _ANSWERED
        target = self._folder / (key if answered else f"{key}-{document['status']}")
        self._folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=self._folder))
        try:
            for file in document.get("files", ()):
                fetch(file, part / file_name(file))
            (part / _DOCUMENT).write_bytes(jsontext.dump(document))
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return Kept(document, target)


def lay_out(kept: Kept, place: Path, task: str) -> dict[str, Path]:
    """Put an answer into a folder of results, `detect.json` beside `detect-mask-000.png`; return paths by file name.

    The files are links to those of the answer where the disk can, for masks take room.
    """
    place.mkdir(parents=True, exist_ok=True)
    _link(kept.folder / _DOCUMENT, place / f"{task}.json")
    found = {}
    for file in kept.document["files"]:
        found[file["name"]] = place / f"{task}-{file_name(file)}"
        _link(kept.folder / file_name(file), found[file["name"]])
    return found


def file_name(file: Mapping[str, Any]) -> str:
    """Return what a file of a result is called, without its folder."""
    return str(file["name"]).rpartition("/")[2]


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
