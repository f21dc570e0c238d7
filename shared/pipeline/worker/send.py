"""How the images of one request reach the model: who takes which route, and what takes over where that is closed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery.journal import AskedImage, Transport
from shared.core.errors import ConfigurationError, ErrorCode, FileUnavailableError, ModelRejectedError, TransientError
from shared.core.gemini import transport
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.gemini.transport import BY_REFERENCE, Route
from shared.pipeline.concurrency import concurrently
from shared.pipeline.job import remaining_s
from shared.pipeline.worker import files_api, source_image
from shared.pipeline.worker.source_image import ready_for_model, shrunk_for_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.gemini.limits import Backend
    from shared.core.gemini.request import ImagePart, ModelRequest
    from shared.core.values import PreparedImage
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.source_image import Image


@dataclass(frozen=True, slots=True)
class SentImage:
    """One image on its way: its part of the request, and how it travels. `size_px` is (width, height) as sent."""

    image: Image
    part: ImagePart
    transport: Transport
    size_px: tuple[int, int]

    @property
    def record(self) -> AskedImage:
        """What the journal says of it where a question is about several."""
        image, source = self.image, self.image.source
        return AskedImage(
            uri=image.uri,
            generation=source.generation if source else None,
            crc32c=source.crc32c if source else None,
            sha256=image.sha256,
            image=image.info,
            transport=self.transport,
        )


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


def attach(job: Job, request: ModelRequest, images: Sequence[Image], ports: WorkerPorts) -> tuple[SentImage, ...]:
    """Choose a route for each image and take it.

    Raises:
        ImageRejectedError: an image must be decoded to travel, and cannot be.
        ModelRejectedError: an image fits no route that there is.
        TransientError: no route is open at the moment.
    """
    backend, text_bytes = ports.settings.backend, request.sent_text_bytes
    # None: the bytes were not read, because they lie ready in a bucket.
    prepared = [ready_for_model(job, image, ports) if image.data is not None else None for image in images]
    sizes = [_size_to_send(image, ready) for image, ready in zip(images, prepared, strict=True)]
    routes = transport.share(backend, sizes, text_bytes=text_bytes)
    inside = sum(
        transport.base64_bytes(size)
        for (size, _), route in zip(sizes, routes, strict=True)
        if route.kind == "inline" and not route.shrunk and len(images) > 1
    )
    sending = _sending(job, ports, text_bytes + inside)
    sent = tuple(
        _send(sending, image, ready, route) for image, ready, route in zip(images, prepared, routes, strict=True)
    )
    text = _lacks_room(sent, text_bytes, ports)
    if text and not backend.uploads:
        raise ModelRejectedError(ErrorCode.TOO_MANY_BYTES, f"{text} Name fewer images, or keep them in a bucket.")
    if text:  # the Files API would take them: it is away, or the key is wrong
        wrong = (trouble for trouble in sending.troubles if isinstance(trouble, ConfigurationError))
        raise next(wrong, TransientError(text))
    return sent


def attach_again(
    job: Job, request: ModelRequest, sent: Sequence[SentImage], ports: WorkerPorts, *, refusal: str
) -> tuple[SentImage, ...]:
    """Return the images, of which those that the refusal names are sent another way: they were there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError: an image fits no other way.
        TransientError: as `attach`; or too many had to go another way at once, and may be readable again later.
    """
    sending = _sending(job, ports, request.sent_text_bytes)
    referenced = [each for each in sent if isinstance(each.part, ReferencedImage)]
    named = [each for each in referenced if _is_named(each, refusal)]
    again = named or referenced
    fresh = tuple(_send_again(sending, each) if each in again else each for each in sent)
    text = _lacks_room(fresh, sending.other_bytes, ports)
    if text:
        raise TransientError(f"{refusal} {text}")
    return fresh


def verify(sent: Sequence[SentImage], ports: WorkerPorts) -> None:
    """Make sure that the service read the very generations that are meant.

    Raises:
        SourceGoneError: one was overwritten before the answer came, which may therefore be about another image.
    """
    referenced = [each for each in sent if each.transport.kind in BY_REFERENCE]
    concurrently([partial(source_image.still_live, each.image, ports) for each in referenced])


def _sending(job: Job, ports: WorkerPorts, other_bytes: int) -> _Sending:
    half_s = remaining_s(job, ports) / 2
    uploading = replace(job, deadline_s=job.deadline_s - half_s)
    return _Sending(job, uploading, ports, ports.settings.backend, other_bytes)


def _size_to_send(image: Image, prepared: PreparedImage | None) -> tuple[int, bool]:
    """Return how many bytes are to be sent, and whether just these bytes lie in a bucket."""
    if prepared is None:
        return image.size, True
    return len(prepared.data), image.source is not None and not prepared.changes


def _is_named(sent: SentImage, refusal: str) -> bool:
    """Whether a refusal speaks of this image: of its `gs://` address, or of its file's name."""
    assert isinstance(sent.part, ReferencedImage)  # noqa: S101 - asked of these alone
    uri = sent.part.uri
    name = uri if uri.startswith("gs://") else uri.rpartition("/")[2]
    return re.search(rf"{re.escape(name)}(?![\w-]|\.\w|/)", refusal) is not None


