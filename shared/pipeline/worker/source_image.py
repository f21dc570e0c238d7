"""Step 3: exactly the generation that the event names, capped and verified, then probed and prepared."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.core import gzipped
from shared.core.errors import (
    ErrorCode,
    ImageRejectedError,
    NotFoundError,
    ObjectRefusedError,
    PermanentError,
    TransientError,
    UplookError,
)
from shared.core.events import storage_events
from shared.core.gemini import transport
from shared.core.gemini.registry import profile
from shared.core.images import prepare, probing, quality, stripping
from shared.core.images.limits import require_bytes
from shared.core.images.probing import Limits
from shared.core.jsontext import crc32c
from shared.core.tasks.catalogue import TASKS
from shared.core.weburls import without_query
from shared.pipeline.job import shares_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.images.structure import Structure
    from shared.core.ports import ObjectInfo
    from shared.core.values import ImageInfo, PreparedImage, Source
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports

_AS_IS_SIDE_PX = 8192
_MAX_WRITTEN_SIDE_PX = 3072  # of a picture of 4:3, and as many pixels of any other: more than any model looks at


class SourceGoneError(UplookError):
    """There is no image to look at: `code` is GONE or SUPERSEDED, or OWN_OUTPUT where it is one of our own results."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a question.

    `data` is None where the first bytes of an object settled that the service can read it from its bucket itself.
    `source` is exactly the generation that is meant, None for an image from the web; `size` is in bytes. `structure` is
    what probing walked the whole file for, so that nobody does it again; None where it was not read, or where keeping
    the structure would keep a second copy of the file. `as_stored` says whether `data` are the object's bytes: they are
    not where it is stored as gzip.
    """

    data: bytes | None = field(repr=False)
    info: ImageInfo
    size: int
    uri: str
    source: Source | None = None
    sha256: str | None = None
    structure: Structure | None = field(default=None, repr=False)
    as_stored: bool = True


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of an image: its bytes, or what its first bytes settled. `as_stored` is as in `Image`."""

    data: bytes | None = field(default=None, repr=False)
    info: ImageInfo | None = None
    as_stored: bool = True


def fetch(job: Job, source: Source, ports: Ports) -> Image:
    """Download and probe an image.

    Raises:
        SourceGoneError: this generation exists no longer.
        ImageRejectedError: it is empty, too large, or no image that Uplook accepts.
    """
    return probed(job, source, _download(job, source, ports), ports)


def is_read_whole(job: Job, source: Source, ports: Ports) -> bool:
    """Whether `read` will take all bytes of an image: the service cannot, or an overlay or a hash is made of them."""
    needs_bytes = ports.settings.strip_metadata or shares_answers(job, ports)
    as_it_lies = _by_reference(job, source.size or 0, ports) and not needs_bytes
    return not source.size or not as_it_lies or any(TASKS[task].draws_overlay for task in job.event.tasks)


def read(job: Job, source: Source, ports: Ports) -> Read:
    """Read as much of an image as is needed, and decode nothing of it: all its bytes, or what its first bytes settle.

    Raises:
        SourceGoneError: this generation exists no longer.
        ImageRejectedError: it is empty or too large.
        PermanentError: Cloud Storage will not hand it out.
    """
    if source.size is None:
        _require_foreign(source, ports)
    if not is_read_whole(job, source, ports):
        require_bytes(source.size or 0, _limits(job, ports))
        head = _head(source, ports)
        info = None
        if not gzipped.is_gzip(head):
            info = probing.probe_head(head, max_side_px=_AS_IS_SIDE_PX, limits=_limits(job, ports))
        if info is not None:
            return Read(info=info)
    return _download(job, source, ports)


def probed(job: Job, source: Source, read: Read, ports: Ports) -> Image:
    """Return the image that `read` gave the bytes of, or what its first bytes settled.

    Raises:
        ImageRejectedError: it is no image that Uplook accepts.
    """
    if read.info is not None:
        size = source.size or 0 if read.data is None else len(read.data)
        return Image(read.data, read.info, size, _uri(source), source=source)
    image = _examined(read.data or b"", _uri(source), job, ports, source=source)
    if read.as_stored:
        return image
    warnings = (*image.info.warnings, "stored as gzip, and decoded")
    return replace(image, info=replace(image.info, warnings=warnings), as_stored=False)


def fetch_web(job: Job, url: str, ports: WorkerPorts, *, timeout_s: float) -> Image:
    """Fetch and probe an image from the web.

    Raises:
        PermanentError: the address must not be fetched, or what lies there is no image that Uplook accepts.
    """
    data = ports.web.fetch(url, max_bytes=job.event.settings.max_bytes, timeout_s=timeout_s)
    return _examined(data, without_query(url), job, ports, sha256=hashlib.sha256(data).hexdigest())


def download(source: Source, ports: Ports, *, max_bytes: int) -> Read:
    """Return the bytes of exactly this generation, verified, and decoded where they are stored as gzip.

    Raises:
        SourceGoneError: it exists no longer.
        PermanentError: it is larger than `max_bytes`, lies in a foreign bucket, or Cloud Storage will not hand it out.
    """
    _require_upload_bucket(source, ports)
    with _read_from(source, ports):
        data = ports.store.read(source.bucket, source.name, generation=source.generation, max_bytes=max_bytes)
    if source.crc32c and crc32c(data) != source.crc32c:
        raise TransientError(f"{_uri(source)}: the bytes do not match the event's checksum.")
    if gzipped.is_gzip(data):
        return Read(gzipped.decoded(data, max_bytes=max_bytes), as_stored=False)
    return Read(data)


