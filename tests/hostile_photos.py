"""The hostile PNG and JPEG files; see `hostile_images`."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from PIL import Image, ImageCms

from tests import hostile_builders as build
from tests.hostile_builders import chunk, cut, encode, exif, picture, png, png_rows

Outcome = tuple[str, Callable[[], bytes]]


def _jpeg(**options: object) -> bytes:
    return encode(picture(), "JPEG", **options)


def swapped_profile() -> bytes:
    """Return the profile of sRGB with red and green exchanged, under another name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = profile.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    return renamed.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")


def _palette_with_transparency() -> bytes:
    return encode(picture("P"), "PNG", transparency=0)


def _text_bomb() -> bytes:
    return build.with_chunk(encode(picture(), "PNG"), b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 * 2**20), 9))


def _profile_bomb() -> bytes:
    return build.with_chunk(encode(picture(), "PNG"), b"iCCP", b"ICC\0\0" + zlib.compress(bytes(8 * 2**20), 9))


def _long_comment() -> bytes:
    data = _jpeg()
    return data[:2] + build.segment(0xFE, bytes(65_000)) * 70 + data[2:]


def _wrong_checksum() -> bytes:
    data = encode(picture(), "PNG")
    return data[:29] + bytes([data[29] ^ 0xFF]) + data[30:]


def _missing_rows() -> bytes:
    return png((64, 48), png_rows((64, 48), 10))


def _bitmap_bomb() -> bytes:
    """Return a bomb within the cap on pixels: 144 million of them in 0.4 MB, 576 MB once decoded."""
    row = b"\0" * (3 * 12_000 + 1)
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row * 100) for _ in range(120)) + packer.flush()
    return png((12_000, 12_000), chunk(b"IDAT", body))


PNG: dict[str, Outcome] = {
    "png-rgb": ("untouched", lambda: encode(picture(), "PNG")),
    "png-grey": ("untouched", lambda: encode(picture("L"), "PNG")),
    "png-1-bit": ("untouched", lambda: encode(picture("1"), "PNG")),
    "png-rgba": ("untouched", lambda: encode(picture("RGBA"), "PNG")),
    "png-grey-alpha": ("untouched", lambda: encode(picture("LA"), "PNG")),
    "png-palette-transparent": ("untouched", _palette_with_transparency),
    "png-1x1": ("untouched", lambda: encode(Image.new("RGB", (1, 1)), "PNG")),
    "png-trailing-zip": ("untouched", lambda: encode(picture(), "PNG") + build.archive()),
    "png-broken-profile": ("untouched", lambda: encode(picture(), "PNG", icc_profile=b"not a profile")),
    "png-16-bit-grey": ("converted", lambda: encode(build.deep_grey(), "PNG")),
    "png-16-bit-rgb": ("converted", lambda: png((8, 8), png_rows((8, 8), 8, pixel_bytes=6), bits=16)),
    "png-orientation-6": ("converted", lambda: encode(picture(), "PNG", exif=exif(6))),
    "png-too-large-for-model": ("converted", lambda: encode(Image.new("L", (4_000, 100)), "PNG")),
    "png-animated": ("converted", lambda: build.animation("PNG")),
    "png-text-bomb": ("converted", _text_bomb),
    "png-profile-bomb": ("converted", _profile_bomb),
    "png-1x30000": ("bad_aspect", lambda: encode(Image.new("L", (1, 30_000)), "PNG")),
    "png-30000x1": ("bad_aspect", lambda: encode(Image.new("L", (30_000, 1)), "PNG")),
    "png-header-bomb": ("too_many_pixels", lambda: png((60_000, 60_000), png_rows((60_000, 1), 1))),
    "png-bitmap-bomb": ("too_many_pixels", _bitmap_bomb),
    "png-no-pixels": ("corrupt", lambda: png((0, 48), png_rows((1, 1), 1))),
    "png-missing-rows": ("truncated", _missing_rows),
    "png-truncated": ("truncated", lambda: cut(encode(picture(), "PNG"))),
    "png-header-only": ("truncated", lambda: encode(picture(), "PNG")[:20]),
    "png-without-end": ("truncated", lambda: encode(picture(), "PNG")[:-12]),
    "png-wrong-checksum": ("corrupt", _wrong_checksum),
    "png-damaged-stream": ("corrupt", lambda: png((64, 48), chunk(b"IDAT", b"\x78\x9c" + build.noise(400)))),
    "png-header-missing": ("corrupt", lambda: build.PNG_SIGNATURE + png_rows((64, 48), 48)),
}