def _lacks_room(sent: Sequence[SentImage], text_bytes: int, ports: WorkerPorts) -> str | None:
    """Say why a request is too large into which images had to go that were to travel otherwise."""
    parts = [each.part for each in sent if isinstance(each.part, InlineImage)]
    total = sum(transport.base64_bytes(len(part.data)) for part in parts) + text_bytes
    limit = max(ports.settings.inline_limit_bytes, ports.settings.inline_hard_limit_bytes)
    if len(parts) > 1 and total > limit:
        return f"{len(parts)} images would have to travel inline, with {total:,} bytes; at most {limit:,} are sent."
    return None


def _send(sending: _Sending, image: Image, prepared: PreparedImage | None, route: Route) -> SentImage:
    """Take a route, or the next best where it turns out to be closed.

    Raises:
        ImageRejectedError: the image must be decoded to travel, and cannot be.
        ModelRejectedError: it fits no route that there is.
        TransientError: no route is open at the moment.
    """
    if route.kind in BY_REFERENCE:
        sent = _by_reference(sending, image, route)
        if sent is not None:
            return sent
        route = Route("file", "the object could not be registered where it lies")
    ready = prepared or ready_for_model(sending.job, image, sending.ports)
    if route.shrunk:
        return _shrunk(sending, image, route.reason)
    if route.kind == "inline":
        return _inline(image, ready, route.reason)
    return _uploaded(sending, image, ready, route)


def _send_again(sending: _Sending, sent: SentImage) -> SentImage:
    """Send an image another way: Gemini refused its file, or its object, although it was there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError, TransientError: as `_send`.
    """
    prepared = ready_for_model(sending.job, sent.image, sending.ports)
    if not sending.backend.uploads:
        return _inline_anyhow(sending, sent.image, prepared, "Vertex could not read the object from its bucket")
    file = files_api.upload_again(sending.uploading, prepared, sending.ports)
    refused = "the registered object was refused"
    reason = refused if sent.transport.kind == "registered" else sent.transport.reason
    return _by_file(sent.image, prepared, file.uri, Route("file", reason))


def _by_reference(sending: _Sending, image: Image, route: Route) -> SentImage | None:
    """Name the object to the service; None where it cannot be registered."""
    uri = image.uri
    if route.kind == "registered":
        try:
            uri = files_api.register(sending.uploading, image.uri, sending.ports).uri
        except (FileUnavailableError, TransientError) as error:
            logs.warning("the object could not be registered: it is uploaded", reason=str(error))
            return None
    how = Transport(route.kind, image.info.mime_type, image.size, reused=False, reason=route.reason)
    part = ReferencedImage(uri, image.info.mime_type)
    return SentImage(image, part, how, (image.info.width, image.info.height))


def _uploaded(sending: _Sending, image: Image, prepared: PreparedImage, route: Route) -> SentImage:
    try:
        file, reused = files_api.ensure(sending.uploading, prepared, sending.ports)
    except TransientError as error:
        sending.troubles.append(error)
        instead = _inline_instead(sending, image, prepared)
        if instead is None:
            raise
        logs.warning("the Files API did not take the image: it travels inline", reason=str(error))
        return _inline(image, instead, f"instead of a file: {error}")
    return _by_file(image, prepared, file.uri, route, reused=reused)


def _inline_instead(sending: _Sending, image: Image, prepared: PreparedImage) -> PreparedImage | None:
    """Return what can travel inside the request, smaller if it must be: uploads have been down for hours."""
    limit = sending.ports.settings.inline_hard_limit_bytes
    if transport.request_bytes(len(prepared.data), sending.other_bytes) <= limit:
        return prepared
    smaller = shrunk_for_model(sending.job, image, sending.ports)
    return smaller if transport.request_bytes(len(smaller.data), sending.other_bytes) <= limit else None


def _inline_anyhow(sending: _Sending, image: Image, prepared: PreparedImage, reason: str) -> SentImage:
    if transport.fits_inline(sending.backend, len(prepared.data), text_bytes=sending.other_bytes):
        return _inline(image, prepared, reason)
    return _shrunk(sending, image, reason)


def _shrunk(sending: _Sending, image: Image, reason: str) -> SentImage:
    smaller = shrunk_for_model(sending.job, image, sending.ports)
    if not transport.fits_inline(sending.backend, len(smaller.data), text_bytes=sending.other_bytes):
        raise ModelRejectedError(
            ErrorCode.TOO_MANY_BYTES, f"{image.uri} does not fit the request even as a smaller JPEG."
        )
    return _inline(image, smaller, reason)


def _inline(image: Image, prepared: PreparedImage, reason: str) -> SentImage:
    part = InlineImage(prepared.data, prepared.mime_type)
    return SentImage(image, part, _transport("inline", prepared, reason), (prepared.width, prepared.height))


def _by_file(image: Image, prepared: PreparedImage, uri: str, route: Route, *, reused: bool = False) -> SentImage:
    part = ReferencedImage(uri, prepared.mime_type)
    how = _transport(route.kind, prepared, route.reason, reused=reused)
    return SentImage(image, part, how, (prepared.width, prepared.height))


def _transport(kind: str, prepared: PreparedImage, reason: str, *, reused: bool = False) -> Transport:
    return Transport(kind, prepared.mime_type, len(prepared.data), reused, reason, prepared.changes)
