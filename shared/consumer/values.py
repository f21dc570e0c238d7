"""The values of version 1. All are frozen; `raw` holds the JSON behind a value, with fields this client does not know.

Texts that name one of several things (`status`, `task`, `kind`, `code`, …) may get new values within version 1: treat
one that you do not know as "not for me", never as an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Source:
    """Exactly one generation of one uploaded object; events leave `size`, `content_type` and `crc32c` out."""

    bucket: str
    name: str
    generation: int
    size: int | None = None
    content_type: str | None = None
    crc32c: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a result holds."""

    items: int
    masks: int
    files: int
    warnings: int
    classes: int = 0


@dataclass(frozen=True, slots=True)
class ResultEvent:
    """A pointer to a committed result; duplicates carry the same `id` and the same `result`.

    `status` is that of the result, or `held`: parked at a spending ceiling until about `until` (RFC 3339), with no
    `result` yet. `caption` is cut at 500 characters; `error` is a code for programs, and `error_message` (cut, too) for
    people.
    """

    id: str
    status: str
    task: str
    run: str
    source: Source
    result: str | None
    counts: Counts
    caption: str | None
    error: str | None
    until: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    error_message: str | None = None

    @property
    def held(self) -> bool:
        """Whether there is no result yet."""
        return self.result is None


@dataclass(frozen=True, slots=True)
class File:
    """One file of a result: where it lies (`gs://…`), its size in bytes, and base64 of its CRC32C."""

    uri: str
    content_type: str
    size: int
    crc32c: str


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask of one item: a PNG (`status` `ok`) of the upright image's size, 255 inside, or the `reason` why not.

    `fit` is how well the mask's extent is the item's box (intersection over union, 0 to 1). `soft_file` is the map of
    probabilities, 0 to 255, as a PNG of the same size, where the rules want such maps and the mask has one.
    """

    status: str
    file: File | None
    source: str | None
    area_px: int | None
    reason: str | None
    fit: float | None = None
    soft_file: File | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing found; `status` is `ok`, or `unusable` with the `reason`.

    `box_px` is `(x0, y0, x1, y1)` in pixels of the upright image, half open; `box_px_stored` the same in pixels of the
    file as stored; `box_2d` is `(ymin, xmin, ymax, xmax)`, 0-1000, as the model gave it. A line of text has its `text`
    and, if the model names it, its `language` (BCP 47); `label` is then the beginning of the text. `crop_file` is the
    object as a picture, where the rules want crops: a PNG with its mask as alpha channel, or a JPEG.
    """

    index: int
    label: str
    status: str
    reason: str | None
    box_2d: Box | None
    box_px: Box | None
    box_px_stored: Box | None
    mask: Mask | None = None
    notes: tuple[str, ...] = ()
    text: str | None = None
    language: str | None = None
    crop_file: File | None = None


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """A class that the image belongs to; `status` is `ok`, or `unusable` with the `reason`.

    `score` is None where the model gives none.
    """

    label: str
    status: str = "ok"
    reason: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """What was looked at; `width` and `height` in pixels are those of the upright image."""

    width: int
    height: int
    format: str
    mime_type: str
    orientation: int
    frames: int


@dataclass(frozen=True, slots=True)
class Model:
    """Which model was asked, and which one answered."""

    requested: str
    served: str | None
    reused_from: str | None = None
    """Of an answer that another upload of the same content paid for: the id of the result that has its cost."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How the image travelled to the model, why so, and what was changed on the way."""

    kind: str
    mime_type: str
    bytes: int
    reused: bool
    reason: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenImage:
    """One image of a question about several, as the model saw it; `width` and `height` as in `Image`.

    An object has `generation` and `crc32c` (base64), an image from the web `sha256` (hexadecimal); the others are None.
    """

    uri: str
    generation: int | None
    crc32c: str | None
    sha256: str | None
    width: int
    height: int
    format: str
    mime_type: str
    orientation: int
    transport: Transport


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as billed and what they cost; None where it is not known.

    Tasks may share a call. Its tokens and its cost then stand once: `counted_in` names the task of the same image in
    whose result they do, and what stands here is beyond that. So a sum over results is right. An answer that another
    upload of the same content paid for costs nothing: `saved_usd` is what it would have cost. `tier` is "batch" where
    a batch job has brought the answer, at half the list price; `batch_job` names that job.
    """

    prompt_tokens: int | None
    output_tokens: int | None
    thought_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None
    counted_in: str | None = None
    tier: str | None = None
    batch_job: str | None = None
    saved_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a result is not a full one: a code for programs, a message for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What the model was to be asked, of a failed result: a redrive asks the same.

    `max_bytes` is the largest file that is read; `safety` maps the API's categories to thresholds. What is None, empty
    or False was not set.
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
    temperature: float | None = None
    safety: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class AskedTask:
    """One of several tasks that shared a call; `settings` as in the document."""

    task: str
    settings: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Result:
    """One result: of one task, on one generation of one object. It never changes.

    The payload is the task's: `caption`, `items`, `classes` or `answer`; the others are None. `items` is empty where
    nothing was found (`status` `empty`) and None where nobody could look. A question about several images (a manifest)
    has `images`, in its order, instead of `image` and `transport`; elsewhere `images` is None. Only a failure has
    `settings`, and `ask` where its task shared a call with others.
    """

    id: str
    status: str
    task: str
    run: str
    created: str
    source: Source
    image: Image | None
    model: Model
    transport: Transport | None
    usage: Usage | None
    timing_ms: Mapping[str, int] = field(hash=False)
    caption: str | None
    items: tuple[Item, ...] | None
    classes: tuple[ClassLabel, ...] | None
    question: str | None
    answer: str | None
    files: tuple[File, ...]
    warnings: tuple[str, ...]
    error: Problem | None
    uri: str
    images: tuple[SeenImage, ...] | None = None
    settings: Settings | None = None
    ask: tuple[AskedTask, ...] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
