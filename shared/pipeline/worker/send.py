"""How the images of one request reach the model: which way each goes, and what takes over where that is closed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery.journal import SentImage
from shared.core.errors import ConfigurationError, ErrorCode, FileUnavailableError, ModelRejectedError, TransientError
from shared.core.gemini import transport
from shared.core.gemini.registry import profile
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.gemini.transport import BY_REFERENCE, Transport
from shared.core.tracing import step
from shared.pipeline.concurrency import concurrently
from shared.pipeline.job import remaining_s
from shared.pipeline.worker import files_api, source_image
from shared.pipeline.worker.source_image import ready_for_model, shrunk_for_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.gemini.limits import Backend
    from shared.core.gemini.request import ImagePart, ModelRequest
    from shared.core.gemini.transport import Choice
    from shared.core.values import PreparedImage
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.source_image import Image

    _Sent = tuple[ImagePart, Transport, tuple[int, int]]
    """An image's part of the request, how it travels, and its (width, height) as sent."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A request with its images attached.

    `images` are those that were read, `sent` what the journal says of each, and `sizes_px` their (width, height) as
    sent, all in the order of the request's parts. `refused` is every kind of transport that was refused for its size.
    """

    request: ModelRequest
    images: tuple[Image, ...]
    sent: tuple[SentImage, ...]
    sizes_px: tuple[tuple[int, int], ...]
    refused: frozenset[str] = frozenset()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the copies that the Files API keeps of these images."""
        referenced = [part.uri for part in self.request.images if isinstance(part, ReferencedImage)]
        return tuple(dict.fromkeys(name for name in map(transport.file_at, referenced) if name))


@dataclass(frozen=True, slots=True)
class _Sending:
    """What all images of one request share.

    `uploading` is the job with half of its time: a Files API that hangs leaves the other half to the inline route.
    `other_bytes` is the size of everything else in the request, as an image that travels inline has to share it;
    `troubles` is why others could not be uploaded.
    """

    job: Job
    uploading: Job
    ports: WorkerPorts
    backend: Backend
    other_bytes: int
    troubles: list[TransientError] = field(default_factory=list)


@step("transport")
def attach(job: Job, request: ModelRequest, images: Sequence[Image], ports: WorkerPorts) -> Attached:
    """Choose a way for each image and take it.

    Raises:
        ImageRejectedError: an image must be decoded to travel, and cannot be.
        ModelRejectedError: an image fits no way that there is.
        TransientError: no way is open at the moment.
    """
    backend, text_bytes = _backend(job, ports), request.sent_text_bytes
    # None: the bytes were not read, because they lie ready in a bucket.
    prepared = [ready_for_model(job, image, ports) if image.data is not None else None for image in images]
    sizes = [_size_to_send(image, ready) for image, ready in zip(images, prepared, strict=True)]
    choices = transport.share(backend, sizes, text_bytes=text_bytes)
    inside = sum(
        transport.base64_bytes(size)
        for (size, _), (kind, _) in zip(sizes, choices, strict=True)
        if kind == "inline" and len(images) > 1
    )
    sending = _sending(job, ports, text_bytes + inside)
    sent = [
        _send(sending, image, ready, choice) for image, ready, choice in zip(images, prepared, choices, strict=True)
    ]
    text = _lacks_room(sent, text_bytes, ports)
    if text and not backend.uploads:
        raise ModelRejectedError(ErrorCode.TOO_MANY_BYTES, f"{text} Name fewer images, or keep them in a bucket.")
    if text:  # the Files API would take them: it is away, or the key is wrong
        wrong = (trouble for trouble in sending.troubles if isinstance(trouble, ConfigurationError))
        raise next(wrong, TransientError(text))
    return _attached(request, images, sent)


def attach_again(job: Job, attached: Attached, ports: WorkerPorts, *, refusal: str) -> Attached:
    """Return the request, with another way for those images that the refusal names: they were there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError: an image fits no other way.
        TransientError: as `attach`; or too many had to go another way at once, and may be readable again later.
    """
    sending = _sending(job, ports, attached.request.sent_text_bytes)
    before = _sent_before(attached)
    referenced = [part for part in attached.request.images if isinstance(part, ReferencedImage)]
    again = [part for part in referenced if _is_named(part, refusal)] or referenced
    fresh = [
        _send_again(sending, image, each[1]) if each[0] in again else each
        for image, each in zip(attached.images, before, strict=True)
    ]
    text = _lacks_room(fresh, sending.other_bytes, ports)
    if text:
        raise TransientError(f"{refusal} {text}")
    return _attached(attached.request, attached.images, fresh)


