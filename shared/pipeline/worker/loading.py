"""One image on its way to the model: the route that was chosen for it, and what takes over where that is closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery.asked import Carried, Seen
from shared.core.errors import ErrorCode, FileUnavailableError, ModelRejectedError, TransientError
from shared.core.gemini import transport
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.gemini.transport import BY_REFERENCE, Freight, Route
from shared.pipeline.worker import files_api
from shared.pipeline.worker.source_image import ready_for_model, shrunk_for_model

if TYPE_CHECKING:
    from shared.core.gemini.request import ImagePart
    from shared.core.gemini.transport import BackEnd
    from shared.core.values import Prepared
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.source_image import Image


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
class Offer:
    """One image ready to go: `prepared` is None where its bytes were not read, because they lie ready in a bucket."""

    image: Image
    prepared: Prepared | None

    @property
    def freight(self) -> Freight:
        """What a route is chosen by."""
        if self.prepared is None:
            return Freight(self.image.size, in_bucket=True)
        return Freight(len(self.prepared.data), in_bucket=self.image.source is not None and not self.prepared.changes)


@dataclass(frozen=True, slots=True)
class Trip:
    """What all images of one request share.

    `uploading` is the job with half of its time: a Files API that hangs leaves the other half to the inline route.
    `other_bytes` is what one image leaves for the rest of the request, `troubles` why others could not be uploaded.
    """

    job: Job
    uploading: Job
    ports: WorkerPorts
    back_end: BackEnd
    other_bytes: int
    troubles: list[TransientError] = field(default_factory=list)


def load(trip: Trip, offer: Offer, route: Route) -> Load:
    """Take a route, or the next best where it turns out to be closed.

    Raises:
        ImageRejectedError: the image must be decoded to travel, and cannot be.
        ModelRejectedError: it fits no route that there is.
        TransientError: no route is open at the moment.
    """
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


def afresh(trip: Trip, load: Load) -> Load:
    """Return an image on a fresh way: Gemini refused its file, or its object, although it was there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError, TransientError: as `load`.
    """
    prepared = ready_for_model(trip.job, load.image, trip.ports)
    if not trip.back_end.uploads:
        return _inline_anyhow(trip, load.image, prepared, "Vertex could not read the object from its bucket")
    file = files_api.upload_again(trip.uploading, prepared, trip.ports)
    reason = "the registered object was refused" if load.carried.kind == "registered" else load.carried.reason
    return _by_file(load.image, prepared, file.uri, Route("file", reason))


def _by_reference(trip: Trip, image: Image, route: Route) -> Load | None:
    """Name the object to the service; None where it cannot be registered."""
    uri = image.uri
    if route.kind == "registered":
        try:
            uri = files_api.register(trip.uploading, image.uri, trip.ports).uri
        except (FileUnavailableError, TransientError) as error:
            logs.warning("the object could not be registered: it is uploaded", reason=str(error))
            return None
    carried = Carried(route.kind, image.info.mime_type, image.size, reused=False, reason=route.reason)
    part = ReferencedImage(uri, image.info.mime_type)
    return Load(image, part, carried, (image.info.width, image.info.height))


def _uploaded(trip: Trip, image: Image, prepared: Prepared, route: Route) -> Load:
    try:
        file, reused = files_api.ensure(trip.uploading, prepared, trip.ports)
    except TransientError as error:
        trip.troubles.append(error)
        instead = _inline_instead(trip, image, prepared)
        if instead is None:
            raise
        logs.warning("the Files API did not take the image: it travels inline", reason=str(error))
        return _inline(image, instead, f"instead of a file: {error}")
    return _by_file(image, prepared, file.uri, route, reused=reused)


def _inline_instead(trip: Trip, image: Image, prepared: Prepared) -> Prepared | None:
    """Return what can travel inside the request, smaller if it must be: uploads have been down for hours."""
    limit = trip.ports.settings.inline_hard_limit_bytes
    if transport.request_bytes(len(prepared.data), trip.other_bytes) <= limit:
        return prepared
    smaller = shrunk_for_model(trip.job, image, trip.ports)
    return smaller if transport.request_bytes(len(smaller.data), trip.other_bytes) <= limit else None


def _inline_anyhow(trip: Trip, image: Image, prepared: Prepared, reason: str) -> Load:
    if transport.fits_inline(trip.back_end, len(prepared.data), text_bytes=trip.other_bytes):
        return _inline(image, prepared, reason)
    return _shrunk(trip, image, reason)


def _shrunk(trip: Trip, image: Image, reason: str) -> Load:
    smaller = shrunk_for_model(trip.job, image, trip.ports)
    if not transport.fits_inline(trip.back_end, len(smaller.data), text_bytes=trip.other_bytes):
        raise ModelRejectedError(
            ErrorCode.TOO_MANY_BYTES, f"{image.uri} does not fit the request even as a smaller JPEG."
        )
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
