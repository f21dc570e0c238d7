"""Step 3: exactly the generation that the event names, capped and verified, then probed and prepared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.core.errors import ErrorCode, ImageRejectedError, NotFoundError, PermanentError, TransientError, UplookError
from shared.core.gemini import transport
from shared.core.images import heads, prepare, probing, quality
from shared.core.images.limits import require_bytes
from shared.core.images.probing import Limits
from shared.core.jsontext import crc32c
from shared.core.tasks.catalogue import TASKS
from shared.core.weburls import without_query

if TYPE_CHECKING:
    from shared.core.gemini.transport import BackEnd
    from shared.core.ports import ObjectInfo
    from shared.core.values import ImageInfo, Prepared, Source
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports

_AS_IS_SIDE_PX = 8192
_MAX_WRITTEN_SIDE_PX = 3072  # more than any model looks at: it scales down to tiles of its own


class SourceGoneError(UplookError):
    """The generation was deleted or overwritten before it was read; `code` is GONE or SUPERSEDED."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a question.

    `data` is None where the first bytes of an object settled that the service can read it from its bucket itself.
    `source` is exactly the generation that is meant, None for an image from the web; `size` is in bytes.
    """

    data: bytes | None = field(repr=False)
    info: ImageInfo
    size: int
    uri: str
    source: Source | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a stored image: all its bytes, or what its first bytes settled (`info`)."""

    source: Source
    data: bytes | None = field(repr=False)
    info: ImageInfo | None


def fetch(job: Job, source: Source, ports: Ports) -> Image:
    """Download and probe an image.

    Raises:
        SourceGoneError: this generation exists no longer.
        ImageRejectedError: it is empty, too large, or no image that Uplook accepts.
    """
    return judge(job, Read(source, _download(job, source, ports), None), ports)


def is_read_whole(job: Job, source: Source, *, back_end: BackEnd) -> bool:
    """Whether `read` will take all bytes of an image: the model service cannot, or an overlay is drawn on them."""
    return not source.size or not _by_reference(source.size, back_end) or TASKS[job.event.task].draws_overlay


def read(job: Job, source: Source, ports: Ports, *, back_end: BackEnd) -> Read:
    """Read as much of an image as is needed, its first bytes where they are enough, and decode nothing of it.

    Raises:
        SourceGoneError: this generation exists no longer.
        ImageRejectedError: it is empty or too large.
    """
    info, data = None, None
    if not is_read_whole(job, source, back_end=back_end):
        require_bytes(source.size or 0, _limits(job, ports))
        head = _head(source, ports)
        info = heads.untouched(head, max_side_px=_AS_IS_SIDE_PX, limits=_limits(job, ports))
    if info is None:
        data = _download(job, source, ports)
    return Read(source, data, info)


def judge(job: Job, found: Read, ports: Ports) -> Image:
    """Probe what was read.

    Raises:
        ImageRejectedError: it is no image that Uplook accepts.
    """
    size = found.source.size or 0 if found.data is None else len(found.data)
    info = found.info or _probed(found.data or b"", job, ports)
    return Image(found.data, info, size, _uri(found.source), source=found.source)


def fetch_web(job: Job, url: str, ports: WorkerPorts, *, timeout_s: float) -> Image:
    """Fetch and probe an image from the web.

    Raises:
        PermanentError: the address must not be fetched, or what lies there is no image that Uplook accepts.
    """
    data = ports.web.fetch(url, max_bytes=job.event.settings.max_bytes, timeout_s=timeout_s)
    digest = hashlib.sha256(data).hexdigest()
    return Image(data, _probed(data, job, ports), len(data), without_query(url), sha256=digest)


def download(source: Source, ports: Ports, *, max_bytes: int) -> bytes:
    """Return the bytes of exactly this generation, verified.

    Raises:
        SourceGoneError: it exists no longer.
        PermanentError: it is larger than `max_bytes`, or lies in a foreign bucket.
    """
    _require_upload_bucket(source, ports)
    try:
        data = ports.store.read(source.bucket, source.name, generation=source.generation, max_bytes=max_bytes)
    except NotFoundError as error:
        raise _gone(source, ports.store.stat(source.bucket, source.name)) from error
    if source.crc32c and crc32c(data) != source.crc32c:
        raise TransientError(f"{_uri(source)}: the bytes do not match the event's checksum.")
    return data


