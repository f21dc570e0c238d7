"""Step 3 as a whole: everything that a job's question is about, one image or those that a manifest names.

Those of a manifest are pinned, read and probed: all of them, or a list of what is wrong with them. Buckets are asked
for several images at a time: 3,600 of them, one after the other, would take longer than a delivery lasts. Whatever
decodes or comes from the web goes one after the other: a worker has the memory for one.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from shared.core.delivery import seen
from shared.core.errors import (
    AlreadyExistsError,
    ErrorCode,
    ImageRejectedError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from shared.core.events import manifest
from shared.core.events.manifest import Permitted, StoredImage
from shared.core.planning import questions
from shared.core.tasks import ask
from shared.core.tasks.common.prompts import ask_later
from shared.core.tracing import step
from shared.core.values import Source
from shared.pipeline.concurrency import concurrently
from shared.pipeline.job import remaining_s, require_time
from shared.pipeline.worker import source_image
from shared.pipeline.worker.lease import ATTEMPT
from shared.pipeline.worker.source_image import Read, SourceGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.events.manifest import ImageReference, Manifest, WebImage
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.source_image import Image


MAX_TOTAL_BYTES = 100_000_000
"""Of all images of one question that the worker holds at once."""

_WEB_TIMEOUT_S = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked, and about which images; `question` is that of a manifest, None of a single image."""

    text: str
    images: tuple[Image, ...]
    download_ms: int
    question: str | None = None

    def of(self, event: ImageEvent) -> ImageEvent:
        """Return the event with the words of this prompt: those of a manifest stand in no event."""
        return event if self.question is None else replace(event, settings=replace(event.settings, prompt=self.text))


@step("download")
def read_prompt(job: Job, ports: WorkerPorts) -> Prompt:
    """Read what the job's question is about.

    Raises:
        SourceGoneError: the upload was deleted or overwritten before it was read.
        PermanentError: the image, the manifest or an image that it names cannot be used.
    """
    settings, source = job.event.settings, job.event.source
    begun_s = ports.clock.monotonic_s()
    if job.event.task == ask.TASK.name and manifest.is_manifest(source.name):
        named = _manifest(job, ports)
        text = ask_later(settings.prompt, question=named.question, language=named.language or settings.language)
        images = _named_images(job, named, ports)
        return Prompt(text, images, _ms_since(begun_s, ports), named.question)
    read = source_image.read(job, source, ports)
    download_ms = _ms_since(begun_s, ports)
    return Prompt(settings.prompt, (source_image.probed(job, source, read, ports),), download_ms)


def _ms_since(begun_s: float, ports: WorkerPorts) -> int:
    return round((ports.clock.monotonic_s() - begun_s) * 1000)


def _manifest(job: Job, ports: WorkerPorts) -> Manifest:
    source, settings = job.event.source, ports.settings
    permitted = Permitted(
        bucket=source.bucket,
        folder=manifest.folder_of(source.name),
        buckets=settings.upload_buckets,
        origins=settings.image_url_origins,
        max_images=min(settings.max_images_per_question, settings.backend.max_images),
    )
    data = source_image.download(source, ports, max_bytes=manifest.MAX_BYTES).data or b""
    named = manifest.parse_manifest(data, permitted)
    refused = questions.forbidden(named, source, ports.rules)
    if refused:
        raise PermanentError(ErrorCode.BAD_MANIFEST_IMAGE, f"The manifest may not be asked: {'; '.join(refused)}.")
    return named


