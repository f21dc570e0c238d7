"""Object names on their way through URLs: whatever a person's file is called, it arrives under exactly that name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote

from infra.viewer.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection

OBJECTS, PREVIEW = "/api/objects", "/api/preview"
DEFAULT_TYPE = "application/octet-stream"
SHOWN_TYPES = frozenset(
    {f"image/{kind}" for kind in ("png", "jpeg", "webp", "gif", "bmp", "avif", "heic", "heif", "tiff")}
    | {"application/json"}
)
"""What the viewer names as such; anything else (SVG and HTML can hold scripts) is handed out as bytes to save."""

_MAX_NAME_BYTES = 1024  # https://cloud.google.com/storage/docs/objects#naming
_ACME = ".well-known/acme-challenge/"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """One object, or exactly one generation of it."""

    bucket: str
    name: str
    generation: int | None = None


def object_url(route: str, address: Address) -> str:
    """Return where the viewer serves an object.

    >>> object_url(OBJECTS, Address("uploads", "a/ü #1.png", 7))
    '/api/objects/uploads/a%2F%C3%BC%20%231.png?generation=7'
    """
    # Slashes are escaped too: a browser would fold `a/../b` into `b`, and `//` must stay two.
    path = f"{route}/{quote(address.bucket, safe='')}/{quote(address.name, safe='')}"
    return path if address.generation is None else f"{path}?generation={address.generation}"


def read_object_url(route: str, raw_path: bytes, query: bytes, *, buckets: Collection[str]) -> Address:
    """Return the object that a request names; `raw_path` is the path as it was sent, still percent-encoded.

    Raises:
        ApiError: 400 it is not UTF-8 or the generation no number; 404 the bucket is none of `buckets`.
    """
    path = raw_path.decode("ascii", errors="replace").removeprefix(f"{route}/")
    bucket, _, name = path.partition("/")
    if bucket not in buckets:
        raise ApiError(404, f"Expected one of the buckets {', '.join(buckets)}, found {bucket!r}.")
    generation = _parameter(query, "generation")
    if generation is not None and not (generation.isascii() and generation.isdigit()):
        raise ApiError(400, f"Expected a whole number as generation, found {generation!r}.")
    return Address(bucket, checked_name(_decoded(name)), int(generation[:20]) if generation else None)


def wants_small(query: bytes) -> bool:
    """Whether a preview is for a card among many."""
    return _parameter(query, "size") == "small"


def wants_stored(query: bytes) -> bool:
    """Whether a preview is to lie as its file stores it, not upright."""
    return _parameter(query, "frame") == "stored"


def asks_why(query: bytes) -> bool:
    """Whether a preview is asked for a second time, to learn why there is none."""
    return _parameter(query, "why") is not None


def checked_name(name: str) -> str:
    """Return `name` if Cloud Storage takes it as an object's name.

    Raises:
        ApiError: 400, it does not.
    """
    size = len(name.encode())
    if not 1 <= size <= _MAX_NAME_BYTES:
        raise ApiError(400, f"Expected a name of 1 to {_MAX_NAME_BYTES} bytes, found {size}: rename the file.")
    if name in {".", ".."} or name.startswith(_ACME) or "\r" in name or "\n" in name:
        raise ApiError(400, f"Cloud Storage takes no object called {name!r}: rename the file.")
    return name


def upload_type(declared: str | None) -> str:
    """Return the content type to store: what the browser says, where it is one."""
    found = (declared or "").split(";")[0].strip()
    return found.lower() if _MEDIA_TYPE.fullmatch(found) else DEFAULT_TYPE


def shown_type(stored: str | None) -> str:
    """Return the content type to answer with."""
    found = upload_type(stored)
    return found if found in SHOWN_TYPES else DEFAULT_TYPE


def _parameter(query: bytes, key: str) -> str | None:
    try:
        values = parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict").get(key)
    except UnicodeDecodeError as error:
        raise ApiError(400, f"Expected percent-encoded UTF-8 as {key}: {error}.") from error
    return values[-1] if values else None


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"Expected percent-encoded UTF-8 as the object's name: {error}.") from error
