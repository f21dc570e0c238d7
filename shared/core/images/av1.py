"""How large the coded pictures of an AVIF are, whatever its container claims.

libavif decodes a picture at the size in its AV1 sequence header and then scales it to the size in the
container: 2 KB that announce 640x480 pixels can decode to 144 million. Source: AV1 specification 5.3 to 5.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.core.images.bitreader import BitReader
from shared.core.images.bmff import Box, items
from shared.core.images.limits import corrupt, unsupported

_MAX_OBUS = 10_000
_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6


def coded_pixels(data: bytes, boxes: tuple[Box, ...]) -> int:
    """Return the pixels of all coded pictures together, hidden ones too, at the largest size that each may take."""
    total = 0
    for payload in items(data, boxes, b"av01", "AVIF"):
        units = list(_obus(payload))
        sizes = [_largest_frame(body) for kind, body in units if kind == _SEQUENCE_HEADER]
        pictures = sum(kind in {_FRAME_HEADER, _FRAME} for kind, _ in units)
        total += max(1, pictures) * max((width * height for width, height in sizes), default=0)
    return total


def _obus(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each open bitstream unit."""
    at = 0
    for _ in range(_MAX_OBUS):
        if at >= len(payload):
            return
        header = payload[at]
        at += 2 if header & 4 else 1
        size = len(payload) - at
        if header & 2:
            size, at = _leb128(payload, at)
        yield header >> 3 & 15, payload[at : at + size]
        at += size
    raise corrupt("AVIF", f"a picture has more than {_MAX_OBUS:,} units")


def _leb128(payload: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(payload[at : at + 8]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the top bit says that more follows
            return value, at + index + 1
    raise corrupt("AVIF", "a unit has no size")


def _largest_frame(body: bytes) -> tuple[int, int]:
    """Read the maximum frame size from a sequence header."""
    bits = BitReader(body)
    bits.take(4)  # profile, still_picture
    if bits.take(1):  # reduced_still_picture_header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: BitReader) -> None:
    if bits.take(1):  # timing_info_present_flag
        raise unsupported("an AVIF with the timing of a video")
    delay_present = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # noqa: PLR2004 - levels from 4.0 on also name a tier
            bits.take(1)
        if delay_present and bits.take(1):
            bits.take(4)