def _named_images(job: Job, named: Manifest, ports: WorkerPorts) -> tuple[Image, ...]:
    """Return the images in their order.

    Raises:
        PermanentError: some cannot be used; all of them are named. Or they are too large together.
        TransientError: one changed while it was read, or the deadline is near.
    """
    pinned = concurrently([partial(_or_problem, partial(_pin, job, each, ports)) for each in named.images])
    _require_memory(job, pinned, ports)
    read = concurrently([partial(_or_problem, partial(_read, job, each, ports)) for each in pinned])
    images: list[Image] = []
    problems: list[str] = []
    kept_bytes = 0
    for index, (source, each) in enumerate(zip(pinned, read, strict=True)):
        image = _or_problem(partial(_probed, job, source, each, ports))
        if isinstance(image, PermanentError):
            problems.append(f"images[{index}]: {image.message}")
            continue
        images.append(image)
        kept_bytes += len(image.data or b"")
        if kept_bytes > MAX_TOTAL_BYTES:
            raise _too_much(index)
    if problems:
        raise PermanentError(ErrorCode.BAD_MANIFEST_IMAGE, " ".join(problems))
    return tuple(images)


def _or_problem(call: Callable[[], T]) -> T | PermanentError:
    """Return what is wrong with one image instead of raising it: the others are looked at all the same."""
    try:
        return call()
    except PermanentError as error:
        return error


def _pin(job: Job, reference: ImageReference, ports: WorkerPorts) -> Source | WebImage:
    """Return exactly the generation of a stored image that is live now."""
    if not isinstance(reference, StoredImage):
        return reference
    require_time(job, ports, "reading the images of a manifest")
    live = ports.store.stat(reference.bucket, reference.name)
    if live is None:
        raise ImageRejectedError(ErrorCode.IMAGE_NOT_FOUND, f"gs://{reference.bucket}/{reference.name} does not exist.")
    return Source(reference.bucket, reference.name, live.generation, live.size, None, live.crc32c or None)


def _require_memory(job: Job, pinned: Sequence[Source | WebImage | PermanentError], ports: WorkerPorts) -> None:
    """Refuse, before a byte of them is read, images that would not fit the worker's memory together."""
    total_bytes = 0
    for index, each in enumerate(pinned):
        if isinstance(each, Source) and source_image.is_read_whole(job, each, ports):
            total_bytes += each.size or 0
            if total_bytes > MAX_TOTAL_BYTES:
                raise _too_much(index)


def _read(job: Job, pinned: Source | WebImage | PermanentError, ports: WorkerPorts) -> Read:
    """Read a stored image; one from the web is left for later."""
    if isinstance(pinned, PermanentError):
        raise pinned
    if not isinstance(pinned, Source):
        return Read()
    require_time(job, ports, "reading the images of a manifest")
    _note_seen(job, pinned, ports)
    try:
        return source_image.read(job, pinned, ports)
    except (SourceGoneError, NotFoundError) as error:
        raise TransientError(f"gs://{pinned.bucket}/{pinned.name} changed while it was read.") from error


def _note_seen(job: Job, source: Source, ports: WorkerPorts) -> None:
    """Leave a marker by which `forget` finds the answer that comes of this image, before anything can come of it."""
    with contextlib.suppress(AlreadyExistsError):
        ports.store.create(
            ports.settings.work_bucket,
            seen.marker_name(source, job.paths),
            seen.format_marker(job.paths),
            content_type="application/json",
            metadata={ATTEMPT: job.attempt},
        )


def _probed(
    job: Job,
    pinned: Source | WebImage | PermanentError,
    read: Read | PermanentError,
    ports: WorkerPorts,
) -> Image:
    if isinstance(pinned, PermanentError):
        raise pinned
    if isinstance(read, PermanentError):
        raise read
    if isinstance(pinned, Source):
        return source_image.probed(job, pinned, read, ports)
    timeout_s = min(_WEB_TIMEOUT_S, remaining_s(job, ports) / 2)
    return source_image.fetch_web(job, pinned.url, ports, timeout_s=timeout_s)


def _too_much(index: int) -> PermanentError:
    return PermanentError(
        ErrorCode.TOO_MANY_BYTES,
        f"The images of the manifest have more than {MAX_TOTAL_BYTES:,} bytes together, from images[0] to"
        f" images[{index}]: name fewer or smaller ones.",
    )
