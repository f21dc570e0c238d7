"""How images reach the model: their routes, their parts of the request, and what takes over if a route is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import logs
from shared.core import jsontext, transport
from shared.core.asked import Carried, Seen
from shared.core.errors import FileUnavailableError, ModelRejectedError, TransientError
from shared.core.request import InlineImage, ReferencedImage
from shared.core.transport import BY_REFERENCE, Freight, Route
from shared.pipeline import files, images
from shared.pipeline.images import ready_for_model, shrunk_for_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.config import Settings
    from shared.core.model import Prepared
    from shared.core.request import ImagePart, ModelRequest
    from shared.core.transport import BackEnd
    from shared.pipeline.images import Image
    from shared.pipeline.work import Job, WorkerPorts


@dataclass(frozen=True, slots=True)
class Load:
    """One image on its way: its part of the request, and how it came there. `size_px` is (width, height) as sent."""

    image: Image
    part: ImagePart
    carried: Carried
    size_px: tuple[int, int]

    @property
    def seen(self) -> Seen:
        """What the result says of it where there are several."""
        image, source = self.image, self.image.source
        return Seen(
            uri=image.uri,
            generation=source.generation if source else None,
            crc32c=source.crc32c if source else None,
            sha256=image.sha256,
            image=image.info,
            transport=self.carried,
        )


@dataclass(frozen=True, slots=True)
class _Offer:
    """One image ready to go: `prepared` is None where its bytes were not read, because they lie ready in a bucket."""

    image: Image
    prepared: Prepared | None

    @property
    def freight(self) -> Freight:
        if self.prepared is None:
            return Freight(self.image.size, in_bucket=True)
        return Freight(len(self.prepared.data), in_bucket=self.image.source is not None and not self.prepared.changes)


@dataclass(frozen=True, slots=True)
class _Trip:
    """What all images of one request share; `other_bytes` is what one of them leaves for the rest of the request."""

    job: Job
    ports: WorkerPorts
    back_end: BackEnd
    other_bytes: int


def back_end(settings: Settings) -> BackEnd:
    """Return what the settings make of Gemini."""
    # The real service cannot read the buckets of an emulator.
    reads_buckets = settings.storage_emulator_host is None or settings.gemini_base_url is not None
    if settings.enterprise:
        return transport.vertex(settings.inline_limit_bytes, reads_buckets=reads_buckets)
    register_files = settings.register_files and reads_buckets
    return transport.developer(settings.inline_limit_bytes, register_files=register_files)


def carry(job: Job, request: ModelRequest, sights: Sequence[Image], ports: WorkerPorts) -> tuple[Load, ...]:
    """Choose a route for each image and take it.

    Raises:
        ImageRejectedError: an image must be decoded to travel, and cannot be.
        ModelRejectedError: an image fits no route that there is.
        TransientError: no route is open at the moment.
    """
    behind = back_end(ports.settings)
    offers = [_Offer(image, ready_for_model(job, image, ports) if image.data is not None else None) for image in sights]
    text_size = text_bytes(request)
    routes = transport.share(behind, [offer.freight for offer in offers], text_bytes=text_size)
    inside = sum(
        transport.base64_bytes(offer.freight.size)
        for offer, route in zip(offers, routes, strict=True)
        if route.kind == "inline" and not route.shrunk and len(offers) > 1
    )
    trip = _Trip(job, ports, behind, text_size + inside)
    loads = tuple(_load(trip, offer, route) for offer, route in zip(offers, routes, strict=True))
    _require_room(loads, text_size, ports)
    return loads


def carry_again(job: Job, request: ModelRequest, loads: Sequence[Load], ports: WorkerPorts) -> tuple[Load, ...]:
    """Return the loads on a fresh way: a file or an object is refused although it was there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError, TransientError: as `carry`.
    """
    text_size = text_bytes(request)
    trip = _Trip(job, ports, back_end(ports.settings), text_size)
    fresh = tuple(load if isinstance(load.part, InlineImage) else _afresh(trip, load) for load in loads)
    _require_room(fresh, text_size, ports)
    return fresh


def verify(loads: Sequence[Load], ports: WorkerPorts) -> None:
    """Make sure that the service read the very generations that are meant.

    Raises:
        SourceGoneError: one was overwritten before the answer came, which may therefore be about another image.
    """
    for load in loads:
        if load.carried.kind in BY_REFERENCE:
            images.still_live(load.image, ports)


def text_bytes(request: ModelRequest) -> int:
    """Return the size of prompt and schema in the request."""
    return len(request.prompt.encode()) + len(jsontext.dump_compact(request.schema))


def _require_room(loads: Sequence[Load], text_size: int, ports: WorkerPorts) -> None:
    """Refuse a request into which too many images had to go that were to travel otherwise."""
    parts = [load.part for load in loads if isinstance(load.part, InlineImage)]
    total = sum(transport.base64_bytes(len(part.data)) for part in parts) + text_size
    limit = max(ports.settings.inline_limit_bytes, ports.settings.inline_hard_limit_bytes)
    if len(parts) > 1 and total > limit:
        text = f"{len(parts)} images would have to travel inline, with {total:,} bytes; at most {limit:,} are sent."
        if ports.settings.enterprise:
            raise ModelRejectedError("too_many_bytes", f"{text} Name fewer images, or keep them in a bucket.")
        raise TransientError(text)  # the Files API is away: it would take them


def _load(trip: _Trip, offer: _Offer, route: Route) -> Load:
    if route.kind in BY_REFERENCE:
        found = _by_reference(trip, offer.image, route)
        if found is not None:
            return found
        route = Route("file", "the object could not be registered where it lies")
    prepared = offer.prepared or ready_for_model(trip.job, offer.image, trip.ports)
    if route.shrunk:
        return _shrunk(trip, offer.image, route.reason)
    if route.kind == "inline":
        return _inline(offer.image, prepared, route.reason)
    return _uploaded(trip, offer.image, prepared, route)


def _afresh(trip: _Trip, load: Load) -> Load:
    prepared = ready_for_model(trip.job, load.image, trip.ports)
    if not trip.back_end.uploads:
        return _inline_anyhow(trip, load.image, prepared, "Vertex could not read the object from its bucket")
    file = files.upload_again(trip.job, prepared, trip.ports)
    return _by_file(load.image, prepared, file.uri, Route("file", load.carried.reason))


def _by_reference(trip: _Trip, image: Image, route: Route) -> Load | None:
    """Name the object to the service; None where it cannot be registered."""
    uri = image.uri
    if route.kind == "registered":
        try:
            uri = files.register(trip.job, image.uri, trip.ports).uri
        except (FileUnavailableError, TransientError) as error:
            logs.warning("the object could not be registered: it is uploaded", reason=str(error))
            return None
    carried = Carried(route.kind, image.info.mime_type, image.size, reused=False, reason=route.reason)
    part = ReferencedImage(uri, image.info.mime_type)
    return Load(image, part, carried, (image.info.width, image.info.height))


def _uploaded(trip: _Trip, image: Image, prepared: Prepared, route: Route) -> Load:
    try:
        file, reused = files.ensure(trip.job, prepared, trip.ports)
    except TransientError as error:
        instead = _inline_instead(trip, image, prepared)
        if instead is None:
            raise
        logs.warning("the Files API did not take the image: it travels inline", reason=str(error))
        return _inline(image, instead, f"instead of a file: {error}")
    return _by_file(image, prepared, file.uri, route, reused=reused)


def _inline_instead(trip: _Trip, image: Image, prepared: Prepared) -> Prepared | None:
    """Return what can travel inside the request, smaller if it must be: uploads have been down for hours."""
    limit = trip.ports.settings.inline_hard_limit_bytes
    if transport.request_bytes(len(prepared.data), trip.other_bytes) <= limit:
        return prepared
    smaller = shrunk_for_model(trip.job, image, trip.ports)
    return smaller if transport.request_bytes(len(smaller.data), trip.other_bytes) <= limit else None


def _inline_anyhow(trip: _Trip, image: Image, prepared: Prepared, reason: str) -> Load:
    if transport.fits_inline(trip.back_end, len(prepared.data), text_bytes=trip.other_bytes):
        return _inline(image, prepared, reason)
    return _shrunk(trip, image, reason)


def _shrunk(trip: _Trip, image: Image, reason: str) -> Load:
    smaller = shrunk_for_model(trip.job, image, trip.ports)
    if not transport.fits_inline(trip.back_end, len(smaller.data), text_bytes=trip.other_bytes):
        raise ModelRejectedError("too_many_bytes", f"{image.uri} does not fit the request even as a smaller JPEG.")
    return _inline(image, smaller, reason)


def _inline(image: Image, prepared: Prepared, reason: str) -> Load:
    part = InlineImage(prepared.data, prepared.mime_type)
    return Load(image, part, _carried("inline", prepared, reason), (prepared.width, prepared.height))


def _by_file(image: Image, prepared: Prepared, uri: str, route: Route, *, reused: bool = False) -> Load:
    part = ReferencedImage(uri, prepared.mime_type)
    carried = _carried(route.kind, prepared, route.reason, reused=reused)
    return Load(image, part, carried, (prepared.width, prepared.height))


def _carried(kind: str, prepared: Prepared, reason: str, *, reused: bool = False) -> Carried:
    return Carried(kind, prepared.mime_type, len(prepared.data), reused, reason, prepared.changes)
