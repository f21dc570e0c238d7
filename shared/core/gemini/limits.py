"""What each way of reaching Gemini can carry.

Sizes of single images are data of each model and back end (`models.toml`); those here are of a model of which nothing
particular is known, until `of` names one. What a model refuses for its size is sent another way. Requests are limited
by two settings: the Developer API takes 20 MB by its generateContent guide (its files page says 100 MB), and base64
grows bytes by a third.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from shared.core.gemini.registry import ModelProfile

if TYPE_CHECKING:
    from shared.core.gemini.registry import BackendName

MAX_IMAGES_DEVELOPER, MAX_IMAGES_VERTEX = 3600, 3000
"""Most images of one prompt, by back end."""

_ANY: Final = ModelProfile("any", known=False)


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

    def of(self, model: ModelProfile) -> Backend:
        """Return what it can carry to one model."""
        limits = model.limits(self.name)
        object_bytes = limits.object if self.references != "none" else 0
        return replace(self, inline_image_limit_bytes=limits.inline, object_limit_bytes=object_bytes)


def developer(inline_limit_bytes: int, *, register_files: bool = False) -> Backend:
    """Return the Gemini Developer API, inline up to this many bytes."""
    return Backend("developer", inline_limit_bytes, references="registered" if register_files else "none").of(_ANY)


def vertex(inline_limit_bytes: int, *, reads_buckets: bool = True) -> Backend:
    """Return Vertex (Gemini Enterprise Agent Platform), which has no Files API and reads `gs://` itself."""
    return Backend(
        "vertex",
        inline_limit_bytes,
        references="gs" if reads_buckets else "none",
        uploads=False,
        max_images=MAX_IMAGES_VERTEX,
    ).of(_ANY)
