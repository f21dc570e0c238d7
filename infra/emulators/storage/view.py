"""A folder in which a person finds the live objects as ordinary files: `<bucket>/<object name>`.

It only shows what there is: nothing is ever read back from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import uuid
from pathlib import Path

from .model import MAX_NAME_BYTES

MAX_SEGMENT_BYTES = 255
"""The longest file name that common file systems take."""

# What a file system, a shell or the tools for buckets would read as something else; `~` begins our own names.
_UNSAFE = re.compile(r"[%~#\[\]*?\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


class View:
    """The files below `folder`; `staging` is a folder of the same file system for files in the making."""

    def __init__(self, folder: Path, staging: Path) -> None:
        self._folder = folder
        self._staging = staging
        self._shown: dict[tuple[str, str], Path] = {}

    def place(self, bucket: str, name: str, *, before: str | None = None) -> str:
        """Return where an object's file lies, relative to the folder: where it was `before`, if it was there."""
        if (bucket, name) not in self._shown:
            self._shown[bucket, name] = self._folder / before if before else self._free_path(bucket, name)
        return str(self._shown[bucket, name].relative_to(self._folder))

    def show(self, bucket: str, name: str, source: Path) -> None:
        """Let an object's file, which has its place, hold what `source` holds."""
        path = self._shown[bucket, name]
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = self._staging / uuid.uuid4().hex
        link_or_copy(source, staged)
        staged.replace(path)

    def hide(self, bucket: str, name: str) -> None:
        """Remove an object's file, and the folders that are empty without it."""
        path = self._shown.pop((bucket, name), None)
        if path is None:
            return
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the first folder that is not empty ends it
            for folder in path.parents:
                if folder == self._folder:
                    return
                folder.rmdir()

    def _free_path(self, bucket: str, name: str) -> Path:
        shown = file_path(name)
        path = self._folder / bucket / shown
        short = all(len(part.encode()) <= MAX_SEGMENT_BYTES for part in path.parts)
        if short and len(shown.encode()) <= MAX_NAME_BYTES and self._is_free(path):
            return path
        # `a` and `a/b` are two objects, but cannot be two files; nor can `a` and `A` on every file system.
        suffix = _SUFFIX.search(name)
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self._folder / bucket / f"~{digest}{suffix.group() if suffix else ''}"

    def _is_free(self, path: Path) -> bool:
        between = path.parents[: len(path.relative_to(self._folder).parts) - 1]
        return not os.path.lexists(path) and not any(folder.is_file() for folder in between)


def file_path(name: str) -> str:
    """Return an object's name as a relative path: no segment is empty, `.` or `..`, and no two names share a path.

    >>> file_path("a/../b#1")
    'a/%2E%2E/b%231'
    """
    first, *others = _UNSAFE.sub(_percent, name).split("/")
    path = _without_dots(first)
    for segment in others:
        # An empty segment would vanish on a file system: its slash is escaped instead.
        path += ("/" if segment and path else "%2F") + _without_dots(segment)
    return path


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy of it where that is impossible."""
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _without_dots(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