def attach_elsewhere(
    job: Job, attached: Attached, ports: WorkerPorts, *, refusal: str, inline_only: bool
) -> Attached | None:
    """Return the request with the next way for those images that the refusal names, or for all; None: none is left.

    `inline_only` takes what went by reference into the request. Otherwise the refusal is one for size, and whatever
    way was not refused yet will do; last comes a smaller copy.

    Raises:
        ImageRejectedError: an image must be decoded to travel, and cannot be.
        SourceGoneError: its generation is gone.
        TransientError: no way is open at the moment.
    """
    sending = _sending(job, ports, attached.request.sent_text_bytes)
    refused = attached.refused | {each.transport.kind for each in attached.sent}
    before = _sent_before(attached)
    named = [part for part, _, _ in before if isinstance(part, ReferencedImage) and _is_named(part, refusal)]
    fresh = []
    for image, each in zip(attached.images, before, strict=True):
        chosen = not named or each[0] in named
        fresh.append((chosen and _elsewhere(sending, image, each, refused, inline_only=inline_only)) or each)
    if fresh == before or _lacks_room(fresh, sending.other_bytes, ports):
        return None
    return replace(_attached(attached.request, attached.images, fresh), refused=refused)


def verify(attached: Attached, ports: WorkerPorts) -> None:
    """Make sure that the service read the very generations that are meant.

    Raises:
        SourceGoneError: one was overwritten before the answer came, which may therefore be about another image.
    """
    pairs = zip(attached.images, attached.sent, strict=True)
    referenced = [image for image, each in pairs if each.transport.kind in BY_REFERENCE]
    concurrently([partial(source_image.still_live, image, ports) for image in referenced])


def _sent_before(attached: Attached) -> list[_Sent]:
    return [
        (part, each.transport, size_px)
        for part, each, size_px in zip(attached.request.images, attached.sent, attached.sizes_px, strict=True)
    ]


def _attached(request: ModelRequest, images: Sequence[Image], sent: Sequence[_Sent]) -> Attached:
    parts, transports, sizes_px = zip(*sent, strict=True)
    records = tuple(_record(image, how) for image, how in zip(images, transports, strict=True))
    return Attached(replace(request, images=parts), tuple(images), records, sizes_px)


def _record(image: Image, how: Transport) -> SentImage:
    source = image.source
    return SentImage(
        uri=image.uri,
        generation=source.generation if source else None,
        crc32c=source.crc32c if source else None,
        sha256=image.sha256,
        image=image.info,
        transport=how,
    )


def _sending(job: Job, ports: WorkerPorts, other_bytes: int) -> _Sending:
    half_s = remaining_s(job, ports) / 2
    uploading = replace(job, deadline_s=job.deadline_s - half_s)
    return _Sending(job, uploading, ports, _backend(job, ports), other_bytes)


def _backend(job: Job, ports: WorkerPorts) -> Backend:
    """Return what can be sent to the model that is asked."""
    return ports.settings.backend.of(profile(job.asks.model))


def _size_to_send(image: Image, prepared: PreparedImage | None) -> tuple[int, bool]:
    """Return how many bytes are to be sent, and whether just these bytes lie in a bucket."""
    if prepared is None:
        return image.size, True
    return len(prepared.data), image.source is not None and image.as_stored and not prepared.changes


def _is_named(part: ReferencedImage, refusal: str) -> bool:
    """Whether a refusal speaks of this image: of its `gs://` address, or of its file's name."""
    uri = part.uri
    name = uri if uri.startswith("gs://") else uri.rpartition("/")[2]
    return re.search(rf"{re.escape(name)}(?![\w-]|\.\w|/)", refusal) is not None


def _lacks_room(sent: Sequence[_Sent], text_bytes: int, ports: WorkerPorts) -> str | None:
    """Say why a request is too large into which images had to go that were to travel otherwise."""
    parts = [part for part, _, _ in sent if isinstance(part, InlineImage)]
    total = sum(transport.base64_bytes(len(part.data)) for part in parts) + text_bytes
    limit = max(ports.settings.inline_limit_bytes, ports.settings.inline_hard_limit_bytes)
    if len(parts) > 1 and total > limit:
        return f"{len(parts)} images would have to travel inline, with {total:,} bytes; at most {limit:,} are sent."
    return None


def _send(sending: _Sending, image: Image, prepared: PreparedImage | None, choice: Choice) -> _Sent:
    """Take the chosen way, or the next best where it turns out to be closed.

    Raises:
        ImageRejectedError: the image must be decoded to travel, and cannot be.
        ModelRejectedError: it fits no way that there is.
        TransientError: no way is open at the moment.
    """
    kind, reason = choice
    if kind in BY_REFERENCE:
        sent = _by_reference(sending, image, choice)
        if sent is not None:
            return sent
        kind, reason = "file", "the object could not be registered where it lies"
    ready = prepared or ready_for_model(sending.job, image, sending.ports)
    if kind == "shrunk":
        return _shrunk(sending, image, reason)
    if kind == "inline":
        return _inline(ready, reason)
    return _uploaded(sending, image, ready, reason)


def _send_again(sending: _Sending, image: Image, before: Transport) -> _Sent:
    """Send an image another way: Gemini refused its file, or its object, although it was there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError, TransientError: as `_send`.
    """
    prepared = ready_for_model(sending.job, image, sending.ports)
    if not sending.backend.uploads:
        return _inline_anyhow(sending, image, prepared, "Vertex could not read the object from its bucket")
    file = files_api.upload_again(sending.uploading, prepared, sending.ports)
    refused = "the registered object was refused"
    reason = refused if before.kind == "registered" else before.reason
    return _by_file(prepared, file.uri, reason)


