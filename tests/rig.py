"""A pipeline on memory adapters, with a real picture and canned replies: shared by the tests of the pipeline."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.adapters.memory import ManualClock, MemoryModel, MemoryPublisher, MemoryStore
from shared.config import Settings
from shared.core import jsontext, naming, planning
from shared.core.envelopes import ImageEvent
from shared.core.model import Source
from shared.core.rules import Choices
from shared.pipeline.work import Ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.request import ModelRequest

UPLOADS, RESULTS, WORK = "uploads", "results", "work"

SETTINGS = Settings(
    results_bucket=RESULTS,
    work_bucket=WORK,
    upload_buckets=(UPLOADS,),
    image_topic="projects/local-dev/topics/image-events",
    result_topic="projects/local-dev/topics/image-results",
)

TEXTS = {
    "caption": '{"caption": "A red square on white."}',
    "detect": '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750]}]}',
    "segment": '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750],'
    ' "mask": [[250, 250], [750, 250], [750, 750], [250, 750]]}]}',
}


def picture(width: int = 80, height: int = 60, *, image_format: str = "JPEG", orientation: int = 1) -> bytes:
    """Return a small real picture, red in its middle."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((200, 20, 20), (width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    exif = Image.Exif()
    exif[0x0112] = orientation
    sink = io.BytesIO()
    image.save(sink, image_format, **({"exif": exif} if orientation != 1 else {}))
    return sink.getvalue()


def reply(text: str, *, finish: str = "STOP", served: str = "gemini-3.8-flash") -> dict[str, Any]:
    """Return a generateContent answer as it comes over the wire."""
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}],
        "usageMetadata": {"promptTokenCount": 1200, "candidatesTokenCount": 80, "totalTokenCount": 1280},
        "modelVersion": served,
    }


@dataclass
class Rig:
    """One deployment in memory."""

    answer: Any = None
    settings: Settings = SETTINGS
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        self.publisher = MemoryPublisher()
        self.model = MemoryModel(self._answer)
        ids = itertools.count(1)
        self.ports = Ports(
            settings=self.settings,
            store=self.store,
            publisher=self.publisher,
            model=self.model,
            clock=self.clock,
            new_id=lambda: f"attempt-{next(ids)}",
            jitter=lambda: 0.0,
        )

    def _answer(self, request: ModelRequest) -> Mapping[str, Any]:
        if callable(self.answer):
            result: Mapping[str, Any] = self.answer(request)
            return result
        return reply(self.answer or TEXTS[self.task_of(request)])

    @staticmethod
    def task_of(request: ModelRequest) -> str:
        """Return which task a request belongs to, by its prompt."""
        if "masks" in request.prompt:
            return "segment"
        return "detect" if "box_2d" in request.prompt else "caption"

    def upload(self, name: str = "square.jpg", data: bytes | None = None, *, task: str = "detect") -> ImageEvent:
        """Put a picture into the uploads bucket and return its image event."""
        body = picture() if data is None else data
        generation = self.store.create(UPLOADS, name, body, content_type="image/jpeg")
        source = Source(UPLOADS, name, generation, len(body), "image/jpeg", jsontext.crc32c(body))
        settings = planning.resolve_settings(task, Choices())
        return ImageEvent(source, task, settings, "v1")

    def document(self, event: ImageEvent, *, error: int | None = None) -> dict[str, Any]:
        """Return the committed document of an event."""
        paths = naming.paths(event.source, run=event.run, task=event.task)
        name = paths.result if error is None else paths.error(error)
        document: dict[str, Any] = json.loads(self.store.read(RESULTS, name, max_bytes=10**7))
        return document

    def result_events(self) -> list[dict[str, Any]]:
        """Return the data of every published result event."""
        messages = self.publisher.messages.get(self.settings.result_topic, [])
        return [json.loads(message.data) for message in messages]