def bytes_of(job: Job, image: Image, ports: Ports) -> bytes:
    """Return the bytes of an image, read now if they were not needed before."""
    if image.data is not None:
        return image.data
    if image.source is None:
        raise AssertionError(f"{image.uri} came from the web without its bytes.")  # a bug
    return _download(job, image.source, ports).data or b""


def still_live(image: Image, ports: Ports) -> None:
    """Make sure that what a service read from a bucket was this generation: a `gs://` address cannot name one.

    A generation that is live after the call was live all along: none comes back once it is replaced.

    Raises:
        SourceGoneError: it is live no longer, so that the answer may be about another image.
    """
    if image.source is not None:
        require_live(image.source, ports)


def require_live(source: Source, ports: Ports) -> None:
    """Make sure that a generation is live.

    Raises:
        SourceGoneError: it is so no longer.
    """
    live = ports.store.stat(source.bucket, source.name)
    if live is None or live.generation != source.generation:
        raise _gone(source, live)


def ready_for_model(job: Job, image: Image, ports: Ports) -> PreparedImage:
    """Return the bytes to send: the original ones wherever the model takes them, without metadata if that is set."""
    ready = _prepared(job, image, ports, accepted=transport.UNTOUCHED_TYPES)
    if ready.changes or not ports.settings.strip_metadata:
        return ready  # what is written anew has none
    bare = stripping.without_metadata(ready.data, image.info.format, orientation=image.info.orientation)
    if bare is None:
        return shrunk_for_model(job, image, ports)
    return ready if bare is ready.data else replace(ready, data=bare, changes=(stripping.REMOVED,))


def shrunk_for_model(job: Job, image: Image, ports: Ports) -> PreparedImage:
    """Return a smaller JPEG of the image: what remains when the original cannot travel."""
    return _prepared(job, image, ports, accepted=frozenset())


def _prepared(job: Job, image: Image, ports: Ports, *, accepted: frozenset[str]) -> PreparedImage:
    return prepare.prepare(
        bytes_of(job, image, ports),
        image.info,
        accepted=accepted,
        max_side_px=_MAX_WRITTEN_SIDE_PX,
        as_is_side_px=_AS_IS_SIDE_PX,
        limits=_limits(job, ports),
        structure=image.structure,
    )


def _limits(job: Job, ports: Ports) -> Limits:
    return Limits(max_bytes=job.event.settings.max_bytes, max_pixels=ports.settings.max_pixels)


def _examined(
    data: bytes, uri: str, job: Job, ports: Ports, *, source: Source | None = None, sha256: str | None = None
) -> Image:
    limits = _limits(job, ports)
    info, structure = probing.examine(data, limits=limits)
    poor = quality.warnings_about(data, info, limits=limits, structure=structure)
    lost = prepare.warnings_about_detail(
        info,
        structure,
        accepted=transport.UNTOUCHED_TYPES,
        max_side_px=_MAX_WRITTEN_SIDE_PX,
        as_is_side_px=_AS_IS_SIDE_PX,
    )
    info = replace(info, warnings=(*info.warnings, *poor, *lost))
    kept = structure if structure.decodable is None else None  # a second copy of the file is not kept in memory
    return Image(data, info, len(data), uri, source=source, sha256=sha256, structure=kept)


def _by_reference(job: Job, size: int, ports: Ports) -> bool:
    backend = ports.settings.backend.of(profile(job.asks.model))
    kind, _ = transport.choose(backend, image_bytes=size, text_bytes=0, in_bucket=True)
    return kind in transport.BY_REFERENCE


def _require_upload_bucket(source: Source, ports: Ports) -> None:
    """Read no bucket but those of the settings, whatever an event says and this identity might."""
    if source.bucket not in ports.settings.upload_buckets:
        raise PermanentError(
            ErrorCode.FOREIGN_BUCKET,
            f"Expected an image of {', '.join(ports.settings.upload_buckets)}, found {_uri(source)}.",
        )


def _require_foreign(source: Source, ports: Ports) -> None:
    """Refuse our own output, where the event could not tell: a notification without payload names no metadata."""
    _require_upload_bucket(source, ports)
    live = ports.store.stat(source.bucket, source.name)
    if live is not None and live.generation == source.generation and storage_events.STAMP in live.metadata:
        raise SourceGoneError(
            ErrorCode.OWN_OUTPUT, f"{_uri(source)} carries the metadata {storage_events.STAMP}: Uplook wrote it."
        )


def _head(source: Source, ports: Ports) -> bytes:
    _require_upload_bucket(source, ports)
    with _read_from(source, ports):
        return ports.store.read_head(
            source.bucket, source.name, generation=source.generation, max_bytes=probing.HEAD_BYTES
        )


@contextmanager
def _read_from(source: Source, ports: Ports) -> Iterator[None]:
    """Say what it means for this event that its object is not there, or is not handed out."""
    try:
        yield
    except NotFoundError as error:
        raise _gone(source, ports.store.stat(source.bucket, source.name)) from error
    except ObjectRefusedError as error:
        raise PermanentError(ErrorCode.STORAGE_REFUSED, str(error)) from error


def _uri(source: Source) -> str:
    return f"gs://{source.bucket}/{source.name}"


def _download(job: Job, source: Source, ports: Ports) -> Read:
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
