"""The classes of a project: a text file with a name in each line, whose line is the id of the class for ever.

New labels are added at the end, in the order of the alphabet, and the file is replaced as a whole under a lock: two
exports at the same time never give one number twice.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

UNLABELLED: Final = "object"
TEXT: Final = "text"

_NEVER_PLAIN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def is_usable(item: Mapping[str, Any]) -> bool:
    """Whether an item of a result has a box to work with."""
    return item["status"] == "ok" and item["box_px"] is not None


def category(item: Mapping[str, Any]) -> str:
    """Return the name of an item's class: `text` for a line of text, else its label in one line, or `object`.

    What neither a line of text nor XML nor YAML can hold as it is becomes U+FFFD.
    """
    if item.get("text") is not None:
        return TEXT
    return _NEVER_PLAIN.sub("\ufffd", " ".join(item["label"].split())) or UNLABELLED


def ids_of(names: Sequence[str]) -> dict[str, int]:
    """Return the id of each class: the number of its line, from 1 as in COCO. YOLO counts the same lines from 0."""
    return {name: number for number, name in enumerate(names, 1)}


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the names in the order of their ids; none, where there is no file yet.

    Raises:
        SettingsError: the file cannot be read as such a list; the message names the line.
    """
    try:
        return _names(path, path.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SettingsError(f"expected a file of classes, found {path}: {error.strerror}.") from error


def extend_classes(path: Path, labels: Iterable[str]) -> tuple[str, ...]:
    """Add labels that are new to the end of the file, and return all names in the order of their ids.

    Raises:
        SettingsError: the file cannot be read or written, or is no list of names.
    """
    wanted = set(labels)
    known = read_classes(path)
    if wanted <= set(known):
        return known
    try:
        with _locked(path):
            known = read_classes(path)
            names = (*known, *sorted(wanted - set(known)))
            _replace(path, "".join(f"{name}\n" for name in names))
    except OSError as error:
        raise SettingsError(
            f"expected a place where classes can be kept, found {path}: {error.strerror}; name another file with"
            " --classes."
        ) from error
    return names


def _names(path: Path, data: bytes) -> tuple[str, ...]:
    try:
        # A last line without its end is whole, too. Nothing else ends a line: no name has a line break of any kind.
        lines = data.decode("utf-8-sig").removesuffix("\n").split("\n") if data.strip() else []
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: expected the names of classes in UTF-8: {error}.") from error
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if not name:
            raise SettingsError(f"{path}:{number}: expected the name of a class, found an empty line: ids are lines.")
        if name in seen:
            raise SettingsError(f"{path}:{number}: expected each class once, found {name!r} as in line {seen[name]}.")
        seen[name] = number
    return tuple(seen)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file as it is named now, which is made where there is none."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Who waited may hold the file that was replaced meanwhile.
            if os.path.samestat(os.fstat(handle), path.stat()):
                yield
                return
        finally:
            os.close(handle)


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path.resolve())
    except BaseException:
        Path(name).unlink()
        raise