def bytes_of(job: Job, image: Image, ports: Ports) -> bytes:
    """Return the bytes of an image, read now if they were not needed before."""
    if image.data is not None:
        return image.data
    if image.source is None:
        raise AssertionError(f"{image.uri} came from the web without its bytes.")  # a bug
    return _download(job, image.source, ports)


def still_live(image: Image, ports: Ports) -> None:
    """Make sure that what a service read from a bucket was this generation: a `gs://` address cannot name one.

    A generation that is live after the call was live all along: none comes back once it is replaced.

    Raises:
        SourceGoneError: it is live no longer, so that the answer may be about another image.
    """
    if image.source is None:
        return
    live = ports.store.stat(image.source.bucket, image.source.name)
    if live is None or live.generation != image.source.generation:
        raise _gone(image.source, live)


def ready_for_model(job: Job, image: Image, ports: Ports) -> Prepared:
    """Return the bytes to send: the original ones wherever the model takes them."""
    return _prepared(job, image, ports, accepted=transport.UNTOUCHED_TYPES)


def shrunk_for_model(job: Job, image: Image, ports: Ports) -> Prepared:
    """Return a smaller JPEG of the image: what remains when the original cannot travel."""
    return _prepared(job, image, ports, accepted=frozenset())


def _prepared(job: Job, image: Image, ports: Ports, *, accepted: frozenset[str]) -> Prepared:
    return prepare.prepare(
        bytes_of(job, image, ports),
        image.info,
        accepted=accepted,
        max_side_px=_MAX_WRITTEN_SIDE_PX,
        as_is_side_px=_AS_IS_SIDE_PX,
        limits=_limits(job, ports),
    )


def _limits(job: Job, ports: Ports) -> Limits:
    return Limits(max_bytes=job.event.settings.max_bytes, max_pixels=ports.settings.max_pixels)


def _probed(data: bytes, job: Job, ports: Ports) -> ImageInfo:
    limits = _limits(job, ports)
    info = probing.probe(data, limits=limits)
    poor = quality.warnings_about(data, info, limits=limits)
    return replace(info, warnings=(*info.warnings, *poor))


def _by_reference(size: int, back_end: BackEnd) -> bool:
    route = transport.choose(back_end, image_bytes=size, text_bytes=0, in_bucket=True)
    return route.kind in transport.BY_REFERENCE


def _require_upload_bucket(source: Source, ports: Ports) -> None:
    """Read no bucket but those of the settings, whatever an event says and this identity might."""
    if source.bucket not in ports.settings.upload_buckets:
        raise PermanentError(
            ErrorCode.FOREIGN_BUCKET,
            f"Expected an image of {', '.join(ports.settings.upload_buckets)}, found {_uri(source)}.",
        )


def _head(source: Source, ports: Ports) -> bytes:
    _require_upload_bucket(source, ports)
    try:
        return ports.store.read_head(
            source.bucket, source.name, generation=source.generation, max_bytes=heads.HEAD_BYTES
        )
    except NotFoundError as error:
        raise _gone(source, ports.store.stat(source.bucket, source.name)) from error


def _uri(source: Source) -> str:
    return f"gs://{source.bucket}/{source.name}"


def _download(job: Job, source: Source, ports: Ports) -> bytes:
    max_bytes = job.event.settings.max_bytes
    if source.size == 0:
        raise ImageRejectedError(ErrorCode.EMPTY_FILE, "The file is empty: nothing was uploaded but its name.")
    if source.size is not None and source.size > max_bytes:
        raise ImageRejectedError(
            ErrorCode.TOO_MANY_BYTES,
            f"The file has {source.size:,} bytes; at most {max_bytes:,} are read (max_bytes in the rules).",
        )
    return download(source, ports, max_bytes=max_bytes)


def _gone(source: Source, live: ObjectInfo | None) -> SourceGoneError:
    if live is None:
        return SourceGoneError(ErrorCode.GONE, f"{_uri(source)} was deleted before it was read.")
    return SourceGoneError(
        ErrorCode.SUPERSEDED,
        f"{_uri(source)} was overwritten before it was read; generation {live.generation} is live now.",
    )
