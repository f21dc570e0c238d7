"""How an image travels to the model: a pure decision, with its reason.

Limits: the Developer API takes 20 MB per request by its generateContent guide (its files page says 100 MB;
the smaller number is safe). Base64 grows bytes by a third.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

TransportKind = Literal["inline", "file", "gs"]

UNTOUCHED_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
"""What every Gemini model takes as it is (image-understanding guide, "Supported image formats")."""

_REQUEST_FRAME_BYTES = 4096  # field names, settings and headers around prompt, schema and image


@dataclass(frozen=True, slots=True)
class BackEnd:
    """What one way of reaching Gemini can carry; sizes in bytes, of the whole request."""

    name: Literal["developer", "vertex"]
    inline_limit_bytes: int


@dataclass(frozen=True, slots=True)
class Route:
    """The chosen transport and, in plain words, why."""

    kind: TransportKind
    reason: str


def developer(inline_limit_bytes: int) -> BackEnd:
    """Return the Gemini Developer API, inline up to this many bytes."""
    return BackEnd("developer", inline_limit_bytes)


def choose(back_end: BackEnd, *, image_bytes: int, text_bytes: int) -> Route:
    """Decide how an image of `image_bytes` travels beside `text_bytes` of prompt and schema."""
    total = request_bytes(image_bytes, text_bytes)
    limit = back_end.inline_limit_bytes
    if total <= limit:
        return Route("inline", f"the request of {_mb(total)} fits the inline limit of {_mb(limit)}")
    return Route("file", f"the request of {_mb(total)} exceeds the inline limit of {_mb(limit)}")


def request_bytes(image_bytes: int, text_bytes: int) -> int:
    """Return the size of an inline request: base64 takes four bytes for every three."""
    return 4 * ((image_bytes + 2) // 3) + text_bytes + _REQUEST_FRAME_BYTES


def file_name(data: bytes) -> str:
    """Return the Files API name for these bytes, so that every worker and retry shares one upload.

    The service takes up to 40 characters of `a-z 0-9 -` behind `files/`.
    """
    return f"files/uplook-{hashlib.sha256(data).hexdigest()[:32]}"


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
