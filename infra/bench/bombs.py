"""Hostile inputs: replies of a megabyte and small files that want to become large ones. No imaging library needed."""

from __future__ import annotations

import base64
import json
import struct
import zlib

MEGABYTE = 1_000_000
BOMB_SIDE = 13_000
"""169 megapixels in RGB: just below the size from which Pillow refuses by itself (twice its warning)."""

_BEST = 9  # a reply is read up to 500,000 characters: the bomb must fit
_ROWS_AT_ONCE = 100
_ITEM = '{"label": "cat", "box_2d": [100, 100, 900, 900], "mask": '


def _fill(unit: str) -> str:
    return (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]


REPLIES = {
    "base64 loop": "[" + _ITEM + '"data:image/png;base64,' + _fill("Pj4+"),
    "nested objects": _fill('{"a":'),
    "open braces": _fill("{"),
    "open brackets": _fill("["),
    "prose in brackets": _fill("[a]"),
    "single quotes": _fill("{'a': 1},"),
    "broken numbers, three deep": '{"a":[{"b":[{"c":[' + _fill("1,") + "x}",
    "empty objects": "[" + _fill("{},"),
    "one long number": '[{"box_2d": [' + _fill("9"),
    "half surrogates": '[{"label": "' + _fill("\\ud800") + '"}]',
    "one endless polygon": "[" + _ITEM + "[" + _fill("[7, 993], [993, 7], "),
    "whole polygons": "[" + _fill(_ITEM + "[[100, 100], [900, 100], [500, 900]]}, "),
    "numbers of 4000 digits": '{"boxes": [' + _fill('{"box_2d": [' + "9" * 4000 + ", 1e999, NaN, -1]}, "),
}
"""What loops, breaks and attacks look like, each about a megabyte."""


def harmless_reply() -> str:
    """Return about a megabyte of well-formed items."""
    item = {"label": "cat 00000", "box_2d": [100, 100, 900, 900], "mask": [[100, 100], [900, 100], [500, 900]]}
    count = MEGABYTE // len(f"{json.dumps(item)}, ")
    return json.dumps({"boxes": [item | {"label": f"cat {number:05}"} for number in range(count)]})


def png_bomb(channels: int) -> bytes:
    """Return a complete black PNG of `BOMB_SIDE` squared: grey (1 channel) or RGB (3)."""
    row = bytes(1 + channels * BOMB_SIDE)
    packer = zlib.compressobj(_BEST)
    body = b"".join(packer.compress(row * _ROWS_AT_ONCE) for _ in range(BOMB_SIDE // _ROWS_AT_ONCE))
    return _png((BOMB_SIDE, BOMB_SIDE), body + packer.flush(), colour_type=2 if channels > 1 else 0)


def filled_png(size: tuple[int, int], *, filter_type: int) -> bytes:
    """Return a complete black PNG in RGB, each row of which is filtered in one way (PNG, third edition, 9.2)."""
    row = bytes([filter_type]) + bytes(3 * size[0])
    packer = zlib.compressobj(_BEST)
    body = b"".join(packer.compress(row * _ROWS_AT_ONCE) for _ in range(size[1] // _ROWS_AT_ONCE))
    return _png(size, body + packer.flush(), colour_type=2)


def swollen_mask() -> bytes:
    """Return a PNG that announces 256x256 pixels and unpacks to a hundred megabytes."""
    packer = zlib.compressobj(_BEST)
    body = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(100)) + packer.flush()
    return _png((256, 256), body, colour_type=0)


BOMBS = {"bomb.png": lambda: png_bomb(3), "bomb-mask.png": lambda: png_bomb(1), "bomb-swollen.png": swollen_mask}
"""The bombs by the name of their file."""


def reply_with_mask(png: bytes) -> str:
    """Return an answer whose one mask is this file."""
    return "[" + _ITEM + '"data:image/png;base64,' + base64.b64encode(png).decode() + '"}]'


def _png(size: tuple[int, int], body: bytes, *, colour_type: int) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
