"""Step 3: exactly the generation that the event names, capped and verified, then probed and prepared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.core import images, prepare, transport
from shared.core.errors import ImageRejectedError, NotFoundError, TransientError, UplookError
from shared.core.jsontext import crc32c

if TYPE_CHECKING:
    from shared.core.model import ImageInfo, Prepared
    from shared.pipeline.work import Job, Ports

_AS_IS_SIDE_PX = 8192
_MAX_WRITTEN_SIDE_PX = 3072  # more than any model looks at: it scales down to tiles of its own


class SourceGoneError(UplookError):
    """The generation was deleted or overwritten before it was read; `code` is `gone` or `superseded`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Image:
    """A downloaded image: the original bytes, and what probing found."""

    data: bytes = field(repr=False)
    info: ImageInfo


def fetch(job: Job, ports: Ports) -> Image:
    """Download and probe the image.

    Raises:
        SourceGoneError: this generation exists no longer.
        ImageRejectedError: it is empty, too large, or no image that Uplook accepts.
    """
    data = _download(job, ports)
    limits = images.Limits(max_bytes=job.event.settings.max_bytes, max_pixels=ports.settings.max_pixels)
    return Image(data, images.probe(data, limits=limits))


def ready_for_model(job: Job, image: Image, ports: Ports) -> Prepared:
    """Return the bytes to send: the original ones wherever the model takes them."""
    limits = images.Limits(max_bytes=job.event.settings.max_bytes, max_pixels=ports.settings.max_pixels)
    return prepare.prepare(
        image.data,
        image.info,
        accepted=transport.UNTOUCHED_TYPES,
        max_side_px=_MAX_WRITTEN_SIDE_PX,
        as_is_side_px=_AS_IS_SIDE_PX,
        limits=limits,
    )


def _download(job: Job, ports: Ports) -> bytes:
    source, max_bytes = job.event.source, job.event.settings.max_bytes
    if source.size == 0:
        raise ImageRejectedError("empty_file", "The file is empty: nothing was uploaded but its name.")
    if source.size is not None and source.size > max_bytes:
        raise ImageRejectedError(
            "too_many_bytes",
            f"The file has {source.size:,} bytes; at most {max_bytes:,} are read (max_bytes in the rules).",
        )
    try:
        data = ports.store.read(source.bucket, source.name, generation=source.generation, max_bytes=max_bytes)
    except NotFoundError as error:
        raise _gone(job, ports) from error
    if source.crc32c and crc32c(data) != source.crc32c:
        raise TransientError(f"gs://{source.bucket}/{source.name}: the bytes do not match the event's checksum.")
    return data


def _gone(job: Job, ports: Ports) -> SourceGoneError:
    source = job.event.source
    live = ports.store.stat(source.bucket, source.name)
    if live is None:
        return SourceGoneError("gone", "The image was deleted before it was read.")
    return SourceGoneError(
        "superseded", f"The image was overwritten before it was read; generation {live.generation} is live now."
    )
