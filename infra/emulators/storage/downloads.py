"""Downloads: headers, ranges, and unpacking of gzip for clients that do not ask for it."""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from .ranges import parse_range

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from .models import Version

_FIELD_HEADERS = {
    "cacheControl": "cache-control",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "contentLanguage": "content-language",
}
_TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
"""What zlib calls "a gzip header and the largest window"."""


def media_response(version: Version, request_headers: Mapping[str, str]) -> Response:
    """Return the bytes of `version`, or the part of them the request asks for.

    Raises:
        ApiError: 416, that part does not exist.
    """
    headers = media_headers(version)
    content_type = _header_text(version.fields.get("contentType", "application/octet-stream"))
    payload = version.payload
    if _must_unpack(version, request_headers.get("accept-encoding", "")):
        # The service ignores a range of what it unpacks on the fly: its length is unknown.
        del headers["content-encoding"]
        return StreamingResponse(_each(_unpacked(payload.chunks())), 200, headers, content_type)
    span = parse_range(request_headers.get("range"), payload.size)
    start, stop = span or (0, payload.size)
    headers["content-length"] = str(stop - start)
    headers["content-type"] = content_type
    if span:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{payload.size}"
    if isinstance(payload.source, bytes):
        return Response(payload.source[start:stop], 206 if span else 200, headers)
    return StreamingResponse(_each(payload.chunks(start, stop)), 206 if span else 200, headers)


def media_headers(version: Version) -> dict[str, str]:
    """Return the headers that describe `version`."""
    payload, fields = version.payload, version.fields
    hashes = f"crc32c={payload.crc32c}"
    if "componentCount" not in version.system:
        hashes += f",md5={payload.md5}"
    headers = {
        "accept-ranges": "bytes",
        "etag": f'"{version.etag}"',
        "last-modified": format_datetime(datetime.fromisoformat(version.system["updated"]), usegmt=True),
        "x-goog-generation": str(version.generation),
        "x-goog-hash": hashes,
        "x-goog-metageneration": str(version.metageneration),
        "x-goog-storage-class": fields["storageClass"],
        "x-goog-stored-content-encoding": _header_text(fields.get("contentEncoding", "identity")),
        "x-goog-stored-content-length": str(payload.size),
    }
    metadata = fields.get("metadata", {}).items()
    custom = {f"x-goog-meta-{key}": value for key, value in metadata if _TOKEN.fullmatch(key)}
    known = {header: fields[field] for field, header in _FIELD_HEADERS.items() if field in fields}
    return headers | {name: _header_text(value) for name, value in {**known, **custom}.items()}


def _must_unpack(version: Version, accepted: str) -> bool:
    if version.fields.get("contentEncoding") != "gzip" or "gzip" in accepted:
        return False
    # What only claims to be gzip is served as it is.
    packed = next(version.payload.chunks(0, len(_GZIP_MAGIC)), b"") == _GZIP_MAGIC
    return packed and "no-transform" not in version.fields.get("cacheControl", "")


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    for piece in pieces:
        yield unpacker.decompress(piece)
    yield unpacker.flush()


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    # Pieces come from the page cache: handing each to a thread, as Starlette would, costs more than reading it.
    for piece in pieces:
        yield piece


def _header_text(value: object) -> str:
    # Starlette writes headers as Latin-1, the service as UTF-8; control characters would break the response.
    return _CONTROLS.sub(" ", str(value)).strip().encode(errors="replace").decode("latin-1")
