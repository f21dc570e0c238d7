"""What an HEVC decoder will really decode for one picture of a HEIC file, whatever its container claims.

The sequence parameter set has the size that is decoded, and every coded picture of a stream is decoded until one is put
out: 3 kB that announce 64x48 pixels can be a hundred pictures of 60 million. Source: ITU-T H.265, 7.3.1 and 7.3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.images.bitreader import BitReader
from shared.core.images.limits import corrupt

_KIND = "HEIC"
_MAX_UNITS = 100_000
_HEADER_BYTES = 2
_LENGTH_SIZE_AT, _ARRAYS_AT = 21, 22
"""Offsets into the configuration record (`hvcC`, ISO/IEC 14496-15, 8.3.3)."""

_FIRST_SET, _SEQUENCE = 32, 33
_SET_BYTES = 200
"""The size stands far before this in a parameter set, behind at most seven descriptions of sub-layers."""

_PROFILE_BITS, _LEVEL_BITS = 88, 8
_SUB_LAYER_PAIRS = 8
_SEPARATE_PLANES = 3
_MAX_SIDE = 1 << 16


@dataclass(frozen=True, slots=True)
class Coded:
    """One stream: `picture_pixels` of its largest picture, how many `pictures` it has, and of how many `units`."""

    picture_pixels: int = 0
    pictures: int = 0
    units: int = 0


def survey(configuration: bytes, parts: list[memoryview], most_units: int = _MAX_UNITS) -> Coded:
    """Count what a decoder gets: the units of the configuration record (`hvcC`), then those of the item.

    Raises:
        ImageRejectedError: there are more than `most_units` of them.
    """
    length_bytes = (configuration[_LENGTH_SIZE_AT] & 3) + 1 if len(configuration) > _ARRAYS_AT else 4
    payload = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
    pixels = pictures = count = 0
    for units in (_configured(configuration), _in_payload(payload, length_bytes)):
        for unit in units:
            count += 1
            if count > most_units:
                raise corrupt(_KIND, f"its pictures have more than {most_units:,} units")
            kind = unit[0] >> 1 & 63
            if kind == _SEQUENCE:
                pixels = max(pixels, _picture_pixels(unit))
            elif kind < _FIRST_SET:
                pictures += unit[_HEADER_BYTES] >> 7  # first_slice_segment_in_pic_flag
    return Coded(pixels, pictures, count)


def _configured(record: bytes) -> Iterator[memoryview]:
    view, at = memoryview(record), _ARRAYS_AT + 1
    for _ in range(record[_ARRAYS_AT] if len(record) > _ARRAYS_AT else 0):
        count = int.from_bytes(view[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(view[at : at + 2], "big")
            at += 2
            if at + _HEADER_BYTES >= len(view):
                return
            if size > _HEADER_BYTES:
                yield view[at : at + size]
            at += size


def _in_payload(view: memoryview, length_bytes: int) -> Iterator[memoryview]:
    at = 0
    while at + length_bytes + _HEADER_BYTES < len(view):
        size = int.from_bytes(view[at : at + length_bytes], "big")
        at += length_bytes
        yield view[at : at + max(size, _HEADER_BYTES + 1)]
        at += size


def _picture_pixels(unit: memoryview) -> int:
    """Read the size of the pictures from a sequence parameter set; one that says nothing sensible counts nothing.

    A decoder refuses such a set, and everything that is coded by it.
    """
    bits = BitReader(bytes(unit[_HEADER_BYTES:_SET_BYTES]).replace(b"\0\0\3", b"\0\0"))
    bits.take(4)  # sps_video_parameter_set_id
    sub_layers = bits.take(3)
    bits.take(1 + _PROFILE_BITS + _LEVEL_BITS)
    present = [(bits.take(1), bits.take(1)) for _ in range(sub_layers)]
    bits.take(2 * (_SUB_LAYER_PAIRS - sub_layers) if sub_layers else 0)
    for profile, level in present:
        bits.take(profile * _PROFILE_BITS + level * _LEVEL_BITS)
    bits.exponential()  # sps_seq_parameter_set_id
    if bits.exponential() == _SEPARATE_PLANES:  # chroma_format_idc
        bits.take(1)
    width, height = bits.exponential(), bits.exponential()
    return width * height if max(width, height) < _MAX_SIDE else 0
