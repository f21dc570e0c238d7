"""What each way of reaching Gemini can carry.

By the guides of November 2026 where they agree and the smaller number where they do not: the Developer API takes 20 MB
per request by its generateContent guide (its files page says 100 MB), and base64 grows bytes by a third; a registered
object may have 2 GB. Vertex takes 7 MB inline for each image, and 2 GiB from Cloud Storage by the pages of today's
models; older pages say 30 MB, and what a model refuses for its size is sent another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BackendName = Literal["developer", "vertex"]

MAX_IMAGES_DEVELOPER, MAX_IMAGES_VERTEX = 3600, 3000
"""Most images of one prompt, by back end."""

_VERTEX_INLINE_IMAGE_BYTES = 6_000_000
_VERTEX_OBJECT_BYTES = 2 * 1024**3
_REGISTERED_OBJECT_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Backend:
    """What one way of reaching Gemini can carry; sizes in bytes.

    `inline_limit_bytes` is that of a whole request, `inline_image_limit_bytes` of one image in it before base64.
    `references` says how objects are named that lie in a bucket: not at all, registered first, or as they are.
    """

    name: BackendName
    inline_limit_bytes: int
    inline_image_limit_bytes: int | None = None
    references: Literal["none", "registered", "gs"] = "none"
    object_limit_bytes: int = 0
    uploads: bool = True
    max_images: int = MAX_IMAGES_DEVELOPER


def developer(inline_limit_bytes: int, *, register_files: bool = False) -> Backend:
    """Return the Gemini Developer API, inline up to this many bytes."""
    if not register_files:
        return Backend("developer", inline_limit_bytes)
    return Backend(
        "developer", inline_limit_bytes, references="registered", object_limit_bytes=_REGISTERED_OBJECT_BYTES
    )


def vertex(inline_limit_bytes: int, *, reads_buckets: bool = True) -> Backend:
    """Return Vertex (Gemini Enterprise Agent Platform), which has no Files API and reads `gs://` itself."""
    return Backend(
        "vertex",
        inline_limit_bytes,
        inline_image_limit_bytes=_VERTEX_INLINE_IMAGE_BYTES,
        references="gs" if reads_buckets else "none",
        object_limit_bytes=_VERTEX_OBJECT_BYTES,
        uploads=False,
        max_images=MAX_IMAGES_VERTEX,
    )
