"""How the images of one request reach the model together: who takes which route, and who goes once more."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from shared.core.errors import ConfigurationError, ErrorCode, ModelRejectedError, TransientError
from shared.core.gemini import transport
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.gemini.transport import BY_REFERENCE
from shared.pipeline.concurrency import together
from shared.pipeline.job import remaining_s
from shared.pipeline.worker import loading, source_image
from shared.pipeline.worker.loading import Offer, Trip
from shared.pipeline.worker.source_image import ready_for_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.config import Settings
    from shared.core.gemini.request import ModelRequest
    from shared.core.gemini.transport import BackEnd
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.loading import Load
    from shared.pipeline.worker.source_image import Image


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
    offers = [Offer(image, ready_for_model(job, image, ports) if image.data is not None else None) for image in sights]
    text_size = request.sent_text_bytes
    routes = transport.share(behind, [offer.freight for offer in offers], text_bytes=text_size)
    inside = sum(
        transport.base64_bytes(offer.freight.size)
        for offer, route in zip(offers, routes, strict=True)
        if route.kind == "inline" and not route.shrunk and len(offers) > 1
    )
    trip = _trip(job, ports, behind, text_size + inside)
    loads = tuple(loading.load(trip, offer, route) for offer, route in zip(offers, routes, strict=True))
    text = _lacks_room(loads, text_size, ports)
    if text and not behind.uploads:
        raise ModelRejectedError(ErrorCode.TOO_MANY_BYTES, f"{text} Name fewer images, or keep them in a bucket.")
    if text:  # the Files API would take them: it is away, or the key is wrong
        wrong = (trouble for trouble in trip.troubles if isinstance(trouble, ConfigurationError))
        raise next(wrong, TransientError(text))
    return loads


def carry_again(
    job: Job, request: ModelRequest, loads: Sequence[Load], ports: WorkerPorts, *, refusal: str
) -> tuple[Load, ...]:
    """Return the loads, of which those that the refusal names go a fresh way: they were there before.

    Raises:
        SourceGoneError: the object is gone indeed.
        ModelRejectedError: an image fits no other way.
        TransientError: as `carry`; or too many had to go another way at once, and may be readable again later.
    """
    trip = _trip(job, ports, back_end(ports.settings), request.sent_text_bytes)
    referenced = [load for load in loads if isinstance(load.part, ReferencedImage)]
    named = [load for load in referenced if _is_named(load, refusal)]
    again = named or referenced
    fresh = tuple(loading.afresh(trip, load) if load in again else load for load in loads)
    text = _lacks_room(fresh, trip.other_bytes, ports)
    if text:
        raise TransientError(f"{refusal} {text}")
    return fresh


def _trip(job: Job, ports: WorkerPorts, behind: BackEnd, other_bytes: int) -> Trip:
    half_s = remaining_s(job, ports) / 2
    return Trip(job, replace(job, deadline_s=job.deadline_s - half_s), ports, behind, other_bytes)


def _is_named(load: Load, refusal: str) -> bool:
    """Whether a refusal speaks of this image: of its `gs://` address, or of its file's name."""
    assert isinstance(load.part, ReferencedImage)  # noqa: S101 - asked of these alone
    uri = load.part.uri
    name = uri if uri.startswith("gs://") else uri.rpartition("/")[2]
    return re.search(rf"{re.escape(name)}(?![\w-]|\.\w|/)", refusal) is not None


def verify(loads: Sequence[Load], ports: WorkerPorts) -> None:
    """Make sure that the service read the very generations that are meant.

    Raises:
        SourceGoneError: one was overwritten before the answer came, which may therefore be about another image.
    """
    together(
        [partial(source_image.still_live, load.image, ports) for load in loads if load.carried.kind in BY_REFERENCE]
    )


def _lacks_room(loads: Sequence[Load], text_size: int, ports: WorkerPorts) -> str | None:
    """Say why a request is too large into which images had to go that were to travel otherwise."""
    parts = [load.part for load in loads if isinstance(load.part, InlineImage)]
    total = sum(transport.base64_bytes(len(part.data)) for part in parts) + text_size
    limit = max(ports.settings.inline_limit_bytes, ports.settings.inline_hard_limit_bytes)
    if len(parts) > 1 and total > limit:
        return f"{len(parts)} images would have to travel inline, with {total:,} bytes; at most {limit:,} are sent."
    return None
