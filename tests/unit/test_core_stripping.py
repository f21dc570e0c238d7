"""Metadata is taken out of a file without decoding it: pixels and which way up they are stay, and no place does."""

from __future__ import annotations

import io
import random
import struct
from typing import TYPE_CHECKING, Any, Final

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from shared.core.images import prepare, probing
from shared.core.images.stripping import without_metadata
from tests import hostile_builders as build

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE: Final = b"48.8583N 2.2944E, Rue de la Sante 7"
XMP: Final = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a gps="' + PLACE + b'"/></x:xmpmeta>'
PILLOW: Final = ("JPEG", "PNG", "WEBP")
HEADS: Final = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "HEIF": "heic"}


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = PLACE.decode()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.9), 3: "E", 4: (2.0, 17.0, 40.2), 27: PLACE}
    return exif


def _photo(width: int = 24, height: int = 16, *, mode: str = "RGB", seed: int = 1) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(3 * width * height)).convert(mode)


def encoded(image: Image.Image, kind: str, *, orientation: int = 1, **options: Any) -> bytes:
    """Return a file that tells of a place wherever its format can."""
    sink = io.BytesIO()
    if kind == "HEIF":
        heif = pillow_heif.from_pillow(image)
        heif.save(sink, quality=-1, exif=_exif(orientation).tobytes(), xmp=XMP)
        return sink.getvalue()
    if kind == "JPEG":
        options |= {"comment": PLACE, "xmp": XMP, "quality": 90}
    if kind == "PNG":
        said = PngImagePlugin.PngInfo()
        said.add_text("Comment", PLACE.decode())
        said.add_text("Squeezed", PLACE.decode() * 9, zip=True)
        said.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options |= {"pnginfo": said}
    if kind == "WEBP":
        options |= {"xmp": XMP, "lossless": True}
    image.save(sink, kind, exif=_exif(orientation), icc_profile=_profile(), **options)
    return sink.getvalue()


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _decoded(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp":
        opened: Image.Image = pillow_heif.open_heif(data).to_pillow()
        return opened
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _orientation(data: bytes) -> int:
    return probing.probe(data).orientation


def _tells(data: bytes) -> bool:
    """Whether a place is told: in the bytes, or in what Pillow finds in them."""
    image = _decoded(data)
    found = [image.getexif().get_ifd(0x8825), dict(image.getexif()).keys() - {0x0112}, image.info.get("xmp")]
    texts = getattr(image, "text", {})
    return PLACE in data or any(found) or bool(texts) or "comment" in image.info


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", PILLOW)
def test_pixels_profile_and_orientation_stay_and_no_place_does(kind: str, orientation: int) -> None:
    data = encoded(_photo(), kind, orientation=orientation)
    assert _tells(data)

    bare = without_metadata(data, HEADS[kind], orientation=_orientation(data))

    assert bare is not None
    assert not _tells(bare)
    before, after = _decoded(data), _decoded(bare)
    assert (after.size, after.mode, after.tobytes()) == (before.size, before.mode, before.tobytes())
    assert after.info["icc_profile"] == before.info["icc_profile"]
    assert _orientation(bare) == _orientation(data) == orientation
    assert ImageOps.exif_transpose(after).tobytes() == ImageOps.exif_transpose(before).tobytes()


@pytest.mark.parametrize("kind", [*PILLOW, "HEIF"])
def test_what_is_bare_stays_the_same_bytes(kind: str) -> None:
    data = encoded(_photo(64, 64), kind)
    bare = without_metadata(data, HEADS[kind])

    assert bare is not None
    assert bare != data
    assert without_metadata(bare, HEADS[kind]) is bare


@pytest.mark.parametrize("size", [(64, 64), (65, 33), (700, 520)])
def test_a_heic_keeps_its_pixels_and_every_offset(size: tuple[int, int]) -> None:
    data = encoded(_photo(*size), "HEIF", orientation=6)
    assert PLACE in data

    bare = without_metadata(data, "heic")

    assert bare is not None
    assert len(bare) == len(data)
    assert PLACE not in bare
    assert _decoded(bare).tobytes() == _decoded(data).tobytes()
    assert (probing.probe(bare).width, probing.probe(bare).height) == (
        probing.probe(data).width,
        probing.probe(data).height,
    )
    exif = _decoded(bare).getexif()
    assert (exif.get_ifd(0x8825), 0x010E in exif) == ({}, False)


@pytest.mark.fault(140)
@given(
    kind=st.sampled_from(PILLOW),
    mode=st.sampled_from(["RGB", "L", "RGBA", "P"]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    orientation=st.integers(1, 8),
    progressive=st.booleans(),
    seed=st.integers(0, 99),
    trailer=st.sampled_from([b"", PLACE, b"\x00\x00\x00\x18ftypmp42" + PLACE, b"\xff\xd8\xff" + PLACE]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_a_file_is_its_pixels_stay_and_nothing_else(
    kind: str,
    mode: str,
    size: tuple[int, int],
    orientation: int,
    *,
    progressive: bool,
    seed: int,
    trailer: bytes,
) -> None:
    mode = {"JPEG": {"RGBA": "RGB", "P": "L"}, "WEBP": {"P": "RGB", "L": "RGB"}}.get(kind, {}).get(mode, mode)
    image = _photo(*size, mode=mode, seed=seed)
    options = {"progressive": progressive} if kind == "JPEG" else {}
    data = encoded(image, kind, orientation=orientation, **options) + trailer

    bare = without_metadata(data, HEADS[kind], orientation=_orientation(data))

    assert bare is not None
    assert not _tells(bare)
    assert _decoded(bare).tobytes() == _decoded(data).tobytes()
    assert _orientation(bare) == orientation


def _jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    data = encoded(_photo(), "JPEG")
    for marker, body in segments:
        data = build.with_segment(data, marker, body)
    return data


JPEG_PLACES: Final[dict[str, Callable[[], bytes]]] = {
    "IPTC": lambda: _jpeg_with((0xED, b"Photoshop 3.0\x00" + PLACE)),
    "an unknown block": lambda: _jpeg_with((0xEB, PLACE)),
    "a second EXIF": lambda: _jpeg_with((0xE1, b"Exif\x00\x00" + PLACE)),
    "another block beside the profile": lambda: _jpeg_with((0xE2, b"HDR_RI ver=12" + PLACE)),
    "a thumbnail of JFIF": lambda: _jpeg_with((0xE0, b"JFXX\x00\x10" + PLACE)),
    "behind Adobe's mark": lambda: _jpeg_with((0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x00" + PLACE)),
    "a comment": lambda: _jpeg_with((0xFE, PLACE)),
    "between segments": lambda: _jpeg_with().replace(b"\xff\xdb", PLACE + b"\xff\xdb", 1),
    "behind the end": lambda: _jpeg_with() + PLACE,
}


@pytest.mark.parametrize("where", JPEG_PLACES)
def test_wherever_a_jpeg_tells_of_a_place_it_goes(where: str) -> None:
    data = JPEG_PLACES[where]()

    bare = without_metadata(data, "jpeg")

    assert bare is not None
    assert PLACE not in bare
    assert _decoded(bare).tobytes() == _decoded(data).tobytes()


def _png_with(kind: bytes, body: bytes) -> bytes:
    data = encoded(_photo(), "PNG")
    return data[:33] + build.chunk(kind, body) + data[33:]


@pytest.mark.parametrize("kind", [b"tIME", b"eXIf", b"prVt", b"zTXt", b"sPLT", b"caNv"])
def test_a_png_keeps_what_pixels_need_and_no_chunk_of_a_stranger(kind: bytes) -> None:
    bare = without_metadata(_png_with(kind, PLACE) + PLACE, "png")

    assert bare is not None
    assert PLACE not in bare
    assert kind not in bare


def test_a_webp_says_no_more_that_it_has_metadata() -> None:
    data = encoded(_photo(), "WEBP")

    bare = without_metadata(data + PLACE, "webp")

    assert bare is not None
    assert bare[20] & 0x0C == 0
    assert PLACE not in bare
    assert struct.unpack("<I", bare[4:8])[0] == len(bare) - 8


@pytest.mark.parametrize("share", [0, 10, 50, 90, 99])
@pytest.mark.parametrize("kind", [*PILLOW, "HEIF"])
def test_a_cut_or_damaged_file_is_cleaned_wholly_or_not_at_all(kind: str, share: int) -> None:
    data = encoded(_photo(64, 64), kind)
    cut = data[: len(data) * share // 100]
    noise = bytearray(data)
    noise[len(data) * share // 100] ^= 0xFF

    for damaged in (cut, bytes(noise)):
        bare = without_metadata(damaged, HEADS[kind])
        assert bare is None or PLACE not in bare


def test_what_lies_between_the_items_of_a_heic_goes_too() -> None:
    data = encoded(_photo(64, 64), "HEIF")
    length = len(XMP).to_bytes(4, "big")
    assert data.count(length) == 1
    shorter = data.replace(length, (4).to_bytes(4, "big"))  # the rest of it belongs to no item now

    bare = without_metadata(shorter, "heic")

    assert bare is not None
    assert PLACE not in bare
    assert _decoded(bare).tobytes() == _decoded(data).tobytes()


def test_metadata_that_shares_its_bytes_with_the_picture_is_not_taken_out() -> None:
    data = bytearray(encoded(_photo(64, 64), "HEIF"))
    at = data.index(b"Exif\x00\x00MM") - 4  # the item begins with the offset of its TIFF
    offset = at.to_bytes(4, "big")
    assert data.count(offset) == 1
    picture = data.index(b"mdat") + 4
    place = data.index(offset)
    data[place : place + 4] = picture.to_bytes(4, "big")

    assert without_metadata(bytes(data), "heic") is None


@pytest.mark.parametrize("image_format", ["gif", "tiff", "bmp", "avif", "unheard of"])
def test_a_format_that_is_never_sent_as_it_is_has_no_way(image_format: str) -> None:
    assert without_metadata(b"GIF89a", image_format) is None


@pytest.mark.parametrize("kind", [*PILLOW, "HEIF"])
def test_what_is_bare_is_still_sent_as_it_is(kind: str) -> None:
    bare = without_metadata(encoded(_photo(), kind), HEADS[kind])
    assert bare is not None
    info = probing.probe(bare)

    ready = prepare.prepare(bare, info, accepted=frozenset({info.mime_type}), max_side_px=100)

    assert ready.changes == ()
