"""A file that is whole, but for one unit that is too short for what it stands for: it is taken, or it is refused."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PIL import Image

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import prepare
from shared.core.images.probing import probe
from tests.hostile_images import hostile_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BODIES = range(8)
"""How many bytes of its body a unit keeps."""

_PARENTS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6, b"iref": 4, b"moov": 0, b"dinf": 0}
"""Boxes with boxes in them, behind so many bytes of their own."""


class Unit(NamedTuple):
    """Where a unit lies, from its first byte to its end, and where its body begins."""

    name: str
    start: int
    body: int
    end: int


def saved(kind: str, **options: object) -> bytes:
    made = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.linear_gradient("L").resize((40, 24))
    Image.merge("RGB", [picture, picture.rotate(180), picture]).save(made, kind, exif=exif, **options)
    return made.getvalue()


def jpeg_units(data: bytes) -> Iterator[Unit]:
    at = 2
    while data[at : at + 2] != b"\xff\xd9":
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield Unit(f"{data[at + 1]:02x}", at, at + 4, end)
        if data[at + 1] == 0xDA:
            while data[end] != 0xFF or data[end + 1] == 0:
                end += 1
        at = end


def png_units(data: bytes) -> Iterator[Unit]:
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield Unit(data[at + 4 : at + 8].decode("latin-1"), at, at + 8, at + 12 + size)
        at += 12 + size


def webp_units(data: bytes) -> Iterator[Unit]:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield Unit(data[at : at + 4].decode("latin-1"), at, at + 8, at + 8 + size + size % 2)
        at += 8 + size + size % 2


def boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Unit]:
    end = len(data) if end is None else min(end, len(data))
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        yield Unit(kind.decode("latin-1"), at, at + 8, at + size)
        if kind in _PARENTS:
            yield from boxes(data, at + 8 + _PARENTS[kind], at + size)
        at += size or end


def short_jpeg(data: bytes, unit: Unit, kept: int) -> bytes:
    body = data[unit.body : unit.body + kept]
    return data[: unit.start + 2] + struct.pack(">H", 2 + len(body)) + body + data[unit.end :]


def short_png(data: bytes, unit: Unit, kept: int) -> bytes:
    body = data[unit.body : min(unit.body + kept, unit.end - 4)]
    chunk = data[unit.start + 4 : unit.body] + body
    return (
        data[: unit.start]
        + struct.pack(">I", len(body))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + data[unit.end :]
    )


def short_webp(data: bytes, unit: Unit, kept: int) -> bytes:
    body = data[unit.body : min(unit.body + kept, unit.end)]
    chunk = data[unit.start : unit.start + 4] + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    rest = data[12 : unit.start] + chunk + data[unit.end :]
    return b"RIFF" + struct.pack("<I", 4 + len(rest)) + b"WEBP" + rest


def short_box(data: bytes, unit: Unit, kept: int) -> bytes:
    """Cut the box and fill its place with a free one: offsets and the sizes of those around it stay right."""
    body = data[unit.body : min(unit.body + kept, unit.end)]
    left = unit.end - unit.body - len(body)
    if 0 < left < 8:
        return data
    filling = struct.pack(">I4s", left, b"free") + bytes(left - 8) if left else b""
    return (
        data[: unit.start]
        + struct.pack(">I", 8 + len(body))
        + data[unit.start + 4 : unit.body]
        + body
        + filling
        + data[unit.end :]
    )


Sample = tuple[bytes, "Callable[[bytes], Iterator[Unit]]", "Callable[[bytes, Unit, int], bytes]"]
MADE: dict[str, Sample] = {
    "jpeg": (saved("JPEG"), jpeg_units, short_jpeg),
    "progressive": (saved("JPEG", progressive=True), jpeg_units, short_jpeg),
    "png": (saved("PNG"), png_units, short_png),
    "webp": (saved("WEBP"), webp_units, short_webp),
    "animated webp": (saved("WEBP", save_all=True, append_images=[Image.new("RGB", (40, 24))]), webp_units, short_webp),
}
BOXED: dict[str, Sample] = {
    name: (data, boxes, short_box)
    for name, data in hostile_images().items()
    if data[4:8] == b"ftyp" and len(data) < 20_000
}
SAMPLES = MADE | BOXED


def taken_or_refused(data: bytes) -> None:
    with contextlib.suppress(ImageRejectedError):
        prepare(data, probe(data), accepted=frozenset(), max_side_px=40)


@pytest.mark.fault(37)
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_unit_that_is_too_short_is_taken_or_refused(sample: str) -> None:
    data, units_of, short = SAMPLES[sample]
    units = list(units_of(data))
    assert units
    for unit in units:
        for kept in BODIES:
            cut = short(data, unit, kept)
            for end in (len(cut), len(cut) - 2):  # a JPEG without its end marker is read more closely
                try:
                    taken_or_refused(cut[:end])
                except Exception as error:
                    error.add_note(f"{unit} with {kept} bytes, {end - len(cut)} at the end")
                    raise
