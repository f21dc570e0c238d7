"""How much the values of a TIFF directory claim, before any library reads them; EXIF has the same directories.

Pillow copies the value of every tag, and makes one Python number of each element: a hundred tags that all point to the
same megabytes, or an array of millions of offsets, cost gigabytes. Source: TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.images.limits import Limits, corrupt, too_many_pixels
from shared.core.images.work import TILE_NS

_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TEXT_OR_BYTES = frozenset({1, 2, 6, 7})
_MAX_ENTRIES = 4_096
_MAX_NUMBERS = 400_000
"""More than the three colours of 65,536 palette entries; offsets are bounded by the picture."""

_MAX_EXIF_BYTES = 4 * 2**20
_WIDTH, _HEIGHT, _SAMPLES, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 277, 284, 322, 323
_TILE_PLACES = frozenset({324, 325})
_PLACES = _TILE_PLACES | {273, 279}
_SEPARATE = 2


@dataclass(frozen=True, slots=True)
class _Claim:
    tag: int
    kind: int
    count: int

    @property
    def size(self) -> int:
        return self.count * _VALUE_BYTES.get(self.kind, 0)


def claims_too_much(exif: bytes) -> bool:
    """Whether the first directory of an EXIF block claims more bytes or numbers than any honest one."""
    claims = list(_claims(exif))
    return _numbers(claims) > _MAX_NUMBERS or _copied(claims, exif) > _MAX_EXIF_BYTES or len(claims) > _MAX_ENTRIES


def places_work_ns(data: bytes, tags: dict[int, int], limits: Limits, *, offset: int) -> int:
    """Return what the tiles or strips of a TIFF take to decode besides their pixels, in nanoseconds.

    `tags` holds the first number of each tag in the directory at `offset`.

    Raises:
        ImageRejectedError: there are too many of them, or more than the picture has room for, or values claim too much.
    """
    claims = list(_claims(data, offset))
    tiles, strips = _room(tags)
    for claim in claims:
        room = tiles if claim.tag in _TILE_PLACES else strips
        if claim.tag in _PLACES and claim.count > room:
            raise corrupt("TIFF", f"it lists {claim.count:,} tiles or strips and its size has room for {room:,}")
    others = [claim for claim in claims if claim.tag not in _PLACES]
    if _numbers(others) > _MAX_NUMBERS or _copied(others, data) > 2 * len(data):
        raise corrupt("TIFF", "its tags claim more than the file holds")
    listed = max((claim.count for claim in claims if claim.tag in _PLACES), default=0)
    if listed * TILE_NS > limits.max_work_ns:
        raise too_many_pixels(
            f"Expected a TIFF of at most {limits.max_work_ns // TILE_NS:,} tiles or strips; found {listed:,}. Save it "
            "with larger tiles, or as PNG or JPEG, and upload it again."
        )
    return TILE_NS * listed


def _numbers(claims: list[_Claim]) -> int:
    return sum(claim.count for claim in claims if claim.kind not in _TEXT_OR_BYTES)


def _copied(claims: list[_Claim], data: bytes) -> int:
    return sum(min(claim.size, len(data)) for claim in claims)


def _room(tags: dict[int, int]) -> tuple[int, int]:
    """Return how many tiles and how many strips the picture has at most: a strip has at least one row."""
    width, height = tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)
    planes = max(1, tags.get(_SAMPLES, 1)) if tags.get(_PLANAR) == _SEPARATE else 1
    across, down = max(1, tags.get(_TILE_WIDTH, 1)), max(1, tags.get(_TILE_HEIGHT, 1))
    return planes * -(-width // across) * -(-height // down), planes * height


def _claims(data: bytes, offset: int | None = None) -> Iterator[_Claim]:
    """Yield what each entry of a directory claims, of the first one by default; nothing where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:  # noqa: PLR2004 - the header of a BigTIFF
        return
    big = struct.unpack_from(order + "H", data, 2)[0] == 43  # noqa: PLR2004 - the version of BigTIFF
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    at = first if offset is None else offset
    count_bytes, entry_bytes, count_format = (8, 20, "Q") if big else (2, 12, "I")
    if at + count_bytes > len(data):
        return
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    at += count_bytes
    for entry in range(
        at, min(at + entry_bytes * min(entries, _MAX_ENTRIES + 1), len(data) - entry_bytes + 1), entry_bytes
    ):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        (count,) = struct.unpack_from(order + count_format, data, entry + 4)
        yield _Claim(tag, kind, count)
