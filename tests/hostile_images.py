"""The hostile folder: files that a bucket may well receive, and what becomes of each.

`hostile_images()` builds them; `EXPECTED` says "untouched" (the original bytes go to the model), "converted"
(a JPEG of them does) or the code of the refusal, for a model that takes `ACCEPTED` of up to `MAX_SIDE_PX` on
a side. `python -m tests.hostile_images FOLDER` writes them out.
"""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

from tests import hostile_builders as build
from tests.hostile_builders import cut, encode, exif, picture
from tests.hostile_photos import JPEG, PNG

if TYPE_CHECKING:
    from tests.hostile_photos import Outcome

ACCEPTED = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
MAX_SIDE_PX = 3_072


_LAB = ImageCms.createProfile("LAB")


def _lab() -> bytes:
    lab = ImageCms.profileToProfile(picture(), ImageCms.createProfile("sRGB"), _LAB, outputMode="LAB")
    assert lab is not None
    return encode(lab, "TIFF")


def _float() -> bytes:
    values = struct.pack("<6f", 0.0, 0.25, 0.5, 1.0, float("nan"), float("inf"))
    return encode(Image.frombytes("F", (6, 1), values), "TIFF")


_TIFF: dict[str, Outcome] = {
    "tiff-rgb": ("converted", lambda: encode(picture(), "TIFF")),
    "tiff-big": ("converted", build.big_tiff),
    "tiff-lzw-orientation-8": ("converted", lambda: encode(picture(), "TIFF", compression="tiff_lzw", exif=exif(8))),
    "tiff-jpeg-inside": ("converted", lambda: encode(picture(), "TIFF", compression="jpeg")),
    "tiff-fax": ("converted", lambda: encode(picture("1"), "TIFF", compression="group4")),
    "tiff-palette": ("converted", lambda: encode(picture("P"), "TIFF")),
    "tiff-cmyk": ("converted", lambda: encode(picture("CMYK"), "TIFF")),
    "tiff-lab": ("converted", _lab),
    "tiff-float": ("converted", _float),
    "tiff-16-bit": ("converted", lambda: encode(build.deep_grey(), "TIFF")),
    "tiff-32-bit": ("converted", lambda: encode(picture("L").convert("I"), "TIFF")),
    "tiff-rgba": ("converted", lambda: encode(picture("RGBA"), "TIFF")),
    "tiff-pages": ("converted", lambda: build.animation("TIFF")),
    "tiff-cyclic": ("converted", lambda: build.tiny_tiff(following=8)),
    "tiff-truncated": ("truncated", lambda: cut(encode(picture(), "TIFF"))),
    "tiff-header-only": ("truncated", lambda: b"II*\0\x08\0\0\0"),
    "tiff-65535-tags": ("corrupt", lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(900_000)),
    "tiff-tile-bomb": ("too_many_pixels", lambda: build.tiny_tiff(8, tile=60_000)),
    "tiff-lzma": ("unsupported_format", lambda: build.tiny_tiff(34_925)),
}

