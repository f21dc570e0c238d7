"""How images travel to the model: a pure decision, with its reason. docs/transport.md shows it as a table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.gemini.limits import Backend

TransportKind = Literal["inline", "file", "registered", "gs"]
Choice = tuple[TransportKind | Literal["shrunk"], str]
"""A kind of transport and, in plain words, why; `shrunk` is inline, for which only a smaller copy has room."""

UNTOUCHED_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
"""What every Gemini model takes as it is (image-understanding guide, "Supported image formats")."""

BY_REFERENCE: frozenset[TransportKind] = frozenset({"gs", "registered"})
"""Kinds by which the service reads the object from its bucket itself: the worker need not have its bytes."""

_REQUEST_FRAME_BYTES = 4096  # field names, settings and headers around prompt, schema and image
_IMAGE_FRAME_BYTES = 200  # the same around each further image


@dataclass(frozen=True, slots=True)
class Transport:
    """How an image travelled, for the journal and the result. `bytes` counts what was sent, before base64."""

    kind: str
    mime_type: str
    bytes: int
    reused: bool
    reason: str
    changes: tuple[str, ...] = ()


def choose(backend: Backend, *, image_bytes: int, text_bytes: int, in_bucket: bool = False) -> Choice:
    """Decide how one image of `image_bytes` travels beside `text_bytes` of prompt and schema."""
    return share(backend, [(image_bytes, in_bucket)], text_bytes=text_bytes)[0]


def share(backend: Backend, images: Sequence[tuple[int, bool]], *, text_bytes: int) -> tuple[Choice, ...]:
    """Decide how the images of one request travel, in their order: the smallest first share what fits inline.

    Each is given as the size of what is sent, in bytes, and whether just these bytes lie in a bucket.
    """
    choices: dict[int, Choice] = {}
    inline_bytes = text_bytes + _IMAGE_FRAME_BYTES * (len(images) - 1)
    for number in sorted(range(len(images)), key=lambda each: (images[each][0], each)):
        size, in_bucket = images[number]
        kind, reason = _choice(backend, size, inline_bytes, in_bucket=in_bucket)
        if kind == "inline":
            inline_bytes += base64_bytes(size)
        choices[number] = kind, reason
    return tuple(choices[number] for number in range(len(images)))


def request_bytes(image_bytes: int, text_bytes: int) -> int:
    """Return the size of an inline request."""
    return base64_bytes(image_bytes) + text_bytes + _REQUEST_FRAME_BYTES


def base64_bytes(size: int) -> int:
    """Return what bytes become in a request: base64 takes four for every three."""
    return 4 * ((size + 2) // 3)


def fits_inline(backend: Backend, image_bytes: int, *, text_bytes: int) -> bool:
    """Whether an image can travel inside a request that holds `text_bytes` of everything else."""
    limit = backend.inline_image_limit_bytes
    within = limit is None or image_bytes <= limit
    return within and request_bytes(image_bytes, text_bytes) <= backend.inline_limit_bytes


def file_name(data: bytes) -> str:
    """Return the Files API name for these bytes, so that every worker and retry shares one upload.

    The service takes up to 40 characters of `a-z 0-9 -` behind `files/`.
    """
    return f"files/uplook-{hashlib.sha256(data).hexdigest()[:32]}"


def file_at(uri: str) -> str | None:
    """Return the name of the file that an address of the Files API stands for; None for an object in a bucket.

    >>> file_at("https://generativelanguage.googleapis.com/v1beta/files/uplook-0c0d")
    'files/uplook-0c0d'
    """
    return None if uri.startswith("gs://") else f"files/{uri.rpartition('/')[2]}"


def reference_for(backend: Backend, size: int, *, in_bucket: bool) -> TransportKind | None:
    """Return how the service could read an object of `size` bytes from its bucket itself, or None."""
    if backend.references == "none" or not in_bucket or size > backend.object_limit_bytes:
        return None
    return backend.references


def _choice(backend: Backend, size: int, other_bytes: int, *, in_bucket: bool) -> Choice:
    reference = reference_for(backend, size, in_bucket=in_bucket)
    if reference == "gs":
        return "gs", "Vertex reads the object from its bucket"
    inline = fits_inline(backend, size, text_bytes=other_bytes)
    why = _why_inline(backend, size, other_bytes)
    if inline:
        return "inline", why
    if reference == "registered":
        return "registered", f"{why}; the object is registered where it lies"
    if backend.uploads:
        return "file", why
    return "shrunk", f"{why}; {backend.name.capitalize()} takes no uploads"


def _why_inline(backend: Backend, size: int, other_bytes: int) -> str:
    """Say how the image and the request compare with the limits: the tighter one that decides."""
    limit = backend.inline_image_limit_bytes
    if limit is not None and size > limit:
        return f"the image of {_mb(size)} exceeds the inline limit of {_mb(limit)} for one image"
    total, most = request_bytes(size, other_bytes), backend.inline_limit_bytes
    verb = "fits" if total <= most else "exceeds"
    return f"the request of {_mb(total)} {verb} the inline limit of {_mb(most)}"


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
