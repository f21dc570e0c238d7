"""The images that a manifest names: pinned, read and probed, all of them or a list of what is wrong with them.

Buckets are asked for several images at a time: 3,600 of them, one after the other, would take longer than a delivery
lasts. Whatever decodes or comes from the web goes one after the other: a worker has the memory for one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from shared.core.errors import ErrorCode, ImageRejectedError, NotFoundError, PermanentError, TransientError
from shared.core.events.manifest import StoredImage
from shared.core.values import Source
from shared.pipeline.concurrency import together
from shared.pipeline.job import remaining_s, require_time
from shared.pipeline.worker import send, source_image
from shared.pipeline.worker.source_image import Read, SourceGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.core.events.manifest import ImageReference, Manifest, WebImage
    from shared.core.gemini.transport import BackEnd
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.source_image import Image

MAX_TOTAL_BYTES = 100_000_000
"""Of all images of one question that the worker holds at once."""

_WEB_TIMEOUT_S = 30.0

T = TypeVar("T")


def named_images(job: Job, named: Manifest, ports: WorkerPorts) -> tuple[Image, ...]:
    """Return the images in their order.

    Raises:
        PermanentError: some cannot be used; all of them are named. Or they are too large together.
        TransientError: one changed while it was read, or the deadline is near.
    """
    back_end = send.back_end(ports.settings)
    pinned = together([partial(_or_problem, partial(_pin, job, each, ports)) for each in named.images])
    _require_memory(job, pinned, back_end)
    read = together([partial(_or_problem, partial(_read, job, each, ports, back_end)) for each in pinned])
    found: list[Image] = []
    problems: list[str] = []
    held_bytes = 0
    for index, each in enumerate(read):
        image = _or_problem(partial(_judge, job, each, ports))
        if isinstance(image, PermanentError):
            problems.append(f"images[{index}]: {image.message}")
            continue
        found.append(image)
        held_bytes += len(image.data or b"")
        if held_bytes > MAX_TOTAL_BYTES:
            raise _too_much(index)
    if problems:
        raise PermanentError(ErrorCode.BAD_MANIFEST_IMAGE, " ".join(problems))
    return tuple(found)


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


def _require_memory(job: Job, pinned: Sequence[Source | WebImage | PermanentError], back_end: BackEnd) -> None:
    """Refuse, before a byte of them is read, images that would not fit the worker's memory together."""
    total_bytes = 0
    for index, each in enumerate(pinned):
        if isinstance(each, Source) and source_image.is_read_whole(job, each, back_end=back_end):
            total_bytes += each.size or 0
            if total_bytes > MAX_TOTAL_BYTES:
                raise _too_much(index)


def _read(
    job: Job, pinned: Source | WebImage | PermanentError, ports: WorkerPorts, back_end: BackEnd
) -> Read | WebImage:
    """Read a stored image; one from the web is left for later."""
    if isinstance(pinned, PermanentError):
        raise pinned
    if not isinstance(pinned, Source):
        return pinned
    require_time(job, ports, "reading the images of a manifest")
    try:
        return source_image.read(job, pinned, ports, back_end=back_end)
    except (SourceGoneError, NotFoundError) as error:
        raise TransientError(f"gs://{pinned.bucket}/{pinned.name} changed while it was read.") from error


def _judge(job: Job, found: Read | WebImage | PermanentError, ports: WorkerPorts) -> Image:
    if isinstance(found, PermanentError):
        raise found
    if isinstance(found, Read):
        return source_image.judge(job, found, ports)
    timeout_s = min(_WEB_TIMEOUT_S, remaining_s(job, ports) / 2)
    return source_image.fetch_web(job, found.url, ports, timeout_s=timeout_s)


def _too_much(index: int) -> PermanentError:
    return PermanentError(
        ErrorCode.TOO_MANY_BYTES,
        f"The images of the manifest have more than {MAX_TOTAL_BYTES:,} bytes together, from images[0] to"
        f" images[{index}]: name fewer or smaller ones.",
    )
