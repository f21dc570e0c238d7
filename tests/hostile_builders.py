"""Bricks of the hostile folder: small files of every format, and the surgery that makes them awkward."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIZE = (64, 48)
RED, GREEN, BLUE, PALE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)


def picture(mode: str = "RGB") -> Image.Image:
    """Return 64x48 pixels with a colour in each corner: red and green above, blue and pale below."""
    image = Image.new("RGB", SIZE)
    for colour, box in zip(
        (RED, GREEN, BLUE, PALE), ((0, 0, 32, 24), (32, 0, 64, 24), (0, 24, 32, 48), (32, 24, 64, 48)), strict=True
    ):
        image.paste(colour, box)
    return image if mode == "RGB" else image.convert(mode)


def encode(image: Image.Image, pillow_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, pillow_format, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def heic(name: str) -> bytes:
    return (IMAGES / f"{name}.heic").read_bytes()


def heif(name: str) -> bytes:
    """Return the same as a file that says no more of its coding than that it is HEIF (ISO/IEC 23008-12, 10.2)."""
    data = heic(name)
    end = int.from_bytes(data[:4], "big")
    return data[:8] + b"mif1" + data[12:end].replace(b"heic", b"miaf") + data[end:]


def cut(data: bytes, percent: int = 60) -> bytes:
    return data[: len(data) * percent // 100]


def animation(pillow_format: str) -> bytes:
    """Return three frames, the first of them upright."""
    return encode(picture(), pillow_format, save_all=True, append_images=[picture().rotate(180), picture().rotate(90)])


def archive() -> bytes:
    """Return a ZIP archive of one file, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr(zipfile.ZipInfo("evil.txt"), "text")
    return buffer.getvalue()


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


def deep_grey(step: int = 20) -> Image.Image:
    """Return a 16-bit ramp: the value of column x is 1000 * x + `step` * y."""
    values = [1000 * x + step * y for y in range(SIZE[1]) for x in range(SIZE[0])]
    return Image.frombytes("I;16", SIZE, struct.pack(f"<{len(values)}H", *values))


# PNG


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(size: tuple[int, int], *chunks: bytes, bits: int = 8, colour_type: int = 2) -> bytes:
    """Return a PNG of the given chunks between a header and the end chunk."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0))
    return PNG_SIGNATURE + header + b"".join(chunks) + chunk(b"IEND", b"")


def png_rows(size: tuple[int, int], rows: int, *, pixel_bytes: int = 3) -> bytes:
    """Return an IDAT chunk with only so many rows."""
    return chunk(b"IDAT", zlib.compress((b"\0" + b"\x7f" * (size[0] * pixel_bytes)) * rows))


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Insert a chunk after the header of a PNG."""
    return data[:33] + chunk(kind, body) + data[33:]


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """Insert a segment right after the first marker of a JPEG."""
    return data[:2] + segment(marker, body) + data[2:]


def frame_marker_at(data: bytes) -> int:
    return next(at for at in range(len(data)) if data[at] == 0xFF and data[at + 1] in {0xC0, 0xC2})


def with_jpeg_frame(data: bytes, *, marker: int | None = None, bits: int = 8, size: tuple[int, int] = SIZE) -> bytes:
    """Rewrite the frame header of a JPEG."""
    at = frame_marker_at(data)
    kind = bytes([data[at + 1] if marker is None else marker])
    return data[: at + 1] + kind + data[at + 2 : at + 4] + struct.pack(">BHH", bits, size[1], size[0]) + data[at + 9 :]


def tall_jpeg(width: int, rows: int) -> bytes:
    """Return a colour JPEG of `rows` equal bands, 16 pixels high each, without ever holding its pixels.

    Restart markers make the bands independent of each other, so that one band can be repeated.
    """
    band = Image.effect_noise((width, 32), 16).convert("RGB")
    band.paste(band.crop((0, 0, width, 16)), (0, 16))
    data = with_jpeg_frame(encode(band, "JPEG", quality=60, restart_marker_rows=1), size=(width, 16 * rows))
    scan = data.rindex(b"\xff\xda") + 14
    first = data[scan : data.index(b"\xff\xd0", scan)]
    bands = b"".join(first + bytes([0xFF, 0xD0 + index % 8]) for index in range(rows - 1))
    return data[:scan] + bands + first + b"\xff\xd9"


def many_scans(count: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated."""
    data = encode(picture(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def ycck() -> bytes:
    """Return a CMYK JPEG whose Adobe marker declares its components as YCCK."""
    data = encode(picture("CMYK"), "JPEG")
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1 :]


def multi_picture() -> bytes:
    """Return an MPO: two JPEGs in one file, as stereo cameras and phones write them."""
    return encode(picture(), "MPO", save_all=True, append_images=[picture().rotate(180)])


# GIF, TIFF, BMP, ISO media


def gif_of_many_frames(count: int) -> bytes:
    header = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\xff\xff\xff\x00\x00\x00"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return header + frame * count + b";"


def gif_with_outlying_frame() -> bytes:
    """Return a GIF whose screen is one pixel and whose frame is 64x48."""
    data = bytearray(encode(picture("P"), "GIF"))
    data[6:10] = struct.pack("<HH", 1, 1)
    return bytes(data)


def tiff(entries: list[tuple[int, int, int, int]], *, following: int = 0, tail: bytes = b"") -> bytes:
    """Return a little-endian TIFF of one directory with (tag, type, count, value) and bytes after it."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", following) + tail


def tiny_tiff(compression: int = 1, *, following: int = 0, tile: int | None = None) -> bytes:
    """Return an 8x8 grey TIFF; `tile` makes it one tile of that many pixels on a side."""
    entries = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    places = [(273, 4, 1, 0), (278, 4, 1, 8), (279, 4, 1, 64)]
    if tile is not None:
        places = [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, 0), (325, 4, 1, 64)]
    start = 8 + 2 + 12 * (len(entries) + len(places)) + 4
    placed = [(tag, kind, count, start if tag in {273, 324} else value) for tag, kind, count, value in places]
    return tiff(entries + placed, following=following, tail=bytes(range(0, 256, 4)))


def big_tiff() -> bytes:
    return encode(picture(), "TIFF", big_tiff=True)


def bmp_top_down() -> bytes:
    data = bytearray(encode(picture(), "BMP"))
    data[22:26] = struct.pack("<i", -SIZE[1])
    return bytes(data)


def bmp_with_png_inside() -> bytes:
    data = bytearray(encode(picture(), "BMP"))
    data[30:34] = struct.pack("<I", 5)
    return bytes(data)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def claiming_extent(data: bytes, size: tuple[int, int]) -> bytes:
    """Rewrite the size that the container of a HEIC or AVIF announces for its coded picture."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", *size) + data[at + 8 :]
