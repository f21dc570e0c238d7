"""Small files that want to cost much: one of each kind of decoder's bomb, built to any size."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from tests import hostile_builders as build
from tests.hostile_builders import chunk, encode, picture, segment


def run_length_bmp(size: tuple[int, int], body: bytes) -> bytes:
    """Return a BMP of 8 bits whose pixels are these runs (RLE8 of Windows bitmaps)."""
    palette = bytes(range(256)) * 4
    start = 14 + 40 + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", 40, *size, 1, 8, 1, len(body), 2835, 2835, 256, 0) + palette + body


def empty_rows_bmp(size: tuple[int, int]) -> bytes:
    """Return rows of one pixel and an end of line: what is missing is filled byte by byte."""
    return run_length_bmp(size, b"\x01\x07\x00\x00" * size[1] + b"\0\1")


def listed_tiff(tag: int, count: int, *, kind: int = 3, size: tuple[int, int] = (160, 160)) -> bytes:
    """Return a TIFF of 16x16 tiles, in which one tag claims `count` numbers."""
    entries = {256: (4, 1, size[0]), 257: (4, 1, size[1]), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    entries |= {277: (3, 1, 1), 322: (4, 1, 16), 323: (4, 1, 16), 324: (3, 1, 8), 325: (4, 1, 256)}
    start = 8 + 2 + 12 * len(entries | {tag: ()}) + 4
    entries[tag] = (kind, count, start)
    listed = [(number, *entries[number]) for number in sorted(entries)]
    return build.tiff(listed, tail=b"\x08\x00" * count)


def overlapping_tiff(tags: int, size: int) -> bytes:
    """Return a TIFF of which many tags claim the same bytes."""
    places = [(256, 4, 1, 64), (257, 4, 1, 48), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    places += [(277, 3, 1, 1), (278, 4, 1, 48), (279, 4, 1, 64 * 48)]
    return build.tiff(places + [(40_000 + tag, 7, size, 8) for tag in range(tags)], tail=bytes(size))


def overlapping_exif_jpeg(tags: int = 4_000) -> bytes:
    """Return a JPEG whose EXIF claims the same bytes in many tags."""
    entries = b"".join(struct.pack("<HHII", 1_000 + tag, 7, 12 * tags, 8) for tag in range(tags))
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, tags) + entries + bytes(4)
    return build.with_segment(encode(picture(), "JPEG"), 0xE1, exif)


def many_scans_jpeg(size: tuple[int, int], scans: int) -> bytes:
    """Return a grey progressive JPEG whose scans walk all its coefficients and add none."""
    blocks = -(-size[0] // 8) * -(-size[1] // 8)
    one_code = bytes([1, *[0] * 15])
    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, struct.pack(">BHHB", 8, size[1], size[0], 1) + b"\1\x11\0")
    head += segment(0xC4, b"\0" + one_code + b"\0") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    bits = ("0" + "1" * 14) * -(-blocks // 32_767)
    bits += "1" * (-len(bits) % 8)
    runs = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + head + first + (segment(0xDA, b"\1\1\0\1\x3f\x10") + runs) * scans + b"\xff\xd9"


def many_chunks_png(count: int) -> bytes:
    data = encode(picture(), "PNG")
    return data[:33] + chunk(b"tEXt", b"a\0b") * count + data[33:]


def long_comment_gif(size: int) -> bytes:
    """Return a GIF with a comment of so many bytes before its frame."""
    data = encode(picture("P"), "GIF")
    start = 13 + (3 << (data[10] & 7) + 1)
    comment = b"\x21\xfe" + (b"\xff" + b"c" * 255) * (size // 255) + b"\0"
    return data[:start] + comment + data[start:]


def small_frame_gif(size: tuple[int, int]) -> bytes:
    """Return a GIF of which one pixel is painted, white, and all else is left bare."""
    white = b"\xff" * 6
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00;"
    return b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + white + frame


def nested_overlays_heic(uses: int, depth: int) -> bytes:
    """Return a HEIC whose picture is derived from one that is derived from one …, each `uses` times."""
    data = build.heic("thumbnail")
    meta = data.index(b"meta") - 4
    first = int.from_bytes(data[data.index(b"pitm") + 8 :][:2], "big")
    links = [(first if level == 0 else 100 + level, 101 + level) for level in range(depth)]
    links[-1] = (links[-1][0], first + 1)
    body = b"".join(build.box(b"dimg", struct.pack(f">HH{uses}H", one, uses, *[to] * uses)) for one, to in links)
    iref = build.box(b"iref", bytes(4) + body)
    size = int.from_bytes(data[meta : meta + 4], "big")
    end = meta + size
    return data[:meta] + struct.pack(">I", size + len(iref)) + data[meta + 4 : end] + iref + data[end:]


def _bits(*numbers: tuple[int, int]) -> str:
    """Return (value, count of bits) as text; a count of -1 is an Exp-Golomb number (ITU-T H.265, 9.2)."""
    text = ""
    for value, size in numbers:
        plain = f"{value + 1:b}" if size < 0 else f"{value:0{size}b}"
        text += ("0" * (len(plain) - 1) if size < 0 else "") + (plain if size else "")
    return text


def sequence_set(size: tuple[int, int], sub_layers: int = 0) -> bytes:
    """Return a sequence parameter set of HEVC that begins like one of pictures of this size (H.265, 7.3.2.2)."""
    layers = [(1, 1), (1, 1)] * sub_layers + ([(0, 2 * (8 - sub_layers))] if sub_layers else [])
    fields = [(0, 4), (sub_layers, 3), (1, 1), (1 << 80, 96), *layers, *[(0, 96)] * sub_layers]
    text = _bits(*fields, (0, -1), (1, -1), (size[0], -1), (size[1], -1))
    body = int(text + "1" + "0" * (-len(text) - 1 & 7), 2).to_bytes(len(text) // 8 + 1, "big")
    body = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", body)  # emulation prevention, 7.4.2
    return b"\x42\x01" + body


def heic_of_units(*units: bytes, repeated: int = 1) -> bytes:
    """Return a HEIC of one picture, before whose own units these come, and all of them so many times."""
    data = build.heic("plain")
    start = data.index(b"mdat") + 4
    own = data[start:]
    payload = (b"".join(struct.pack(">I", len(unit)) + unit for unit in units) + own) * repeated
    head = data[: start - 8].replace(struct.pack(">I", len(own)), struct.pack(">I", len(payload)))
    return head + build.box(b"mdat", payload)


SMALL: dict[str, Callable[[], bytes]] = {
    "bmp-runs": lambda: empty_rows_bmp((400, 300)),
    "tiff-tiles": lambda: listed_tiff(324, 100),
    "tiff-overlap": lambda: overlapping_tiff(8, 600),
    "jpeg-scans": lambda: many_scans_jpeg((200, 200), 20),
    "jpeg-exif": lambda: overlapping_exif_jpeg(40),
    "png-chunks": lambda: many_chunks_png(100),
    "gif-comment": lambda: long_comment_gif(2_000),
    "heic-overlays": lambda: nested_overlays_heic(4, 3),
    "heic-pictures": lambda: heic_of_units(repeated=3),
    "gif-small-frame": lambda: small_frame_gif((300, 200)),
}
"""Seeds for a fuzzer that looks for cost."""
