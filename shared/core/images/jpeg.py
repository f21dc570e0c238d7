"""The segments of a JPEG file (ITU-T T.81 annex B), walked without decoding a pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.images.limits import Limits, corrupt, truncated, unsupported
from shared.core.images.structure import Structure
from shared.core.images.tiff import exif_orientation
from shared.core.values import ImageInfo

_SOF0, _SOF1, _SOF2, _EOI, _SOS, _APP0, _APP1, _APP15, _COM = 0xC0, 0xC1, 0xC2, 0xD9, 0xDA, 0xE0, 0xE1, 0xEF, 0xFE
_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
"""DHT, JPG and DAC share the range of the frame headers C0-CF."""

_ALONE = frozenset({0x01, 0xD8})
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In entropy-coded data FF is followed by 00 or by a restart marker; anything else ends it."""

_MAX_SEGMENTS = 20_000
_MAX_SCANS = 100
_MAX_JUNK = 65_536
_MAX_METADATA = 4 * 2**20
_COEFFICIENT_BYTES = 2
_KEPT = (b"Adobe", b"ICC_PROFILE\x00")
_EXIF = b"Exif\x00\x00"
_MODES = {1: "L", 3: "RGB"}
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA), 0xFF})  # no length follows these
_RARE_FRAMES = frozenset(range(0xC3, 0xD0)) - _NOT_FRAMES


@dataclass(frozen=True, slots=True)
class _Segment:
    """One marker, as offsets into the file: FF of the marker, first byte of the payload, end."""

    marker: int
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class _Frame:
    marker: int
    bits: int
    width: int
    height: int
    samples: float
    """Samples per pixel over all components: 3 at 4:4:4, 1.5 at 4:2:0."""

    components: int


def scan(data: bytes, limits: Limits) -> Structure:
    """Walk from the first marker to the end of the image; whatever follows that is ignored."""
    del limits  # a JPEG is bounded by its file alone: one frame, segments that are counted
    segments = list(_segments(data))
    frame = _frame(data, segments)
    scans = sum(segment.marker == _SOS for segment in segments)
    if scans > _MAX_SCANS:
        raise unsupported(f"a JPEG of {scans} scans, which takes too long to decode")
    orientation, warnings = _orientation(data, segments)
    whole = frame.width * frame.height * frame.samples * _COEFFICIENT_BYTES
    return Structure(
        width=frame.width,
        height=frame.height,
        orientation=orientation,
        whole_image_bytes=int(whole) if frame.marker == _SOF2 or scans > 1 else 0,
        decodable=_without_metadata(data, segments),
        warnings=warnings,
    )


def read_head(head: bytes) -> ImageInfo | None:
    """Describe a plain file by its first bytes; None where they do not reach its image data, or it is a rare kind."""
    at, frame, exif = 2, b"", b""
    while at + 4 <= len(head) and head[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, end = head[at + 1], at + 2 + int.from_bytes(head[at + 2 : at + 4], "big")
        body = head[at + 4 : end]
        if marker == _SOS:
            return _head_info(frame, exif)
        if end > len(head) or marker in _BARE or marker in _RARE_FRAMES:
            return None
        if _SOF0 <= marker <= _SOF2:
            frame = frame or body
        elif marker == _APP1 and body.startswith(_EXIF):
            exif = exif or body  # the first one counts, as in the whole file
        at = end
    return None


def _head_info(frame: bytes, exif: bytes) -> ImageInfo | None:
    if len(frame) < 6 or frame[0] != 8 or frame[5] not in _MODES:  # noqa: PLR2004 - 8 bits, then sizes and count
        return None
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    orientation, warnings = exif_orientation(exif) if exif else (1, ())
    return ImageInfo(width, height, "jpeg", "image/jpeg", orientation, mode=_MODES[frame[5]], warnings=warnings)


def _segments(data: bytes) -> Iterator[_Segment]:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        segment = _next_segment(data, at)
        yield segment
        if segment.marker == _EOI:
            return
        at = segment.end
    raise corrupt("JPEG", f"it has more than {_MAX_SEGMENTS:,} segments")


def _next_segment(data: bytes, at: int) -> _Segment:
    found = _MARKER.search(data, at)
    if found is None:
        raise truncated("JPEG", "ends before its end-of-image marker")
    marker = data[found.end() - 1]
    if marker in _ALONE or marker == _EOI:
        return _Segment(marker, found.start(), found.end(), found.end())
    length = int.from_bytes(data[found.end() : found.end() + 2], "big")
    end = found.end() + length
    if length < 2 or end > len(data):  # noqa: PLR2004 - the length counts its own two bytes
        raise truncated("JPEG", f"ends inside a segment (marker FF{marker:02X})")
    return _Segment(marker, found.start(), found.end() + 2, end)


def _frame(data: bytes, segments: list[_Segment]) -> _Frame:
    previous_end = 2
    for segment in segments:
        if segment.start - previous_end > _MAX_JUNK or segment.marker in {_SOS, _EOI}:
            break
        if _SOF0 <= segment.marker <= 0xCF and segment.marker not in _NOT_FRAMES:  # noqa: PLR2004 - SOF15
            return _supported_frame(_parse_frame(segment.marker, data[segment.body : segment.end]))
        previous_end = segment.end
    raise corrupt("JPEG", "no frame header comes before its image data")


def _parse_frame(marker: int, body: bytes) -> _Frame:
    components = body[5] if len(body) > 5 else 0  # noqa: PLR2004 - precision, height, width, count
    factors = [(byte >> 4, byte & 15) for byte in body[7 : 6 + 3 * components : 3]]
    if components == 0 or len(body) < 6 + 3 * components or any(0 in factor for factor in factors):
        raise corrupt("JPEG", "its frame header is malformed")
    largest = max(across for across, _ in factors) * max(down for _, down in factors)
    return _Frame(
        marker=marker,
        bits=body[0],
        height=int.from_bytes(body[1:3], "big"),
        width=int.from_bytes(body[3:5], "big"),
        samples=sum(across * down for across, down in factors) / largest,
        components=components,
    )


def _supported_frame(frame: _Frame) -> _Frame:
    if frame.marker not in {_SOF0, _SOF1, _SOF2} or frame.bits != 8:  # noqa: PLR2004 - bits per sample
        raise unsupported(f"a JPEG of a rare kind (marker FF{frame.marker:02X}, {frame.bits} bits)")
    if frame.components not in {1, 3, 4}:
        raise unsupported(f"a JPEG of {frame.components} colour components")
    return frame


def _orientation(data: bytes, segments: list[_Segment]) -> tuple[int, tuple[str, ...]]:
    for segment in segments:
        if segment.marker == _APP1 and data.startswith(_EXIF, segment.body):
            return exif_orientation(data[segment.body : segment.end])
    return 1, ()


def _is_metadata(data: bytes, segment: _Segment) -> bool:
    if segment.marker == _COM:
        return True
    return _APP0 < segment.marker <= _APP15 and not data.startswith(_KEPT, segment.body)


def _without_metadata(data: bytes, segments: list[_Segment]) -> bytes | None:
    """Leave out what no pixel needs, where it is so much that decoders choke; None where the file will do."""
    metadata = [segment for segment in segments if _is_metadata(data, segment)]
    if sum(segment.end - segment.start for segment in metadata) <= _MAX_METADATA:
        return None
    edges = [0, *(edge for segment in metadata for edge in (segment.start, segment.end)), len(data)]
    return b"".join(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
