"""Step 3 as a whole: everything that a job's question is about, one image or those that a manifest names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.events import manifest
from shared.core.events.manifest import Permitted
from shared.core.tasks.catalogue import ASK
from shared.core.tasks.prompts import ask_later
from shared.pipeline.worker import send, source_image
from shared.pipeline.worker.manifest_images import named_images

if TYPE_CHECKING:
    from shared.core.events.manifest import Manifest
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.source_image import Image


@dataclass(frozen=True, slots=True)
class Sight:
    """What the model is asked, and about which images; `question` is that of a manifest, None of a single image."""

    prompt: str
    images: tuple[Image, ...]
    download_ms: int
    question: str | None = None


def gather(job: Job, ports: WorkerPorts) -> Sight:
    """Read what the job's question is about.

    Raises:
        SourceGoneError: the upload was deleted or overwritten before it was read.
        PermanentError: the image, the manifest or an image that it names cannot be used.
    """
    settings, source = job.event.settings, job.event.source
    begun_s = ports.clock.monotonic_s()
    if job.event.task == ASK.name and manifest.is_manifest(source.name):
        named = _manifest(job, ports)
        prompt = ask_later(settings.prompt, question=named.question, language=named.language or settings.language)
        found = named_images(job, named, ports)
        return Sight(prompt, found, _ms_since(begun_s, ports), named.question)
    read = source_image.read(job, source, ports, back_end=send.back_end(ports.settings))
    download_ms = _ms_since(begun_s, ports)
    return Sight(settings.prompt, (source_image.judge(job, read, ports),), download_ms)


def _ms_since(begun_s: float, ports: WorkerPorts) -> int:
    return round((ports.clock.monotonic_s() - begun_s) * 1000)


def _manifest(job: Job, ports: WorkerPorts) -> Manifest:
    source, settings = job.event.source, ports.settings
    permitted = Permitted(
        bucket=source.bucket,
        folder=manifest.folder_of(source.name),
        buckets=settings.upload_buckets,
        origins=settings.image_url_origins,
        max_images=min(settings.max_images_per_question, send.back_end(settings).max_images),
    )
    return manifest.parse_manifest(source_image.download(source, ports, max_bytes=manifest.MAX_BYTES), permitted)
