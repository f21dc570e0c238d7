"""The chunks of a PNG file (W3C PNG, third edition), walked and inflated under caps."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.errors import ImageRejectedError
from shared.core.images.exif import orientation_of
from shared.core.images.limits import Limits, corrupt, require_size, truncated, unsupported
from shared.core.images.structure import Structure
from shared.core.images.work import CHUNK_NS, CLEAR_PIXEL_NS
from shared.core.values import ImageInfo

_SIGNATURE_BYTES = 8
_MAX_CHUNKS = 100_000
_MAX_METADATA = 4 * 2**20
_MAX_PROFILE = 2**20
"""Pillow refuses compressed text and profiles that inflate to more than this."""

_INFLATE_STEP = 2**20
_PART_BYTES = 2**16
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, column step and row step of the seven passes."""

_APPLE = b"CgBI"
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One chunk: `start` and `end` span it with length and checksum, `body` is where its data begins."""

    kind: bytes
    start: int
    end: int

    @property
    def body(self) -> slice:
        return slice(self.start + 8, self.end - 4)


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    bits: int
    colour_type: int
    interlaced: bool

    @property
    def bits_per_pixel(self) -> int:
        return self.bits * _CHANNELS[self.colour_type]


def scan(data: bytes, limits: Limits) -> Structure:
    """Check the order, the ends and the checksums of all chunks."""
    header = _header(data)
    require_size(header.width, header.height, limits)
    chunks = list(_checked_chunks(data))
    orientation, warnings = _orientation(data, chunks)
    decodable = _without_metadata(data, chunks)
    clear_ns = CLEAR_PIXEL_NS * header.width * header.height * any(chunk.kind == b"tRNS" for chunk in chunks)
    return Structure(
        width=header.width,
        height=header.height,
        orientation=orientation,
        frames=min(_frames(data, chunks), limits.max_frames),
        bits=header.bits,
        extra_work_ns=CHUNK_NS * len(chunks) + clear_ns,
        decodable=decodable,
        changes=("oversized metadata left out",) if decodable is not None else (),
        warnings=warnings,
    )


def read_head(head: bytes) -> ImageInfo | None:
    """Describe a plain file by its first bytes; None where they are not all of it, or it is a rare kind.

    EXIF may stand behind the pixels (W3C PNG, 11.3.4.6): which way up the picture is is known only where the
    head is all of the file.
    """
    exif: list[_Chunk] = []
    for chunk in _spans(head):
        if chunk.end > len(head) or chunk.kind == b"acTL":
            return None
        if chunk.kind == b"IEND":
            return _head_info(head, exif)
        if chunk.kind == b"eXIf":
            exif.append(chunk)
    return None


def _head_info(head: bytes, exif: list[_Chunk]) -> ImageInfo | None:
    try:
        header = _header(head)
    except ImageRejectedError:
        return None
    if header.bits > 8:  # noqa: PLR2004 - bits per channel
        return None
    orientation, warnings = _orientation(head, exif)
    mode = _MODES[header.colour_type]
    return ImageInfo(header.width, header.height, "png", "image/png", orientation, mode=mode, warnings=warnings)


def require_all_rows(data: bytes) -> None:
    """Refuse a file whose compressed data ends before its last row: Pillow would show those rows as black."""
    expected = _expected_bytes(_header(data))
    try:
        found = _inflated_bytes(_pixel_parts(data), expected)
    except zlib.error as error:
        raise corrupt("PNG", "its compressed data is damaged") from error
    if found < expected:
        raise truncated("PNG", f"holds {100 * found // expected} % of its rows")


def _header(data: bytes) -> _Header:
    if len(data) < _SIGNATURE_BYTES + 25:
        raise truncated("PNG", "ends inside its header")
    length, kind, width, height, bits, colour_type, _, _, interlace = struct.unpack_from(">I4sIIBBBBB", data, 8)
    if kind == _APPLE:
        raise unsupported("a PNG of Apple's own kind for iOS (CgBI)")
    if kind != b"IHDR" or length != 13 or colour_type not in _CHANNELS or bits not in {1, 2, 4, 8, 16}:  # noqa: PLR2004 - the size of IHDR
        raise corrupt("PNG", "its header is malformed")
    return _Header(width, height, bits, colour_type, interlaced=interlace == 1)


def _spans(data: bytes) -> Iterator[_Chunk]:
    """Yield every chunk that begins within the bytes, the last one of a cut file longer than they are."""
    at = _SIGNATURE_BYTES
    while at + 8 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield _Chunk(data[at + 4 : at + 8], at, end)
        at = end


def _chunks(data: bytes) -> Iterator[_Chunk]:
    for number, chunk in enumerate(_spans(data)):
        if number == _MAX_CHUNKS:
            raise corrupt("PNG", f"it has more than {_MAX_CHUNKS:,} chunks")
        if chunk.end > len(data):
            break
        yield chunk
        if chunk.kind == b"IEND":
            return
    raise truncated("PNG", "ends before its IEND chunk")


def _checked_chunks(data: bytes) -> Iterator[_Chunk]:
    view = memoryview(data)
    for chunk in _chunks(data):
        if zlib.crc32(view[chunk.start + 4 : chunk.end - 4]) != int.from_bytes(data[chunk.end - 4 : chunk.end], "big"):
            raise corrupt("PNG", f"the checksum of its chunk {chunk.kind!r} is wrong")
        yield chunk


def _orientation(data: bytes, chunks: list[_Chunk]) -> tuple[int, tuple[str, ...]]:
    return orientation_of(data[chunk.body] for chunk in chunks if chunk.kind == b"eXIf")


def _frames(data: bytes, chunks: list[_Chunk]) -> int:
    for chunk in chunks:
        if chunk.kind == b"acTL":
            return max(1, int.from_bytes(data[chunk.body][:4], "big"))
    return 1


def _without_metadata(data: bytes, chunks: list[_Chunk]) -> bytes | None:
    """Leave out text and profiles that inflate to more than a decoder takes; None where the file will do."""
    dropped: set[int] = set()
    budget = _MAX_METADATA
    for chunk in chunks:
        if chunk.kind in _TEXT or chunk.kind == b"iCCP":
            size = _inflated_size(chunk.kind, data[chunk.body], min(budget, _MAX_PROFILE) + 1)
            budget = max(0, budget - size)
            if size > _MAX_PROFILE or budget == 0:
                dropped.add(chunk.start)
    if not dropped:
        return None
    kept = (data[chunk.start : chunk.end] for chunk in chunks if chunk.start not in dropped)
    return data[:_SIGNATURE_BYTES] + b"".join(kept)


def _inflated_size(kind: bytes, body: bytes, at_most: int) -> int:
    """Return the size of a text or profile chunk, what is compressed in it counted as inflated."""
    _, _, rest = body.partition(b"\x00")
    if kind in {b"zTXt", b"iCCP"}:
        return len(body) + _inflate_up_to(rest[1:], at_most)
    if kind == b"iTXt" and rest[:1] == b"\x01":
        return len(body) + _inflate_up_to(rest[2:].split(b"\x00", 2)[-1], at_most)
    return len(body)


def _inflate_up_to(stream: bytes, at_most: int) -> int:
    try:
        return len(zlib.decompressobj().decompress(stream, at_most))
    except zlib.error:
        return 0


def _expected_bytes(header: _Header) -> int:
    """Return the size of all filtered rows: each pass has rows of one filter byte and its packed pixels."""
    passes = _ADAM7 if header.interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns = -(-(header.width - left) // across)
        rows = -(-(header.height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * header.bits_per_pixel // 8))
    return total


def _inflated_bytes(parts: Iterator[memoryview], at_most: int) -> int:
    """Count what a stream inflates to without keeping it, up to `at_most`."""
    stream = zlib.decompressobj()
    total = 0
    for part in parts:
        total += len(stream.decompress(part, _INFLATE_STEP))
        while total < at_most and not stream.eof and (more := stream.decompress(stream.unconsumed_tail, _INFLATE_STEP)):
            total += len(more)
        if total >= at_most or stream.eof:
            break
    return total


def _pixel_parts(data: bytes) -> Iterator[memoryview]:
    """Yield the compressed rows in small parts: zlib copies whatever it has not consumed at every call."""
    view = memoryview(data)
    for chunk in _chunks(data):
        if chunk.kind == b"IDAT":
            body = view[chunk.body]
            yield from (body[at : at + _PART_BYTES] for at in range(0, len(body), _PART_BYTES))
