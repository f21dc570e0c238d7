"""Which files of a folder become uploads, and why the others do not."""

from __future__ import annotations

import mimetypes
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.events.manifest import is_manifest
from shared.core.images.sniff import describe, sniff
from shared.core.naming import is_object_name
from shared.core.planning.plan import looks_like_image

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS = frozenset({"avif", "bmp", "gif", "heic", "heif", "jpeg", "png", "tiff", "webp"})
_HEAD_BYTES = 4096  # more than any signature needs
HIDDEN = "hidden (its name begins with a dot)"
LINK = "a link (what it leads to may lie elsewhere)"
OWN = "this demo's own folder"
NAME = "no image by its name"
_SPECIAL = "neither a file nor a folder"
_UNNAMEABLE = "its name cannot be that of an object in Cloud Storage"
_TYPES = {".heic": "image/heic", ".heif": "image/heif", ".webp": "image/webp", ".avif": "image/avif"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Files to upload by object name, in order, and reason by name for what is left out; a folder ends in a slash."""

    taken: dict[str, Path] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def choose(given: Path, *, own: Path) -> Chosen:
    """Look through a folder, or at one file; nothing outside of the folder is followed, and nothing in `own` taken.

    Raises:
        FileNotFoundError: nothing is there, or the folder is empty, or holds no image; each is said.
    """
    if not given.exists():
        raise FileNotFoundError(f"IMAGES: there is nothing at {given}")
    root = given.resolve()  # whoever names a link means what it leads to
    own = own.resolve()
    chosen = Chosen()
    if root.is_dir():
        for name, path in _walk(root, "", own, chosen.left_out):
            _take(name, path, chosen)
    else:
        _take(given.name, root, chosen)
    if not chosen.taken and not chosen.left_out:
        raise FileNotFoundError(f"IMAGES: the folder {given} is empty")
    ordered = dict(sorted(chosen.taken.items(), key=lambda each: is_manifest(each[0])))
    return Chosen(ordered, dict(sorted(chosen.left_out.items())))


def content_type(name: str) -> str:
    """Return the content type that an upload of this name declares."""
    guessed = mimetypes.guess_type(f"./{name}")[0]  # a path: from Python 3.13 on, `IMG:2 #1.png` would be an address
    return guessed or _TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def _walk(folder: Path, prefix: str, own: Path, left_out: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """Yield every ordinary file below a folder with its name from there; note in `left_out` what is none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        left_out[prefix or "./"] = _unreadable(error)
        return
    for entry in entries:
        name, path = prefix + entry.name, Path(entry.path)
        if entry.is_symlink():
            left_out[name] = LINK
        elif entry.is_dir(follow_symlinks=False):
            reason = HIDDEN if entry.name.startswith(".") else OWN if path == own else None
            if reason:
                left_out[f"{name}/"] = reason
            else:
                yield from _walk(path, f"{name}/", own, left_out)
        elif entry.name.startswith("."):
            left_out[name] = HIDDEN
        elif not entry.is_file(follow_symlinks=False):
            left_out[name] = _SPECIAL
        else:
            yield name, path


def _take(name: str, path: Path, chosen: Chosen) -> None:
    reason = _why_not(name, path)
    if reason is None:
        chosen.taken[name] = path
    else:
        chosen.left_out[name] = reason


def _why_not(name: str, path: Path) -> str | None:
    """Return why a file is no upload, or None."""
    if not _is_utf8(name) or not is_object_name(name):
        return _UNNAMEABLE
    if not is_manifest(name) and not looks_like_image(name, content_type(name)):
        return NAME
    try:
        head = _head(path)
    except OSError as error:
        return _unreadable(error)
    return None if is_manifest(name) else _content_problem(head)


def _content_problem(head: bytes) -> str | None:
    if not head:
        return "an empty file"
    found = sniff(head)
    if found is None:
        return f"no image by its content, which looks like {describe(head)}"
    return None if found.format in _FORMATS else f"{found.mime_type}, which is not supported"


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8, as `os` keeps them
        return False
    return True


def _head(path: Path) -> bytes:
    """Read a file's beginning; never waits, and takes no link that was put there meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, _SPECIAL)
        return file.read(_HEAD_BYTES)


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"
