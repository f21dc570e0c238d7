"""The segments of a JPEG file (ITU-T T.81 annex B), walked without decoding a pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from shared.core.errors import ImageRejectedError
from shared.core.images.exif import orientation_of
from shared.core.images.jpeg_rows import has_all_rows
from shared.core.images.limits import Limits, corrupt, require_size, truncated, unsupported
from shared.core.images.structure import Structure
from shared.core.images.tag_values import claims_too_much
from shared.core.images.work import SCAN_SAMPLE_NS
from shared.core.values import ImageInfo

_SOF0, _SOF1, _SOF2, _SOI, _EOI, _SOS = 0xC0, 0xC1, 0xC2, 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP15, _COM = 0xE0, 0xE1, 0xEF, 0xFE
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
_COEFFICIENTS = 64
MAX_LOOKED_AT_BYTES = 1_500_000
MAX_LOOKED_AT_PIXELS = 25_000_000
"""Up to here the rows of a JPEG are counted: reading its bits costs 8 ms for a megabyte."""

_ROWS_MISSING = "rows are missing at its bottom: the image data ends too early"
_NO_END = "the JPEG lacks its end marker; all of its rows are there"
_LESS_METADATA = "oversized metadata left out"
_END_ADDED = "missing end marker added"
_KEPT = (b"Adobe", b"ICC_PROFILE\x00")
_EXIF = b"Exif\x00\x00"
_MODES = {1: "L", 3: "RGB"}
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA), 0xFF})  # no length follows these
_RARE_KINDS = {
    0xC3: "the lossless kind",
    0xC7: "the lossless kind",
    0xC9: "arithmetic coding",
    0xCA: "arithmetic coding",
    0xCB: "arithmetic coding",
    0xF7: "the JPEG-LS kind",
}
_FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - _NOT_FRAMES
_RARE_FRAMES = _FRAMES - {_SOF0, _SOF1, _SOF2}


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
    """Walk from the first marker to the end of the image; whatever follows that is ignored.

    A file that lacks its end marker, and nothing else, is one whose rows are all there.
    """
    segments = list(_segments(data))
    frame = _frame(data, segments)
    require_size(frame.width, frame.height, limits)
    scans = sum(segment.marker == _SOS for segment in segments)
    if scans > _MAX_SCANS:
        raise unsupported(f"a JPEG of {scans} scans, which takes too long to decode")
    held = frame.marker == _SOF2 or scans > 1
    ending = _checked_end(data, segments, frame, held=held)
    decodable, changes = _decodable(data, segments)
    orientation, warnings = _orientation(data, segments)
    whole = frame.width * frame.height * frame.samples * _COEFFICIENT_BYTES
    return Structure(
        width=frame.width,
        height=frame.height,
        orientation=orientation,
        whole_image_bytes=int(whole) if held else 0,
        extra_work_ns=int(frame.width * frame.height * frame.samples * scans * SCAN_SAMPLE_NS) if held else 0,
        decodable=decodable,
        changes=changes,
        warnings=(*warnings, *ending),
    )


def _checked_end(data: bytes, segments: list[_Segment], frame: _Frame, *, held: bool) -> tuple[str, ...]:
    if segments[-1].marker == _EOI:
        return _missing_rows(data[: segments[-1].start], frame, held=held)
    _require_rows(data, segments, frame, held=held)
    return (_NO_END,)


def _missing_rows(scans: bytes, frame: _Frame, *, held: bool) -> tuple[str, ...]:
    """Warn of missing rows in a JPEG that has its end marker; those that cost too much are not looked at."""
    pixels = frame.width * frame.height
    if held or len(scans) > MAX_LOOKED_AT_BYTES or pixels > MAX_LOOKED_AT_PIXELS:
        return ()
    try:
        return () if has_all_rows(scans, progressive=held) else (_ROWS_MISSING,)
    except ImageRejectedError:
        return ()  # whoever decodes it says what is wrong with it


def _require_rows(data: bytes, segments: list[_Segment], frame: _Frame, *, held: bool) -> None:
    """Refuse a JPEG without its end marker, unless this is all that it lacks."""
    if held and (frame.width * frame.height > MAX_LOOKED_AT_PIXELS or not _has_all_scans(data, segments, frame)):
        raise truncated("JPEG", "ends before its end-of-image marker")
    try:
        whole = has_all_rows(data[: segments[-1].start], progressive=held)
    except ImageRejectedError as error:
        raise truncated("JPEG", "ends before its end-of-image marker") from error
    if not whole:
        raise truncated("JPEG", "ends before its last row")


def _has_all_scans(data: bytes, segments: list[_Segment], frame: _Frame) -> bool:
    """Whether the scans bring every coefficient of every component to its last bit (T.81 B.2.3 and G.1.1.1)."""
    left = {(component, index) for component in range(frame.components) for index in range(_COEFFICIENTS)}
    numbers: dict[int, int] = {}
    for segment in segments:
        header = data[segment.body : segment.end]
        if segment.marker != _SOS or not header or len(header) < 4 + 2 * header[0]:
            continue
        first, last, bits = header[1 + 2 * header[0] :][:3]
        for name in header[1 : 1 + 2 * header[0] : 2]:
            component = numbers.setdefault(name, len(numbers))
            left -= {(component, index) for index in range(first, last + 1) if bits & 15 == 0}
    return not left


def _decodable(data: bytes, segments: list[_Segment]) -> tuple[bytes | None, tuple[str, ...]]:
    """Return what to decode instead of the file, and how it differs."""
    if segments[-1].marker == _EOI:
        bare = _without_metadata(data, segments)
        return bare, () if bare is None else (_LESS_METADATA,)
    ended = data[: segments[-1].start] + b"\xff\xd9"
    bare = _without_metadata(ended, segments)
    return bare or ended, (_END_ADDED,) if bare is None else (_LESS_METADATA, _END_ADDED)


def read_head(head: bytes) -> ImageInfo | None:
    """Describe a plain file by its first bytes; None where they do not reach its image data, or it is a rare kind."""
    at, frame, exif = 2, b"", list[bytes]()
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
            exif.append(body)
        at = end
    return None


def _head_info(body: bytes, exif: list[bytes]) -> ImageInfo | None:
    try:
        frame = _parse_frame(_SOF0, body)
    except ImageRejectedError:
        return None
    if frame.bits != 8 or frame.components not in _MODES:  # noqa: PLR2004 - bits per sample
        return None
    orientation, warnings = orientation_of(exif)
    mode = _MODES[frame.components]
    return ImageInfo(frame.width, frame.height, "jpeg", "image/jpeg", orientation, mode=mode, warnings=warnings)


def _segments(data: bytes) -> Iterator[_Segment]:
    """Yield all segments, the last one an end marker; one of marker 0 where the image data ends without any."""
    at, in_image = 2, False
    for _ in range(_MAX_SEGMENTS):
        try:
            segment = _next_segment(data, at)
        except ImageRejectedError:
            if not in_image:
                raise
            segment = _Segment(_SOI, at, at, at)
        if in_image and segment.marker == _SOI:
            yield _unended(data, at, segment.start)
            return
        yield segment
        if segment.marker == _EOI:
            return
        in_image = in_image or segment.marker == _SOS
        at = segment.end
    raise corrupt("JPEG", f"it has more than {_MAX_SEGMENTS:,} segments")


def _unended(data: bytes, at: int, next_image: int) -> _Segment:
    """Return a segment of marker 0 where image data from `at` on ends at a wrong marker, another image or zeros."""
    found = _MARKER.search(data, at)
    end = next_image if next_image > at else found.start() if found else len(data)
    image = data[at:end].rstrip(b"\x00")
    if image.endswith(b"\xff"):  # it has its stuffed zero, or is the first half of the missing marker
        image = image + b"\x00" if at + len(image) < end else image[:-1]
    end = at + len(image)
    return _Segment(0, end, end, end)


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
        if segment.marker in _FRAMES:
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
        kind = _RARE_KINDS.get(frame.marker, "a rare kind")
        raise unsupported(f"a JPEG of {kind} (marker FF{frame.marker:02X}, {frame.bits} bits)")
    if frame.components not in {1, 3, 4}:
        raise unsupported(f"a JPEG of {frame.components} colour components")
    return frame


def _orientation(data: bytes, segments: list[_Segment]) -> tuple[int, tuple[str, ...]]:
    """Read the EXIF that stands before the image data, as every decoder does, and as a head shows it."""
    before = takewhile(lambda segment: segment.marker != _SOS, segments)
    found = (segment for segment in before if segment.marker == _APP1 and data.startswith(_EXIF, segment.body))
    return orientation_of(data[segment.body : segment.end] for segment in found)


def _is_metadata(data: bytes, segment: _Segment) -> bool:
    if segment.marker == _COM:
        return True
    return _APP0 < segment.marker <= _APP15 and not data.startswith(_KEPT, segment.body)


def _without_metadata(data: bytes, segments: list[_Segment]) -> bytes | None:
    """Leave out what no pixel needs, where it is so much that decoders choke; None where the file will do."""
    metadata = [segment for segment in segments if _is_metadata(data, segment)]
    exif = b"".join(data[one.body + len(_EXIF) : one.end] for one in metadata if data.startswith(_EXIF, one.body))
    if sum(one.end - one.start for one in metadata) <= _MAX_METADATA and not claims_too_much(exif):
        return None
    edges = [0, *(edge for segment in metadata for edge in (segment.start, segment.end)), len(data)]
    return b"".join(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
