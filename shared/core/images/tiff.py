"""The pages of a TIFF: which of them is the picture that is meant, and whether it is a camera's raw.

Source: TIFF 6.0; TIFF Technical Note 1 for SubIFDs; TIFF/EP (ISO 12234-2) and the DNG specification for raws.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.core.images import ifd
from shared.core.images.bigtiff import as_classic
from shared.core.images.exif import sane_orientation
from shared.core.images.limits import Limits, corrupt, truncated, unsupported
from shared.core.images.raws import raw_format
from shared.core.images.signatures import Sniffed, named
from shared.core.images.structure import Structure
from shared.core.images.tag_values import places_work_ns

_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _SUB_DIRECTORIES, _SAMPLE_FORMAT = 274, 277, 322, 323, 330, 339
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
_MIN_IS_WHITE = 0
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""None, CCITT, LZW, JPEG, Deflate and PackBits: what scanners and cameras write."""

_COMPRESSION_NAMES = {
    6: "old-style JPEG",
    34712: "JPEG 2000",
    34925: "LZMA",
    34887: "LERC",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_SAMPLE_FORMATS = {1: "whole-number", 2: "signed", 3: "floating-point", 4: "untyped", 5: "complex", 6: "complex"}
_MAX_LOOKED_AT = 32
_MAX_SUB_DIRECTORIES = 16
"""How many directories are looked at for the picture that is meant: each may have thousands of entries."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A directory: where it is, the first number of each of its tags, and where those below it are."""

    offset: int
    tags: dict[int, int]
    below: tuple[int, ...] = ()

    @property
    def is_reduced(self) -> bool:
        """Whether it is marked as a smaller copy of another page, or as its mask."""
        if _SUBFILE in self.tags:
            return bool(self.tags[_SUBFILE] & (_REDUCED | _MASK))
        return self.tags.get(_OLD_SUBFILE) == _OLD_REDUCED


def scan(data: bytes, limits: Limits) -> Structure:
    """Find the first page that is not marked as reduced, refuse raws, and count the other pages."""
    try:
        header = ifd.header_of(data)
        pages = list(_pages(data, header))
        page = next((page for page in pages if not page.is_reduced), pages[0])
        if raw := raw_format(data, header, [page.tags for page in pages]):
            raise unsupported(named(Sniffed(raw, f"image/x-{'adobe' if raw == 'dng' else 'raw'}-{raw}")))
        work_ns = places_work_ns(data, page.tags, limits, offset=page.offset)
        frames, reduced = _count_pages(data, header, limits.max_frames)
        decodable = _decodable(data, header, page)
    except struct.error as error:
        raise truncated("TIFF", "ends before its directory of tags") from error
    except ValueError as error:
        raise corrupt("TIFF", str(error)) from error
    structure = _structure(page, frames, decodable, reduced if page.offset != header.first else 0)
    return replace(structure, extra_work_ns=work_ns)


def _structure(page: _Page, frames: int, decodable: bytes | None, reduced: int) -> Structure:
    tags = page.tags
    compression = tags.get(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        name = _COMPRESSION_NAMES.get(compression)
        raise unsupported(f"a TIFF of compression {compression}{f' ({name})' if name else ''}")
    orientation, warnings = sane_orientation(tags.get(_ORIENTATION, 1))
    return Structure(
        width=tags.get(_WIDTH, 0),
        height=tags.get(_HEIGHT, 0),
        orientation=orientation,
        frames=frames,
        bits=tags.get(_BITS, 1),
        inverted=tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE,
        # A tile is decoded whole, however small the picture that uses a corner of it; 4 bytes a pixel.
        whole_image_bytes=4 * tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0),
        decodable=decodable,
        changes=("page taken that is not marked as a reduced copy",) if reduced else (),
        variant=_variant(tags),
        warnings=warnings,
    )


def _variant(tags: dict[int, int]) -> str:
    """Name how the pixels are stored, for a reader of TIFF that may not handle it."""
    samples, bits = tags.get(_SAMPLES, 1), tags.get(_BITS, 1)
    kind = _SAMPLE_FORMATS.get(tags.get(_SAMPLE_FORMAT, 1), "unknown")
    photometric = tags.get(_PHOTOMETRIC, 0)
    return f"a TIFF of {samples} {kind} samples of {bits} bits a pixel (photometric interpretation {photometric})"


def _pages(data: bytes, header: ifd.Header) -> Iterator[_Page]:
    """Yield the directories that are looked at, each followed by those below it: its other renderings.

    The first must be whole; a later one that is not, or was seen before, ends its chain.
    """
    seen: set[int] = set()
    offset = header.first
    while offset not in seen and len(seen) < _MAX_LOOKED_AT:
        try:
            page = _page(data, header, offset)
        except struct.error:
            if not seen:
                raise
            return
        seen.add(offset)
        yield page
        yield from _pages_below(data, header, page, seen)
        try:
            offset = ifd.following(data, header, offset)
        except struct.error:
            return
        if not offset:
            return


def _pages_below(data: bytes, header: ifd.Header, page: _Page, seen: set[int]) -> Iterator[_Page]:
    for offset in page.below:
        if offset in seen or len(seen) >= _MAX_LOOKED_AT:
            continue
        seen.add(offset)
        try:
            yield _page(data, header, offset)
        except (struct.error, ValueError):
            continue


def _page(data: bytes, header: ifd.Header, offset: int) -> _Page:
    _, count = ifd.directory_at(data, header, offset)
    if count > ifd.MAX_ENTRIES:
        raise ValueError(f"a directory claims {count} tags")
    tags: dict[int, int] = {}
    below: tuple[int, ...] = ()
    for entry in ifd.tag_entries(data, header, offset):
        found = ifd.numbers(data, header, entry, _MAX_SUB_DIRECTORIES if entry.tag == _SUB_DIRECTORIES else 1)
        if found:
            tags.setdefault(entry.tag, found[0])
        if entry.tag == _SUB_DIRECTORIES:
            below = below or found
    return _Page(offset, tags, below)


def _decodable(data: bytes, header: ifd.Header, page: _Page) -> bytes | None:
    """Return the file with the page that is meant as its first, as decoders read it; None where it is so already."""
    if header.big and header.order == ">":
        return as_classic(data, header, page.offset)
    if page.offset == header.first:
        return None
    at = 8 if header.big else 4
    first = struct.pack(header.offset_format, page.offset)
    return data[:at] + first + data[at + len(first) :]


def _count_pages(data: bytes, header: ifd.Header, at_most: int) -> tuple[int, int]:
    """Follow the chain of directories, which may be cut off or bite its own tail; count pages and reduced copies."""
    seen: set[int] = set()
    reduced = 0
    offset = header.first
    while offset and offset not in seen and len(seen) < at_most:
        try:
            following = ifd.following(data, header, offset)
            reduced += _begins_reduced(data, header, offset)
        except (struct.error, ValueError):
            break
        seen.add(offset)
        offset = following
    return max(len(seen) - reduced, 1), reduced


def _begins_reduced(data: bytes, header: ifd.Header, offset: int) -> bool:
    """Whether the first entry of a directory, where NewSubfileType stands, marks it as a reduced copy or a mask."""
    first = next(ifd.tag_entries(data, header, offset), None)
    if first is None or first.tag != _SUBFILE:
        return False
    value = ifd.numbers(data, header, first, 1)
    return bool(value and value[0] & (_REDUCED | _MASK))
