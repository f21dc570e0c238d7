"""The values that Uplook speaks of. All are frozen; units, axis order and frame stand in each name.

Frames: *upright* is the picture as a person sees it (EXIF orientation applied), *stored* is the pixel grid of
the file. Boxes in pixels are `(x0, y0, x1, y1)`, half open, `0 <= x0 < x1 <= width`; boxes as a model gives
them are `(ymin, xmin, ymax, xmax)` in 0-1000 of the upright image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

BoxPx = tuple[int, int, int, int]
"""`(x0, y0, x1, y1)` in pixels, half open."""

Box1000 = tuple[int, int, int, int]
"""`(ymin, xmin, ymax, xmax)`, 0-1000, top-left origin: the order and scale that Gemini answers in."""

MAX_ITEMS = 500
"""Of one answer, whatever is set: as many as the output tokens of `detect` have room for."""

MAX_MASK_THRESHOLD = 254
"""Of 0 to 255: above the highest value no pixel would be left."""

MAX_TEMPERATURE = 2.0
"""Of the API's `temperature`, from 0."""

MAX_QUESTION, MAX_LANGUAGE = 2000, 60
"""Characters of a question and of a language, wherever they are set: in the metadata of an upload, or in a manifest."""

Status = Literal["ok", "empty", "partial", "blocked", "unsupported", "skipped", "failed"]
"""Final states of a result; `failed` alone is committed as an error document (see docs of `results`)."""

_FIRST_TRANSPOSED = 5


@dataclass(frozen=True, slots=True)
class Source:
    """Exactly one generation of one uploaded object, as the storage event describes it.

    `size` is in bytes; `crc32c` is base64 of the big-endian checksum, the form Cloud Storage uses; either is
    None where the event does not say.
    """

    bucket: str
    name: str
    generation: int
    size: int | None = None
    content_type: str | None = None
    crc32c: str | None = None


def is_transposed(orientation: int) -> bool:
    """Whether an EXIF orientation (1-8) swaps the axes of the stored grid: 5-8 do (Exif 2.32, tag 0x0112)."""
    return orientation >= _FIRST_TRANSPOSED


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What probing found, before any pixel was decoded.

    `width` and `height` are those of the *upright* image; `orientation` is the EXIF value 1-8 that turns the
    stored grid upright (1 where the file says nothing sensible). `format` is a lower-case name (`jpeg`).
    """

    width: int
    height: int
    format: str
    mime_type: str
    orientation: int = 1
    frames: int = 1
    mode: str = "RGB"
    warnings: tuple[str, ...] = ()

    @property
    def stored_width(self) -> int:
        """Width of the grid in the file: orientations 5-8 swap the axes."""
        return self.height if is_transposed(self.orientation) else self.width

    @property
    def stored_height(self) -> int:
        """Height of the grid in the file."""
        return self.width if is_transposed(self.orientation) else self.height


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """Bytes ready for the model. `changes` is empty where the original bytes are untouched.

    `width` and `height` are those of the picture inside `data`, upright; boxes in 0-1000 need no scale.
    """

    data: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask of one item: a file, or the reason why there is none.

    `bitmap` holds the mask inside `box_px` only: one bit per pixel (1 is inside), rows top down, each padded with
    zeros to whole bytes, the leftmost pixel in the highest bit, as in a 1-bit PNG: exactly
    `(x1 - x0 + 7) // 8 * (y1 - y0)` bytes. It is empty where `status` is `unavailable`. `fit` is how well the extent
    of the mask is its box (intersection over union, 0 to 1). `notes` name how the answer had to be understood
    (`polygon_yx`). `soft` holds the probabilities inside `box_px`, one byte per pixel, rows top down; it is empty
    where nobody wants them or the mask has none.
    """

    status: Literal["ok", "unavailable"]
    source: Literal["png", "polygon"] | None = None
    box_px: BoxPx | None = None
    area_px: int = 0
    reason: str | None = None
    fit: float | None = None
    notes: tuple[str, ...] = ()
    bitmap: bytes = field(default=b"", repr=False)
    soft: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing the model found, in both frames. `status` says whether it can be used, `reason` why not.

    A line of text has its `text`, of which `label` is the beginning, and its `language` (BCP 47) if that is known.
    """

    index: int
    label: str
    status: Literal["ok", "unusable"] = "ok"
    reason: str | None = None
    box_2d: Box1000 | None = None
    box_px: BoxPx | None = None
    box_px_stored: BoxPx | None = None
    mask: Mask | None = None
    notes: tuple[str, ...] = ()
    text: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """One label that the model chose. `status` says whether it can be used, `reason` why not."""

    label: str
    status: Literal["ok", "unusable"] = "ok"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call as the back end billed them; None where it did not say."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None
    thought_tokens: int | None = None
    total_tokens: int | None = None

    def plus(self, other: Usage) -> Usage:
        """Return the sum of two calls; what neither says stays unknown."""
        return Usage(
            _sum(self.prompt_tokens, other.prompt_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.thought_tokens, other.thought_tokens),
            _sum(self.total_tokens, other.total_tokens),
        )


NOTHING_USED = Usage(0, 0, 0, 0)
"""Of a task whose answer came with that of another one, which bears the cost."""


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Everything a worker needs to do one task: resolved by ingest, carried in the event, part of the key.

    `max_items` is asked for; only where somebody has set it (`max_items_set`) it also cuts what is answered. Pixels of
    a mask that are above `mask_threshold` (0 to 254) are inside of it; `soft_masks` keeps the map of probabilities.
    `crops` cuts each object out of the picture.
    `safety` holds pairs of category and threshold, by the API's names. `temperature` (0 to 2) is None where nobody sets
    it, and for models that no longer take it.
    """

    model: str
    prompt: str
    thinking: str
    max_items: int
    max_bytes: int
    labels: tuple[str, ...] = ()
    question: str | None = None
    language: str | None = None
    multi_label: bool = False
    system_instruction: str | None = None
    media_resolution: str | None = None
    safety: tuple[tuple[str, str], ...] = ()
    max_items_set: bool = False
    mask_threshold: int = 127
    soft_masks: bool = False
    crops: bool = False
    temperature: float | None = None
