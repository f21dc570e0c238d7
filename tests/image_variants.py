"""The table of variants in docs/images.md as data: each row with its outcome and files that must have it.

`python -m tests.image_variants` prints the table.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

from PIL import Image

from tests import hostile_builders as build
from tests.hostile_builders import animation, encode, picture
from tests.raw_builders import Directory, grid, text, tiff_of

_FIELD = Path(__file__).parent / "images" / "field"
ORIGINAL, JPEG = "original bytes", "JPEG"
_UNSUPPORTED = "refused: `unsupported_format`"
_TRUNCATED, _CORRUPT, _NO_IMAGE = "refused: `truncated`", "refused: `corrupt`", "refused: `not_an_image`"
Row = tuple[str, Callable[[], Iterable[bytes]]]

_FORMS = tuple(product("<>", (False, True)))
_TRAILERS = (b"words", bytes(99), build.box(b"ftyp", b"mp42\0\0\0\0isom"), b"PK\3\4")
_THUMBNAIL = grid(160, 120, tags={254: (4, [1])})
_SENSOR = grid(64, 48, samples=1, photometric=32803, tags={33421: (3, [2, 2])})


def _field(*names: str) -> list[bytes]:
    return [(_FIELD / name).read_bytes() for name in names]


def _tiffs(*pages: Directory) -> list[bytes]:
    return [tiff_of(list(pages), order=order, big=big) for order, big in _FORMS]


def _raws() -> Iterable[bytes]:
    for maker in ("NIKON", "SONY", "SAMSUNG"):
        above = Directory(_THUMBNAIL.tags | {271: text(maker)}, _THUMBNAIL.pixels, [_SENSOR])
        yield from _tiffs(above)
    yield from _field("raw-dng-thumbnail-first.dng")
    yield from (b"IIRO\x08\0\0\0", b"IIU\0\x08\0\0\0", b"FUJIFILMCCD-RAW 0201", b"FOVb\0\0\2\0", b"\0MRM\0\0\0\x40")
    yield build.box(b"ftyp", b"crx \0\0\0\1crx isom")


def _svgs() -> Iterable[bytes]:
    words = '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b>">]><svg/>'
    yield from (words.encode(encoding) for encoding in ("utf-8", "utf-16", "utf-16-be", "utf-32", "latin-1"))
    yield gzip.compress(words.encode())


def _cut_jpeg() -> Iterable[bytes]:
    data = encode(Image.effect_noise((200, 150), 60), "JPEG")
    yield from (data[: len(data) * percent // 100] for percent in (40, 70, 95))


def _without_rows() -> Iterable[bytes]:
    yield from (data + b"\xff\xd9" for data in _cut_jpeg())


def _turned() -> Iterable[bytes]:
    for name, orientation in product(("JPEG", "PNG", "WEBP", "TIFF", "AVIF"), range(2, 9)):
        yield encode(picture(), name, exif=build.exif(orientation))
    yield from _field("exif-6-claims-20-entries.jpg")


VARIANTS: dict[str, Row] = {
    "PNG, JPEG, WebP": (ORIGINAL, lambda: (encode(picture(), name) for name in ("PNG", "JPEG", "WEBP"))),
    "HEIC, HEIF": (ORIGINAL, lambda: (build.heic("plain"), build.heif("plain"), build.heic("rotated"))),
    "GIF, BMP, AVIF": (JPEG, lambda: (encode(picture(), name) for name in ("GIF", "BMP", "AVIF"))),
    "TIFF and BigTIFF in both byte orders": (JPEG, lambda: _tiffs(grid(64, 48))),
    "TIFF whose first pages are marked as reduced copies: the first that is not": (
        JPEG,
        lambda: _tiffs(_THUMBNAIL, grid(64, 48)),
    ),
    "several frames, pages or images: the first, of HEIC the primary one": (
        JPEG,
        lambda: (build.heic("pair"), *(animation(name) for name in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"))),
    ),
    "turned by EXIF, also by a damaged block that was read so far": (JPEG, _turned),
    "JPEG, PNG, WebP, HEIC with anything after its end": (
        ORIGINAL,
        lambda: (
            data + trailer
            for trailer in _TRAILERS
            for data in (build.heic("plain"), *(encode(picture(), name) for name in ("PNG", "JPEG", "WEBP")))
        ),
    ),
    "AVIF, GIF, BMP, TIFF with anything after its end": (
        JPEG,
        lambda: (encode(picture(), name) + trailer for trailer in _TRAILERS for name in ("AVIF", "GIF", "BMP", "TIFF")),
    ),
    "JPEG that lacks only its end marker (a warning says so)": (
        JPEG,
        lambda: _field("jpeg-no-eoi.jpg", "jpeg-no-eoi-padded-zeros.jpg"),
    ),
    "JPEG with its end marker, of which rows are missing (a warning says so)": (ORIGINAL, _without_rows),
    "BMP without the padding of its last row": (JPEG, lambda: _field("bmp-last-row-unpadded.bmp")),
    "JPEG, PNG, WebP, HEIC, AVIF, TIFF cut off": (
        _TRUNCATED,
        lambda: (
            *_cut_jpeg(),
            build.cut(build.heic("plain"), 90),
            *(build.cut(encode(picture(), name)) for name in ("PNG", "WEBP", "AVIF", "TIFF")),
        ),
    ),
    "PNG of a wrong checksum": (
        _CORRUPT,
        lambda: [encode(picture(), "PNG").replace(b"IHDR\0\0\0\x40", b"IHDR\0\0\0\x41")],
    ),
    "camera raws: DNG, NEF, CR2, CR3, ARW, SRW, PEF, ORF, RW2, RAF, X3F, MRW and more": (_UNSUPPORTED, _raws),
    "SVG in any encoding, also compressed": (_UNSUPPORTED, _svgs),
    "Netpbm, Targa, PCX, ICNS, ICO, SGI, DDS, XBM, JPEG 2000": (
        _UNSUPPORTED,
        lambda: (
            encode(picture("1" if name == "XBM" else "RGB"), name)
            for name in ("PPM", "TGA", "PCX", "ICNS", "ICO", "SGI", "DDS", "XBM", "JPEG2000")
        ),
    ),
    "PDF, EPS, PSD, JPEG XL, JPEG XR, EXR, XCF, DICOM, MP4": (
        _UNSUPPORTED,
        lambda: (
            *(b"%PDF-1.7", b"%!PS-Adobe", b"8BPS\0\1", b"\xff\x0a", b"II\xbc\x01", b"\x76\x2f\x31\x01", b"gimp xcf v"),
            bytes(128) + b"DICM",
            build.box(b"ftyp", b"isom\0\0\2\0isommp41"),
        ),
    ),
    "JPEG of 12 bits, lossless, with arithmetic coding, JPEG-LS": (
        _UNSUPPORTED,
        lambda: (
            build.with_jpeg_frame(encode(picture(), "JPEG"), bits=12),
            *(build.with_jpeg_frame(encode(picture(), "JPEG"), marker=marker) for marker in (0xC3, 0xC9, 0xF7)),
        ),
    ),
    "BMP with bit fields of its own, or with a JPEG or PNG inside": (
        _UNSUPPORTED,
        lambda: (*_field("bmp-bitfields-101010.bmp"), build.bmp_with_png_inside()),
    ),
    "TIFF of floating-point colours, 64-bit or complex samples": (
        _UNSUPPORTED,
        lambda: (
            *_field("tiff-rgb-float32.tif"),
            *_tiffs(grid(8, 8, samples=1, photometric=1, tags={258: (3, [64]), 339: (3, [3])})),
            *_tiffs(grid(8, 8, samples=1, photometric=1, tags={258: (3, [64]), 339: (3, [6])})),
        ),
    ),
    "TIFF of LZMA, Zstandard, WebP, JPEG 2000 or old-style JPEG": (
        _UNSUPPORTED,
        lambda: (build.tiny_tiff(number) for number in (34_925, 50_000, 50_001, 34_712, 6)),
    ),
    "PNG of Apple's own kind for iOS (CgBI)": (_UNSUPPORTED, lambda: _field("png-apple-cgbi.png")),
    "text, HTML, XML, JSON, archives, programs": (
        _NO_IMAGE,
        lambda: (b"words", b"<html>", b"<?xml version='1.0'?><a/>", b"{}", build.archive(), b"\x7fELF" + bytes(60)),
    ),
}


def table() -> list[tuple[str, str]]:
    """Return the rows of the table: variant and outcome."""
    return [(variant, outcome) for variant, (outcome, _) in VARIANTS.items()]


if __name__ == "__main__":
    for variant, outcome in table():
        print(f"| {variant} | {outcome} |")  # noqa: T201 - this is what it is run for
