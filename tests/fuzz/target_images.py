"""Images: any file is probed and prepared, or refused with a code, within small caps."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import prepare, written_size
from shared.core.images.probing import Limits, probe
from tests.fuzz import laws
from tests.fuzz.feed import Feed

if TYPE_CHECKING:
    from shared.core.values import ImageInfo, PreparedImage

LIMITS = Limits(
    max_bytes=1 << 20,
    max_pixels=1_000_000,
    max_side_px=4_096,
    max_frames=20,
    max_decode_bytes=16_000_000,
)
_ACCEPTED = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_FORMATS = frozenset({"png", "jpeg", "webp", "heic", "heif", "gif", "bmp", "tiff", "avif"})
_MAX_SIDES = (3_072, 100, 1, 17)
_PNG = b"\x89PNG\r\n\x1a\n"


def fuzz_one(data: bytes) -> None:
    """Take one file as a worker does: once for a model that takes it as it is, once for one that takes JPEG only."""
    feed = Feed(data)
    max_side_px, sealed = feed.pick(_MAX_SIDES), feed.byte() & 1
    file = with_valid_checksums(feed.rest()) if sealed else feed.rest()
    try:
        info = probe(file, limits=LIMITS)
    except ImageRejectedError as refusal:
        laws.must_be_refusal(refusal)
        return
    _must_be_info(info)
    for accepted in (_ACCEPTED, frozenset[str]()):
        _must_prepare(file, info, accepted, max_side_px)


def with_valid_checksums(data: bytes) -> bytes:
    """Return a PNG with its checksums put right, so that mutations reach what lies behind them."""
    if not data.startswith(_PNG):
        return data
    sealed, at = bytearray(data), len(_PNG)
    while at + 12 <= len(sealed):
        end = at + 8 + int.from_bytes(sealed[at : at + 4], "big")
        if end + 4 > len(sealed):
            break
        struct.pack_into(">I", sealed, end, zlib.crc32(sealed[at + 4 : end]))
        at = end + 4
    return bytes(sealed)


def _must_be_info(info: ImageInfo) -> None:
    assert info.format in _FORMATS
    assert info.mime_type.startswith("image/")
    assert 1 <= info.orientation <= 8
    assert 1 <= info.frames <= LIMITS.max_frames
    assert info.width > 0
    assert info.height > 0
    assert info.width * info.height <= LIMITS.max_pixels
    assert max(info.width, info.height) <= LIMITS.max_side_px
    for warning in info.warnings:
        laws.must_be_sentence(warning)


def _must_prepare(file: bytes, info: ImageInfo, accepted: frozenset[str], max_side_px: int) -> None:
    try:
        prepared = prepare(file, info, accepted=accepted, max_side_px=max_side_px, limits=LIMITS)
    except ImageRejectedError as refusal:
        laws.must_be_refusal(refusal)
        return
    if prepared.changes:
        assert (prepared.width, prepared.height) == written_size(info.width, info.height, max_side_px)
    else:
        assert max(prepared.width, prepared.height) <= max_side_px
    for change in prepared.changes:
        laws.must_be_sentence(change)
    if prepared.changes:
        _must_be_plain_jpeg(prepared)
    else:
        assert prepared.data == file
        assert prepared.mime_type in accepted


def _must_be_plain_jpeg(prepared: PreparedImage) -> None:
    """What we encode ourselves is upright, of the promised size, and taken by our own probe."""
    assert prepared.mime_type == "image/jpeg"
    info = probe(prepared.data, limits=LIMITS)
    assert (info.format, info.orientation, info.mode) == ("jpeg", 1, "RGB")
    assert (info.width, info.height) == (prepared.width, prepared.height)