def _elsewhere(
    sending: _Sending, image: Image, before: _Sent, refused: frozenset[str], *, inline_only: bool
) -> _Sent | None:
    """Send an image the next way that was not refused, the cheapest first; None where none is left."""
    part, how, _ = before
    reason = f"refused as it came ({how.kind})"
    ready = ready_for_model(sending.job, image, sending.ports)
    if isinstance(part, ReferencedImage) and (inline_only or not sending.backend.uploads or how.kind == "file"):
        return _inline_or_smaller(sending, image, ready, reason, again="inline" in refused)
    if inline_only:
        return None
    size, in_bucket = _size_to_send(image, ready)
    kind = transport.reference_for(sending.backend, size, in_bucket=in_bucket)
    if kind is not None and kind not in refused:
        sent = _by_reference(sending, image, (kind, reason))
        if sent is not None:
            return sent
    if sending.backend.uploads and "file" not in refused:
        return _uploaded(sending, image, ready, reason)
    smaller = shrunk_for_model(sending.job, image, sending.ports)
    if isinstance(part, InlineImage) and len(smaller.data) >= len(part.data):
        return None
    return _inline(smaller, f"{reason}; a smaller copy")


def _inline_or_smaller(
    sending: _Sending, image: Image, prepared: PreparedImage, reason: str, *, again: bool
) -> _Sent | None:
    """Take an image into the request; as it is only if it was not `again` refused so."""
    if not again and transport.fits_inline(sending.backend, len(prepared.data), text_bytes=sending.other_bytes):
        return _inline(prepared, reason)
    smaller = shrunk_for_model(sending.job, image, sending.ports)
    fits = transport.fits_inline(sending.backend, len(smaller.data), text_bytes=sending.other_bytes)
    if not fits or (again and len(smaller.data) >= len(prepared.data)):
        return None
    return _inline(smaller, f"{reason}; a smaller copy")


def _by_reference(sending: _Sending, image: Image, choice: Choice) -> _Sent | None:
    """Name the object to the service; None where it cannot be registered."""
    uri, (kind, reason) = image.uri, choice
    if kind == "registered":
        try:
            uri = files_api.register(sending.uploading, image.uri, sending.ports).uri
        except (FileUnavailableError, TransientError) as error:
            logs.warning("the object could not be registered: it is uploaded", reason=str(error))
            return None
    how = Transport(kind, image.info.mime_type, image.size, reused=False, reason=reason)
    return ReferencedImage(uri, image.info.mime_type), how, (image.info.width, image.info.height)


def _uploaded(sending: _Sending, image: Image, prepared: PreparedImage, reason: str) -> _Sent:
    try:
        file, reused = files_api.ensure(sending.uploading, prepared, sending.ports)
    except (TransientError, ModelRejectedError) as error:  # an upload that is refused, too, has another way
        if isinstance(error, TransientError):
            sending.troubles.append(error)
        instead = _inline_instead(sending, image, prepared)
        if instead is None:
            raise
        logs.warning("the Files API did not take the image: it travels inline", reason=str(error))
        return _inline(instead, f"instead of a file: {error}")
    return _by_file(prepared, file.uri, reason, reused=reused)


def _inline_instead(sending: _Sending, image: Image, prepared: PreparedImage) -> PreparedImage | None:
    """Return what can travel inside the request, smaller if it must be: uploads have been down for hours."""
    limit = sending.ports.settings.inline_hard_limit_bytes
    if transport.request_bytes(len(prepared.data), sending.other_bytes) <= limit:
        return prepared
    smaller = shrunk_for_model(sending.job, image, sending.ports)
    return smaller if transport.request_bytes(len(smaller.data), sending.other_bytes) <= limit else None


def _inline_anyhow(sending: _Sending, image: Image, prepared: PreparedImage, reason: str) -> _Sent:
    if transport.fits_inline(sending.backend, len(prepared.data), text_bytes=sending.other_bytes):
        return _inline(prepared, reason)
    return _shrunk(sending, image, reason)


def _shrunk(sending: _Sending, image: Image, reason: str) -> _Sent:
    smaller = shrunk_for_model(sending.job, image, sending.ports)
    if not transport.fits_inline(sending.backend, len(smaller.data), text_bytes=sending.other_bytes):
        raise ModelRejectedError(
            ErrorCode.TOO_MANY_BYTES, f"{image.uri} does not fit the request even as a smaller JPEG."
        )
    return _inline(smaller, reason)


def _inline(prepared: PreparedImage, reason: str) -> _Sent:
    part = InlineImage(prepared.data, prepared.mime_type)
    return part, _transport("inline", prepared, reason), (prepared.width, prepared.height)


def _by_file(prepared: PreparedImage, uri: str, reason: str, *, reused: bool = False) -> _Sent:
    part = ReferencedImage(uri, prepared.mime_type)
    return part, _transport("file", prepared, reason, reused=reused), (prepared.width, prepared.height)


def _transport(kind: str, prepared: PreparedImage, reason: str, *, reused: bool = False) -> Transport:
    return Transport(kind, prepared.mime_type, len(prepared.data), reused, reason, prepared.changes)