JPEG: dict[str, Outcome] = {
    "jpeg-baseline": ("untouched", _jpeg),
    "jpeg-progressive": ("untouched", lambda: _jpeg(progressive=True)),
    "jpeg-grey": ("untouched", lambda: encode(picture("L"), "JPEG")),
    "jpeg-wide-gamut": ("untouched", lambda: _jpeg(icc_profile=swapped_profile())),
    "jpeg-broken-profile": ("untouched", lambda: _jpeg(icc_profile=b"not a profile")),
    "jpeg-zip": ("untouched", lambda: _jpeg() + build.archive()),
    "jpeg-html": ("untouched", lambda: _jpeg() + b"<html><script>alert(1)</script></html>"),
    "jpeg-html-comment": ("untouched", lambda: build.with_segment(_jpeg(), 0xFE, b"*/<script>alert(1)</script>")),
    "jpeg-multi-picture": ("untouched", build.multi_picture),
    "jpeg-broken-multi-picture": ("untouched", lambda: build.with_segment(_jpeg(), 0xE2, b"MPF\0II*\0\xff\xff")),
    "jpeg-orientation-0": ("untouched", lambda: _jpeg(exif=exif(0))),
    "jpeg-orientation-1": ("untouched", lambda: _jpeg(exif=exif(1))),
    "jpeg-orientation-9": ("untouched", lambda: _jpeg(exif=exif(9))),
    "jpeg-exif-garbage": ("untouched", lambda: build.with_segment(_jpeg(), 0xE1, b"Exif\0\0" + build.noise(200))),
    "jpeg-exif-cut": ("untouched", lambda: build.with_segment(_jpeg(), 0xE1, exif(6)[:12])),
    **{
        f"jpeg-orientation-{value}": ("converted", lambda value=value: _jpeg(exif=exif(value)))  # type: ignore[misc]
        for value in range(2, 9)
    },
    "jpeg-cmyk": ("converted", lambda: encode(picture("CMYK"), "JPEG")),
    "jpeg-ycck": ("converted", build.ycck),
    "jpeg-long-comments": ("converted", _long_comment),
    "jpeg-truncated": ("truncated", lambda: cut(_jpeg())),
    "jpeg-without-end": ("converted", lambda: _jpeg()[:-2]),
    "jpeg-start-only": ("truncated", lambda: b"\xff\xd8\xff\xe0"),
    "jpeg-progressive-truncated": ("truncated", lambda: cut(_jpeg(progressive=True))),
    "jpeg-no-frame": ("corrupt", lambda: b"\xff\xd8\xff\xd9"),
    "jpeg-height-0": ("corrupt", lambda: build.with_jpeg_frame(_jpeg(), size=(64, 0))),
    "jpeg-huge-header": ("too_many_pixels", lambda: build.with_jpeg_frame(_jpeg(), size=(65_535, 65_535))),
    "jpeg-huge-progressive": (
        "too_many_pixels",
        lambda: build.with_jpeg_frame(_jpeg(progressive=True), size=(12_000, 12_000)),
    ),
    "jpeg-1000-scans": ("unsupported_format", lambda: build.many_scans(1_000)),
    "jpeg-arithmetic": ("unsupported_format", lambda: build.with_jpeg_frame(_jpeg(), marker=0xC9)),
    "jpeg-12-bit": ("unsupported_format", lambda: build.with_jpeg_frame(_jpeg(), marker=0xC1, bits=12)),
}
