"""The chunks of a WebP file (RFC 9649), walked without decoding a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.errors import ImageRejectedError
from shared.core.images.exif import orientation_of
from shared.core.images.limits import Limits, corrupt, truncated
from shared.core.images.structure import Structure
from shared.core.values import ImageInfo

_MAX_CHUNKS = 100_000
_FILE_HEADER_BYTES = 12
_HEAD_BYTES = 30
"""As much as the longest of the three first chunks needs to tell the size."""

_ANIMATED, _EXIF = 0x02, 0x08  # flags of VP8X


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    body: int
    end: int


def scan(data: bytes, limits: Limits) -> Structure:
    """Check that every chunk is there; the first one holds the size."""
    chunks = list(_chunks(data))
    if not chunks:
        raise truncated("WebP", "ends inside its header")
    width, height = _size(chunks[0].kind, data[chunks[0].body : chunks[0].body + 10])
    orientation, warnings = _orientation(data, chunks)
    frames = sum(chunk.kind == b"ANMF" for chunk in chunks) if _flags(data, chunks[0]) & _ANIMATED else 1
    return Structure(
        width=width,
        height=height,
        orientation=orientation,
        frames=min(max(1, frames), limits.max_frames),
        warnings=warnings,
    )


def read_head(head: bytes) -> ImageInfo | None:
    """Describe a plain file by its first bytes; None where it is turned or animated, or they do not tell."""
    kind, body = head[12:16], head[20:_HEAD_BYTES]
    if head[8:12] != b"WEBP" or len(head) < _HEAD_BYTES or (kind == b"VP8X" and body[0] & (_ANIMATED | _EXIF)):
        return None
    try:
        return ImageInfo(*_size(kind, body), "webp", "image/webp")
    except ImageRejectedError:
        return None


def _chunks(data: bytes) -> Iterator[_Chunk]:
    file_end = 8 + int.from_bytes(data[4:8], "little")
    if file_end > len(data):
        raise truncated("WebP", f"has {len(data):,} of the {file_end:,} bytes that its header announces")
    at = _FILE_HEADER_BYTES
    for _ in range(_MAX_CHUNKS):
        if at + 8 > min(file_end, len(data)):
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise truncated("WebP", f"ends inside its chunk {data[at : at + 4]!r}")
        yield _Chunk(data[at : at + 4], at + 8, at + 8 + size)
        at += 8 + size + size % 2
    raise corrupt("WebP", f"it has more than {_MAX_CHUNKS:,} chunks")


def _size(kind: bytes, head: bytes) -> tuple[int, int]:
    if kind == b"VP8X" and len(head) >= 10:  # noqa: PLR2004 - flags, then two 24-bit sizes less one
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L" and head[:1] == b"\x2f":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    raise corrupt("WebP", f"its first chunk {kind!r} holds no size")


def _orientation(data: bytes, chunks: list[_Chunk]) -> tuple[int, tuple[str, ...]]:
    """Read the EXIF, if the header announces some: decoders, and the head of a file, go by that alone."""
    if not _flags(data, chunks[0]) & _EXIF:
        return 1, ()
    return orientation_of(data[chunk.body : chunk.end] for chunk in chunks if chunk.kind == b"EXIF")


def _flags(data: bytes, first: _Chunk) -> int:
    return data[first.body] if first.kind == b"VP8X" and first.body < first.end else 0
