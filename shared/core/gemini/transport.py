"""How images travel to the model: a pure decision, with its reason. docs/transport.md shows it as a table.

Limits, by the guides of November 2026 where they agree and the smaller number where they do not: the Developer API
takes 20 MB per request by its generateContent guide (its files page says 100 MB), and base64 grows bytes by a third; a
registered object may have 2 GB. Vertex takes 7 MB inline and 30 MB from Cloud Storage for each image.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

TransportKind = Literal["inline", "file", "registered", "gs"]

UNTOUCHED_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
"""What every Gemini model takes as it is (image-understanding guide, "Supported image formats")."""

BY_REFERENCE: frozenset[TransportKind] = frozenset({"gs", "registered"})
"""Routes on which the service reads the object from its bucket itself: the worker need not have its bytes."""

MAX_IMAGES_DEVELOPER, MAX_IMAGES_VERTEX = 3600, 3000
"""Most images of one prompt, by back end."""

_REQUEST_FRAME_BYTES = 4096  # field names, settings and headers around prompt, schema and image
_IMAGE_FRAME_BYTES = 200  # the same around each further image
_VERTEX_INLINE_IMAGE_BYTES = 6_000_000
_VERTEX_OBJECT_BYTES = 30_000_000
_REGISTERED_OBJECT_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class BackEnd:
    """What one way of reaching Gemini can carry; sizes in bytes.

    `inline_limit_bytes` is that of a whole request, `inline_image_limit_bytes` of one image in it before base64.
    `references` says how objects are named that lie in a bucket: not at all, registered first, or as they are.
    """

    name: Literal["developer", "vertex"]
    inline_limit_bytes: int
    inline_image_limit_bytes: int | None = None
    references: Literal["none", "registered", "gs"] = "none"
    object_limit_bytes: int = 0
    uploads: bool = True
    max_images: int = MAX_IMAGES_DEVELOPER


@dataclass(frozen=True, slots=True)
class Freight:
    """One image to carry: the size of what is sent, and whether just these bytes lie in a bucket."""

    size: int
    in_bucket: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The chosen transport and, in plain words, why. `shrunk`: only a smaller copy of the image can take it."""

    kind: TransportKind
    reason: str
    shrunk: bool = False


def developer(inline_limit_bytes: int, *, register_files: bool = False) -> BackEnd:
    """Return the Gemini Developer API, inline up to this many bytes."""
    if not register_files:
        return BackEnd("developer", inline_limit_bytes)
    return BackEnd(
        "developer", inline_limit_bytes, references="registered", object_limit_bytes=_REGISTERED_OBJECT_BYTES
    )


def vertex(inline_limit_bytes: int, *, reads_buckets: bool = True) -> BackEnd:
    """Return Vertex (Gemini Enterprise Agent Platform), which has no Files API and reads `gs://` itself."""
    return BackEnd(
        "vertex",
        inline_limit_bytes,
        inline_image_limit_bytes=_VERTEX_INLINE_IMAGE_BYTES,
        references="gs" if reads_buckets else "none",
        object_limit_bytes=_VERTEX_OBJECT_BYTES,
        uploads=False,
        max_images=MAX_IMAGES_VERTEX,
    )


def choose(back_end: BackEnd, *, image_bytes: int, text_bytes: int, in_bucket: bool = False) -> Route:
    """Decide how one image of `image_bytes` travels beside `text_bytes` of prompt and schema."""
    return share(back_end, [Freight(image_bytes, in_bucket)], text_bytes=text_bytes)[0]


def share(back_end: BackEnd, freights: Sequence[Freight], *, text_bytes: int) -> tuple[Route, ...]:
    """Decide how the images of one request travel, in their order: the smallest first share what fits inline."""
    routes: dict[int, Route] = {}
    inline_bytes = text_bytes + _IMAGE_FRAME_BYTES * (len(freights) - 1)
    for number in sorted(range(len(freights)), key=lambda each: (freights[each].size, each)):
        route = _route(back_end, freights[number], inline_bytes)
        if route.kind == "inline" and not route.shrunk:
            inline_bytes += base64_bytes(freights[number].size)
        routes[number] = route
    return tuple(routes[number] for number in range(len(freights)))


def request_bytes(image_bytes: int, text_bytes: int) -> int:
    """Return the size of an inline request."""
    return base64_bytes(image_bytes) + text_bytes + _REQUEST_FRAME_BYTES


def base64_bytes(size: int) -> int:
    """Return what bytes become in a request: base64 takes four for every three."""
    return 4 * ((size + 2) // 3)


def fits_inline(back_end: BackEnd, image_bytes: int, *, text_bytes: int) -> bool:
    """Whether an image can travel inside a request that holds `text_bytes` of everything else."""
    limit = back_end.inline_image_limit_bytes
    within = limit is None or image_bytes <= limit
    return within and request_bytes(image_bytes, text_bytes) <= back_end.inline_limit_bytes


def file_name(data: bytes) -> str:
    """Return the Files API name for these bytes, so that every worker and retry shares one upload.

    The service takes up to 40 characters of `a-z 0-9 -` behind `files/`.
    """
    return f"files/uplook-{hashlib.sha256(data).hexdigest()[:32]}"


def _route(back_end: BackEnd, freight: Freight, other_bytes: int) -> Route:
    readable = freight.in_bucket and freight.size <= back_end.object_limit_bytes
    if back_end.references == "gs" and readable:
        return Route("gs", "Vertex reads the object from its bucket")
    inline = fits_inline(back_end, freight.size, text_bytes=other_bytes)
    why = _why_inline(back_end, freight, other_bytes)
    if inline:
        return Route("inline", why)
    if back_end.references == "registered" and readable:
        return Route("registered", f"{why}; the object is registered where it lies")
    if back_end.uploads:
        return Route("file", why)
    return Route("inline", f"{why}; {back_end.name.capitalize()} takes no uploads", shrunk=True)


def _why_inline(back_end: BackEnd, freight: Freight, other_bytes: int) -> str:
    """Say how the image and the request compare with the limits: the tighter one that decides."""
    limit = back_end.inline_image_limit_bytes
    if limit is not None and freight.size > limit:
        return f"the image of {_mb(freight.size)} exceeds the inline limit of {_mb(limit)} for one image"
    total, most = request_bytes(freight.size, other_bytes), back_end.inline_limit_bytes
    verb = "fits" if total <= most else "exceeds"
    return f"the request of {_mb(total)} {verb} the inline limit of {_mb(most)}"


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