_OTHER_IMAGES: dict[str, Outcome] = {
    "webp-lossy": ("untouched", lambda: encode(picture(), "WEBP")),
    "webp-lossless-alpha": ("untouched", lambda: encode(picture("RGBA"), "WEBP", lossless=True)),
    "webp-orientation-3": ("converted", lambda: encode(picture(), "WEBP", exif=exif(3))),
    "webp-animated": ("converted", lambda: build.animation("WEBP")),
    "webp-truncated": ("truncated", lambda: cut(encode(picture(), "WEBP"))),
    "webp-header-only": ("truncated", lambda: encode(picture(), "WEBP")[:12]),
    "webp-no-frame": (
        "corrupt",
        lambda: b"RIFF" + struct.pack("<I", 20) + b"WEBPJUNK" + struct.pack("<I", 8) + bytes(8),
    ),
    "gif": ("converted", lambda: encode(picture("P"), "GIF")),
    "gif-jar": ("converted", lambda: encode(picture("P"), "GIF") + build.archive()),
    "gif-animated": ("converted", lambda: build.animation("GIF")),
    "gif-10000-frames": ("converted", lambda: build.gif_of_many_frames(10_000)),
    "gif-outlying-frame": ("converted", build.gif_with_outlying_frame),
    "gif-truncated": ("truncated", lambda: cut(encode(picture("P"), "GIF"), 90)),
    "gif-no-frame": ("corrupt", lambda: b"GIF89a" + bytes(7) + b";"),
    "gif-huge-screen": ("too_many_pixels", lambda: b"GIF89a\xff\xff\xff\xff" + build.gif_of_many_frames(1)[10:]),
    "bmp-24": ("converted", lambda: encode(picture(), "BMP")),
    "bmp-32": ("converted", lambda: encode(picture("RGBA"), "BMP")),
    "bmp-top-down": ("converted", build.bmp_top_down),
    "bmp-truncated": ("truncated", lambda: cut(encode(picture(), "BMP"))),
    "bmp-png-inside": ("unsupported_format", build.bmp_with_png_inside),
    "avif": ("converted", lambda: encode(picture(), "AVIF")),
    "avif-orientation-6": ("converted", lambda: encode(picture(), "AVIF", exif=exif(6))),
    "avif-animated": ("converted", lambda: build.animation("AVIF")),
    "avif-truncated": ("truncated", lambda: cut(encode(picture(), "AVIF"))),
    "avif-bomb": (
        "too_many_pixels",
        lambda: build.claiming_extent((build.IMAGES / "large.avif").read_bytes(), (64, 48)),
    ),
    "heic": ("untouched", lambda: build.heic("plain")),
    "heif": ("untouched", lambda: build.heif("plain")),
    "heic-rotated": ("untouched", lambda: build.heic("rotated")),
    "heic-two-images": ("converted", lambda: build.heic("pair")),
    "heic-truncated": ("truncated", lambda: cut(build.heic("plain"), 90)),
    "heic-brand-only": ("corrupt", lambda: build.heic("plain")[:28]),
    "heic-bomb": ("too_many_pixels", lambda: build.claiming_extent(build.heic("plain"), (60_000, 60_000))),
}

_NOT_TAKEN: dict[str, Outcome] = {
    "svg": (
        "unsupported_format",
        lambda: b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>',
    ),
    "pdf": ("unsupported_format", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF"),
    "eps": ("unsupported_format", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
    "psd": ("unsupported_format", lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 48, 64, 8, 3)),
    "ico": ("unsupported_format", lambda: encode(picture(), "ICO")),
    "jxl": ("unsupported_format", lambda: b"\xff\x0a" + build.noise(64)),
    "jpeg2000": ("unsupported_format", lambda: encode(picture(), "JPEG2000")),
    "mp4": ("unsupported_format", lambda: build.box(b"ftyp", b"isom\0\0\2\0isommp41") + build.box(b"mdat", bytes(64))),
    "cr3": ("unsupported_format", lambda: build.box(b"ftyp", b"crx \0\0\0\1crx isom")),
    "empty": ("empty_file", bytes),
    "too-many-bytes": ("too_many_bytes", lambda: encode(picture(), "PNG") + bytes(50 * 2**20)),
    "text-named-jpg": ("not_an_image", lambda: b"Not an image at all,\nwhatever its name says.\n"),
    "text-utf-16": ("not_an_image", lambda: "Kein Bild".encode("utf-16")),
    "text-starting-bm": ("not_an_image", lambda: b"BMW is a maker of cars in Bavaria, Germany.\n"),
    "html": ("not_an_image", lambda: b"<!DOCTYPE html><html><body>404</body></html>"),
    "json": ("not_an_image", lambda: b'{"error": {"code": 404}}'),
    "zip": ("not_an_image", build.archive),
    "zip-nested": ("not_an_image", lambda: build.archive() + encode(picture(), "PNG")),
    "gzip": ("not_an_image", lambda: gzip.compress(encode(picture(), "PNG"), mtime=0)),
    "random": ("not_an_image", lambda: b"\x8f" + build.noise(5_000)),
    "zeros": ("not_an_image", lambda: bytes(5_000)),
    "program": ("not_an_image", lambda: b"\x7fELF\x02\x01\x01" + bytes(57)),
}

_TABLE: dict[str, Outcome] = {**PNG, **JPEG, **_TIFF, **_OTHER_IMAGES, **_NOT_TAKEN}

EXPECTED: dict[str, str] = {name: outcome for name, (outcome, _) in _TABLE.items()}


def hostile_images() -> dict[str, bytes]:
    """Build every file; the same bytes in every run."""
    return {name: make() for name, (_, make) in _TABLE.items()}


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in hostile_images().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
