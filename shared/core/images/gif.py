"""The blocks of a GIF file (GIF89a), walked without decoding a pixel."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from shared.core.images.limits import Limits, corrupt, truncated
from shared.core.images.structure import Structure

_HEADER_BYTES = 13
_MAX_BLOCKS = 500_000
_MAX_EXTENSION_BYTES = 2**16
_IMAGE, _EXTENSION, _TRAILER, _GRAPHIC_CONTROL = 0x2C, 0x21, 0x3B, 0xF9


@dataclass(slots=True)
class _Reader:
    """Where in the file the walk is, and how many blocks it may still take: tiny blocks cost the most."""

    data: bytes
    at: int
    blocks_left: int = _MAX_BLOCKS

    def skip_sub_blocks(self) -> bool:
        """Move past a chain of sub-blocks; False where the file or the patience ends first."""
        while self.at < len(self.data) and self.blocks_left:
            size = self.data[self.at]
            self.at += 1 + size
            self.blocks_left -= 1
            if size == 0:
                return True
        return False


def scan(data: bytes, limits: Limits) -> Structure:
    """Find the first frame, whole, and count those that follow up to the cap."""
    if len(data) < _HEADER_BYTES:
        raise truncated("GIF", "ends inside its header")
    screen_width, screen_height, flags = struct.unpack_from("<HHB", data, 6)
    reader = _Reader(data, _HEADER_BYTES + _palette_bytes(flags))
    width, height = _next_frame(reader) or _no_frame(reader)
    first_end, palette_end = reader.at, _HEADER_BYTES + _palette_bytes(flags)
    decodable = _without_comments(data, palette_end, first_end)
    frames = 1
    while frames < limits.max_frames and _next_frame(reader):
        frames += 1
    return Structure(
        # A frame that sticks out of the screen enlarges it, in Pillow as in browsers.
        width=max(screen_width, width),
        height=max(screen_height, height),
        frames=frames,
        decodable=decodable,
        changes=("oversized metadata left out",) if decodable is not None else (),
        warnings=() if reader.blocks_left else (f"frames were counted up to {frames} only",),
    )


def _without_comments(data: bytes, start: int, end: int) -> bytes | None:
    """Leave out long extensions before the first frame, which take Pillow quadratic time; None where they are short."""
    kept, extensions, reader = [data[:start]], 0, _Reader(data, start)
    while data[reader.at] == _EXTENSION:
        at = reader.at
        reader.at += 2
        reader.skip_sub_blocks()
        if data[at + 1] == _GRAPHIC_CONTROL:
            kept.append(data[at : reader.at])
        extensions += reader.at - at
    if extensions <= _MAX_EXTENSION_BYTES:
        return None
    return b"".join((*kept[:1], *kept[1:][-1:], data[reader.at : end], bytes([_TRAILER])))


def _no_frame(reader: _Reader) -> tuple[int, int]:
    if reader.at >= len(reader.data):
        raise truncated("GIF", "ends before its first frame does")
    raise corrupt("GIF", "it holds no frame")


def _next_frame(reader: _Reader) -> tuple[int, int] | None:
    """Move past the next whole frame and return how far it reaches; None where there is none."""
    while reader.at < len(reader.data):
        introducer = reader.data[reader.at]
        if introducer == _IMAGE:
            return _frame_extent(reader)
        if introducer != _EXTENSION:
            return None
        reader.at += 2
        if not reader.skip_sub_blocks():
            return None
    return None


def _frame_extent(reader: _Reader) -> tuple[int, int] | None:
    if reader.at + 11 > len(reader.data):
        reader.at = len(reader.data)
        return None
    left, top, width, height, flags = struct.unpack_from("<HHHHB", reader.data, reader.at + 1)
    reader.at += 11 + _palette_bytes(flags)
    return (left + width, top + height) if reader.skip_sub_blocks() else None


def _palette_bytes(flags: int) -> int:
    """Return the size of the colour table that packed flags announce: 3 * 2^(n+1) bytes, or none."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
