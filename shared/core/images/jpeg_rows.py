"""Whether all rows of a JPEG are in its file: decoders fill missing ones with grey, and say nothing.

An entropy-coded scan does not tell its length. What tells is a decoder that gets the scan without an end marker, and so
without leave to make anything up: it asks for more where rows are missing. A progressive JPEG has to be ended; its rows
are all there if what is put behind its last scan changes no pixel of it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from shared.core.errors import ErrorCode, ImageRejectedError
from shared.core.images.decoders import load, open_pillow

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = b"\xff\xd9"
_FILLINGS = (b"\x00" * 12, b"\x55\xa3" * 6)
"""Bits that mean different things as image data; a decoder reads up to eight bytes ahead of what it needs."""

_RESTART_INTERVAL, _SCAN = b"\xff\xdd", b"\xff\xda"
_RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")

_SMALLEST = 8


def has_all_rows(scans: bytes, *, progressive: bool) -> bool:
    """Whether the rows of a JPEG are complete; `scans` is its file up to the end of its last scan, without end marker.

    Raises:
        ImageRejectedError: it cannot be decoded at all.
    """
    if progressive:
        return len({_digest(scans + filling + _END) for filling in _fillings(scans)}) == 1
    try:
        _decoded_small(scans + _FILLINGS[0])
    except ImageRejectedError as error:
        if error.code == ErrorCode.TRUNCATED:
            return False
        raise
    return True


def _fillings(scans: bytes) -> Iterator[bytes]:
    """Yield what is put behind the last scan of a progressive JPEG.

    Where scans are cut into intervals, a decoder skips everything up to the next restart marker if its interval is
    complete, and fills the others: so what follows is put behind the marker that it waits for, too.
    """
    yield from _FILLINGS
    if _RESTART_INTERVAL in scans:
        seen = _RESTARTS.findall(scans, scans.rfind(_SCAN))
        expected = (seen[-1][1] - 0xD0 + 1) % 8 if seen else 0
        yield from (bytes([0xFF, 0xD0 + expected]) + filling for filling in _FILLINGS)


def _digest(data: bytes) -> bytes:
    image = open_pillow(data, "jpeg")
    load(image, "jpeg")
    return hashlib.sha256(image.tobytes()).digest()


def _decoded_small(data: bytes) -> None:
    """Decode at an eighth of the size, and grey: the bits have to be read all the same."""
    image = open_pillow(data, "jpeg")
    image.draft("L", (max(1, image.width // _SMALLEST), max(1, image.height // _SMALLEST)))
    load(image, "jpeg")
