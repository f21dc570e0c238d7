"""Masks that come as a PNG in base64: checked before a decoder sees them. `png_fitting` puts them into their box."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.masks.png_writing import SIGNATURE, chunk
from shared.core.masks.refused import MaskRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

    from shared.core.masks.allowance import MaskAllowance

MAX_PNG_PIXELS = 2048 * 2048
"""Of a mask as sent; the masks of real answers are 256x256."""

_DATA_URL = re.compile(r"data:[\w.+/-]{0,100}(?:;[\w=.-]{1,40})*,", re.IGNORECASE)
_START = re.compile(r"data:|iVBORw0KGgo", re.IGNORECASE)
_BASE64_START = "iVBORw0KGgo"
_URL_SAFE = str.maketrans("-_", "+/")  # RFC 4648 5
_MOST_DEBRIS = 4_000  # characters of segmentation tokens in front of a picture
_IHDR = struct.Struct(">IIBBBBB")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
_PALETTE = 3
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # in this order; all else could only do harm
_CHUNK_FRAME = 12  # length, name and checksum
_BLOCK = 1 << 16
_STEPS_PER_BYTE = 2  # of the PNG's rows: inflated to check them, then decoded
_STEPS_PER_PIXEL = 3  # of the picture as sent: decoded, and its extent found


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int

    @property
    def inflated_size(self) -> int:
        """Bytes of all rows, each with its filter byte."""
        return self.height * (1 + (self.width * _CHANNELS[self.colour] * self.depth + 7) // 8)


def is_png_text(value: str) -> bool:
    """Whether a string is meant as an encoded picture: a data URL, or base64 that begins like a PNG.

    Either may stand behind something else: models begin with segmentation tokens and go on with the picture.
    """
    text = value.lstrip()
    return text[:5].lower() == "data:" or _BASE64_START in text[:_MOST_DEBRIS]


def decode_png(value: str, allowance: MaskAllowance) -> Image:
    """The picture in a data URL or in bare base64, in 8 bits of grey and of the size that was sent.

    Raises:
        MaskRefusedError: with the reason, for anything but one complete PNG of a bearable size.
    """
    start = _START.search(value)
    return _grey(_checked(_decode_base64(value[start.start() :] if start else value), allowance))


def _decode_base64(value: str) -> bytes:
    text = "".join(value.split())
    prefix = _DATA_URL.match(text)
    payload = text[prefix.end() :] if prefix else text
    padded = payload.translate(_URL_SAFE) + "=" * (-len(payload) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MaskRefusedError(f"expected a PNG in base64, found damaged base64 ({len(payload)} characters)") from error


def _checked(png: bytes, allowance: MaskAllowance) -> bytes:
    """The PNG with nothing but the chunks that its pixels need, all of them complete and in order."""
    if not png.startswith(SIGNATURE):
        raise MaskRefusedError(f"expected a PNG, found {len(png)} bytes of something else")
    chunks = _chunks(png)
    header = _header(chunks.get(b"IHDR", b""))
    if b"IEND" not in chunks:
        raise MaskRefusedError("expected a whole PNG, found one that is cut off or damaged")
    _check_palette(header, chunks)
    allowance.spend(_STEPS_PER_BYTE * header.inflated_size + _STEPS_PER_PIXEL * header.width * header.height)
    _check_rows(header, chunks.get(b"IDAT", b""))
    return SIGNATURE + b"".join(chunk(name, chunks[name]) for name in _NEEDED if name in chunks)


def _check_palette(header: _Header, chunks: Mapping[bytes, bytes | bytearray]) -> None:
    """Decoders are careless with palettes that do not fit: they fail late, or guess."""
    palette, alpha = chunks.get(b"PLTE", b""), chunks.get(b"tRNS")
    colours = len(palette) // 3
    most = {0: 2, 2: 6, _PALETTE: colours}.get(header.colour, 0)  # a sample of grey, one of RGB, one per colour
    if header.colour == _PALETTE and not (1 <= colours <= 1 << header.depth and len(palette) % 3 == 0):
        raise MaskRefusedError(f"expected a PNG, found one with a palette of {len(palette)} bytes")
    if alpha is not None and not (most >= len(alpha) > 0 and (header.colour == _PALETTE or len(alpha) == most)):
        raise MaskRefusedError(f"expected a PNG, found one with a transparency of {len(alpha)} bytes")


def _chunks(png: bytes) -> dict[bytes, bytearray]:
    """What the chunks of each name hold together, up to the first damaged one."""
    chunks: dict[bytes, bytearray] = {}
    at = len(SIGNATURE)
    while at + _CHUNK_FRAME <= len(png) and b"IEND" not in chunks:
        length, name = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + length]
        at += _CHUNK_FRAME + length
        if at > len(png) or zlib.crc32(name + data) != struct.unpack_from(">I", png, at - 4)[0]:
            break
        chunks.setdefault(name, bytearray()).extend(data)
    return chunks


def _header(data: bytes | bytearray) -> _Header:
    if len(data) != _IHDR.size:
        raise MaskRefusedError("expected a PNG, found one with a damaged header")
    width, height, depth, colour, _compression, _filter, interlace = _IHDR.unpack(data)
    if colour not in _CHANNELS or depth not in {1, 2, 4, 8, 16} or interlace:
        raise MaskRefusedError("expected a plain PNG, found an interlaced or unknown kind")
    if not 0 < width * height <= MAX_PNG_PIXELS:
        raise MaskRefusedError(f"expected at most {MAX_PNG_PIXELS} pixels in a mask, found {width}x{height}")
    return _Header(width, height, depth, colour)


def _check_rows(header: _Header, data: bytes | bytearray) -> None:
    """Decoders fill missing rows with black in silence; a mask that lacks rows is no mask."""
    inflate = zlib.decompressobj()
    size, progress = 0, 1
    try:
        while progress and size <= header.inflated_size:
            progress = len(inflate.decompress(data, _BLOCK))
            size += progress
            data = inflate.unconsumed_tail
    except zlib.error as error:
        raise MaskRefusedError("expected a PNG, found one with damaged pixels") from error
    if size != header.inflated_size or not inflate.eof:
        raise MaskRefusedError("expected a whole PNG, found one with missing or surplus rows")


def _grey(png: bytes) -> Image:
    """The picture in 8 bits of grey, whatever its mode; transparency counts as outside of the mask."""
    import io

    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(png), formats=["PNG"])
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise MaskRefusedError("expected a PNG, found one that no decoder reads") from error
    if picture.mode.startswith("I"):
        return _grey_of_16_bits(picture)
    return _grey_of_transparent(picture) if picture.has_transparency_data else picture.convert("L")


def _grey_of_16_bits(picture: Image) -> Image:
    """Scaled, not clipped: `convert` turns every value above 255 into white."""
    import numpy as np
    from PIL import Image

    return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))


def _grey_of_transparent(picture: Image) -> Image:
    from PIL import ImageChops

    layers = picture.convert("LA")
    grey, alpha = layers.getchannel("L"), layers.getchannel("A")
    darkest, lightest = grey.getextrema()
    return alpha if darkest == lightest else ImageChops.multiply(grey, alpha)
