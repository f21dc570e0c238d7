"""Step 3 as a whole: everything that a job's question is about, one image or those that a manifest names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core import manifest
from shared.core.errors import ImageRejectedError, NotFoundError, PermanentError, TransientError
from shared.core.manifest import Permitted, StoredImage
from shared.core.model import Source
from shared.core.prompts import ask_later
from shared.core.tasks import ASK
from shared.pipeline import carrying, images
from shared.pipeline.images import SourceGoneError
from shared.pipeline.work import remaining_s

if TYPE_CHECKING:
    from shared.core.manifest import ImageReference, Manifest
    from shared.pipeline.images import Image
    from shared.pipeline.work import Job, WorkerPorts

MAX_TOTAL_BYTES = 100_000_000
"""Of all images of one question that the worker holds at once."""

_WEB_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What the model is asked, and about which images; `question` is that of a manifest, None of a single image."""

    prompt: str
    images: tuple[Image, ...]
    question: str | None = None

    @property
    def download_ms(self) -> int:
        """How long all images took to come."""
        return sum(image.download_ms for image in self.images)


def gather(job: Job, ports: WorkerPorts) -> Sight:
    """Read what the job's question is about.

    Raises:
        SourceGoneError: the upload was deleted or overwritten before it was read.
        PermanentError: the image, the manifest or an image that it names cannot be used.
    """
    settings = job.event.settings
    if job.event.task == ASK.name and manifest.is_manifest(job.event.source.name):
        named = _manifest(job, ports)
        prompt = ask_later(settings.prompt, question=named.question, language=named.language or settings.language)
        return Sight(prompt, _named_images(job, named, ports), named.question)
    image = images.look(job, job.event.source, ports, back_end=carrying.back_end(ports.settings))
    return Sight(settings.prompt, (image,))


def _manifest(job: Job, ports: WorkerPorts) -> Manifest:
    source, settings = job.event.source, ports.settings
    permitted = Permitted(
        bucket=source.bucket,
        folder=manifest.folder_of(source.name),
        buckets=settings.upload_buckets,
        origins=settings.image_url_origins,
        max_images=min(settings.max_images_per_question, carrying.back_end(settings).max_images),
    )
    return manifest.parse_manifest(images.download(source, ports, max_bytes=manifest.MAX_BYTES), permitted)


def _named_images(job: Job, named: Manifest, ports: WorkerPorts) -> tuple[Image, ...]:
    """Return the images in their order; all that cannot be used are named at once.

    One after the other: together they must not hold more memory than one worker has.
    """
    found: list[Image] = []
    problems: list[str] = []
    held_bytes = 0
    for index, reference in enumerate(named.images):
        try:
            image = _image(job, reference, ports)
        except PermanentError as error:
            problems.append(f"images[{index}]: {error.message}")
            continue
        found.append(image)
        held_bytes += len(image.data or b"")
        if held_bytes > MAX_TOTAL_BYTES:
            raise PermanentError(
                "too_many_bytes",
                f"The images of the manifest have more than {MAX_TOTAL_BYTES:,} bytes together, from images[0] to"
                f" images[{index}]: name fewer or smaller ones.",
            )
    if problems:
        raise PermanentError("bad_manifest_image", " ".join(problems))
    return tuple(found)


def _image(job: Job, reference: ImageReference, ports: WorkerPorts) -> Image:
    if not isinstance(reference, StoredImage):
        timeout_s = min(_WEB_TIMEOUT_S, remaining_s(job, ports) / 2)
        return images.fetch_web(job, reference.url, ports, timeout_s=timeout_s)
    uri = f"gs://{reference.bucket}/{reference.name}"
    live = ports.store.stat(reference.bucket, reference.name)
    if live is None:
        raise ImageRejectedError("image_not_found", f"{uri} does not exist.")
    source = Source(reference.bucket, reference.name, live.generation, live.size, None, live.crc32c or None)
    try:
        return images.look(job, source, ports, back_end=carrying.back_end(ports.settings))
    except (SourceGoneError, NotFoundError) as error:
        raise TransientError(f"{uri} changed while it was read.") from error
