"""Masks: any JSON value in the place of one, and pictures and polygons that are almost right."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.core.geometry import to_pixels
from shared.core.masks.png_writing import encode_mask_png
from shared.core.masks.reading import bounds_of_polygon, read_mask
from shared.core.replies.jsonscan import scan_json
from tests.fuzz import laws
from tests.fuzz.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.values import Box1000, Mask

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_NUMBERS = 400
_ODD_NUMBERS: tuple[Any, ...] = (
    0.5,
    1e308,
    -1e-9,
    float("inf"),
    float("nan"),
    10**19,
    True,
    None,
    "12",
    " 3.5 ",
    "x",
    [],
)


def fuzz_one(data: bytes) -> None:
    """Read one mask in one box, and write what came out of it."""
    feed = Feed(data)
    width, height = feed.number(1, 300), feed.number(1, 300)
    box = _box(feed)
    box_px = to_pixels(box, width=width, height=height) if box else None
    value = feed.pick(_VALUES)(feed)
    around = bounds_of_polygon(value)
    assert around is None or (around[0] < around[2] and around[1] < around[3])
    mask = read_mask(value, box=box, box_px=box_px, width=width, height=height)
    laws.must_be_mask(mask, box_px)
    if mask.status == "ok":
        _must_survive_writing(mask, width, height)


def _box(feed: Feed) -> Box1000 | None:
    if feed.byte() % 16 == 1:
        return None
    ymin, xmin = feed.number(0, 999), feed.number(0, 999)
    return ymin, xmin, feed.number(ymin + 1, 1000), feed.number(xmin + 1, 1000)


def _must_survive_writing(mask: Mask, width: int, height: int) -> None:
    """The file is one bit of grey, as large as the image, white where the mask is and black all around."""
    written = Image.open(io.BytesIO(encode_mask_png(mask, width=width, height=height)), formats=["PNG"])
    assert (written.size, written.mode) == ((width, height), "1")
    assert written.crop(mask.box_px).tobytes() == mask.bitmap
    assert laws.ones(written.tobytes()) == mask.area_px


# Values from simple to nested; each takes what is left.


def _json(feed: Feed) -> Any:
    found = scan_json(feed.text()).values
    return found[0].value if found else None


def _base64_text(feed: Feed) -> str:
    return feed.pick(("", "data:image/png;base64,", "data:,", " ")) + base64.b64encode(feed.rest()).decode()


def _png_text(feed: Feed) -> str:
    """Return a PNG whose checksums hold, whatever its header and its pixels say."""
    depth, colour = feed.pick((8, 1, 16, 2, 4, 3)), feed.pick((0, 2, 3, 4, 6, 1))
    size = feed.number(0, 40), feed.number(0, 40)
    header = struct.pack(">IIBBBBB", *size, depth, colour, feed.byte() % 2, 0, feed.byte() % 16 == 1)
    extras = [_chunk(name, feed.rest()[: feed.byte()]) for name in (b"PLTE", b"tRNS", b"iCCP") if feed.byte() % 2]
    pixels = feed.rest() * feed.number(1, 50)
    packed = zlib.compress(pixels, 1) if feed.byte() % 4 else feed.rest()
    chunks = [_chunk(b"IHDR", header), *extras, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")]
    return base64.b64encode(_SIGNATURE + b"".join(chunks)).decode()


def _whole_png_text(feed: Feed) -> str:
    """Return a PNG with exactly the rows that its header announces."""
    width, height, mode = (
        feed.number(1, 40),
        feed.number(1, 40),
        feed.pick(("L", "1", "P", "LA", "RGBA", "RGB", "I;16")),
    )
    stretched = (feed.rest() or b"\0") * (4 * width * height)
    picture = Image.frombytes("RGBA", (width, height), stretched[: 4 * width * height]).convert("RGBA")
    buffer = io.BytesIO()
    (picture if mode == "RGBA" else picture.convert("L").convert(mode)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _numbers(feed: Feed) -> list[Any]:
    count = min(len(feed.rest()) // 2, _MAX_NUMBERS)
    return [_odd(feed) if feed.byte() == 255 else feed.number(-20, 1020) for _ in range(count)]


def _odd(feed: Feed) -> Any:
    return feed.pick(_ODD_NUMBERS)


def _pairs(feed: Feed) -> list[Any]:
    numbers = _numbers(feed)
    return [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=False)]


def _points(feed: Feed) -> list[Any]:
    return [{"x": x, "y": y} for x, y in _pairs(feed)]


def _rings(feed: Feed) -> list[Any]:
    size, pairs = feed.number(1, 9), _pairs(feed)
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def _flat_rings(feed: Feed) -> list[Any]:
    size, numbers = feed.number(1, 17), _numbers(feed)
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def _named(feed: Feed) -> dict[str, Any]:
    return {feed.pick(("polygon", "points", "")): feed.pick((_rings, _pairs, _points, _numbers))(feed)}


def _numbers_text(feed: Feed) -> str:
    between = feed.pick((",", ", ", " ", "; ", "),(", "-"))
    return between.join(str(number) for number in _numbers(feed))


def _deep(feed: Feed) -> Any:
    value: Any = _pairs(feed)
    for _ in range(feed.byte() % 12):
        value = [value]
    return value


_VALUES: tuple[Callable[[Feed], Any], ...] = (
    Feed.text,
    _json,
    _base64_text,
    _png_text,
    _whole_png_text,
    _numbers,
    _pairs,
    _points,
    _rings,
    _flat_rings,
    _named,
    _numbers_text,
    _deep,
)
