"""A pipeline on memory adapters, with a real picture and canned replies: shared by the tests of the pipeline."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.adapters.memory import ManualClock, MemoryModel
from shared.adapters.memory_faults import Faults
from shared.adapters.memory_web import MemoryWeb
from shared.config import Settings
from shared.core import jsontext, naming
from shared.core.delivery.budget import Ceiling
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.service import Service
from shared.core.planning import plan
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.rules import Rules
from shared.core.values import Source
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.job import WorkerPorts
from tests import canary
from tests.documented import DocumentedPublisher, DocumentedStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.request import ModelRequest

UPLOADS, RESULTS, WORK = "uploads", "results", "work"

SERVICE = Service("developer", dt.date(2026, 11, 21))
"""Which Gemini is asked on the rig's first day."""

SETTINGS = Settings(
    results_bucket=RESULTS,
    work_bucket=WORK,
    upload_buckets=(UPLOADS,),
    image_topic="projects/local-dev/topics/image-events",
    result_topic="projects/local-dev/topics/image-results",
    gemini_api_key=canary.KEY,
)

WITHOUT_PAYLOAD = {
    "eventType": "OBJECT_FINALIZE",
    "payloadFormat": "NONE",
    "bucketId": "uploads",
    "objectId": "cat.jpg",
    "objectGeneration": "17",
}
"""The attributes of a bucket's notification that carries nothing else."""

TEXTS = {
    "caption": '{"caption": "A red square on white."}',
    "detect": '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750]}]}',
    "segment": '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750],'
    ' "mask": [[250, 250], [750, 250], [750, 750], [250, 750]]}]}',
    "read": '{"lines": [{"text": "square", "language": "en", "box_2d": [250, 250, 750, 750]}]}',
    "classify": '{"labels": ["square", "red"]}',
    "ask": '{"answer": "The square."}',
}


def picture(width: int = 80, height: int = 60, *, image_format: str = "JPEG", orientation: int = 1) -> bytes:
    """Return a small real picture, red in its middle; a JPEG holds the canary."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((200, 20, 20), (width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    exif = Image.Exif()
    exif[0x0112] = orientation
    sink = io.BytesIO()
    comment = {"comment": canary.BYTES} if image_format == "JPEG" else {}
    image.save(sink, image_format, **comment, **({"exif": exif} if orientation != 1 else {}))
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
    """One deployment in memory; every document and event that it writes is held to its closed schema."""

    answer: Any = None
    settings: Settings = SETTINGS
    rules: Rules = field(default_factory=lambda: Rules(Choices()))
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = DocumentedStore(
            self.clock, results_bucket=self.settings.results_bucket, results_prefix=self.settings.results_prefix
        )
        self.publisher = DocumentedPublisher()
        self.model = MemoryModel(self._answer)
        self.web = MemoryWeb()
        ids = itertools.count(1)
        self.ports = WorkerPorts(
            settings=self.settings,
            store=self.store,
            publisher=self.publisher,
            model=self.model,
            clock=self.clock,
            new_id=lambda: f"attempt-{next(ids)}",
            jitter=lambda: 0.0,
            web=self.web,
            rules=self.rules,
            budget=Budgets(Ceiling(self.settings.max_calls_per_day, self.settings.max_usd_per_day), self.rules.budgets),
            budgets=self.rules.budgets,
            pacer=Pacer(),
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
        marks = {'"lines"': "read", "box_2d": "detect", '"labels"': "classify", "Question:": "ask"}
        return next((task for mark, task in marks.items() if mark in request.prompt), "caption")

    def upload(self, name: str = "square.jpg", data: bytes | None = None, *, task: str = "detect") -> ImageEvent:
        """Put a picture into the uploads bucket and return its image event."""
        body = picture() if data is None else data
        generation = self.store.create(UPLOADS, name, body, content_type="image/jpeg")
        source = Source(UPLOADS, name, generation, len(body), "image/jpeg", jsontext.crc32c(body))
        return self.event_of(source, task)

    @staticmethod
    def event_of(source: Source, task: str) -> ImageEvent:
        """Return the image event of a task, with default settings; ask has a question."""
        choices = Choices(for_all=TaskChoices(question="What is red?"))
        return ImageEvent(source, task, plan.resolve_settings(task, choices), "v1")

    def document(self, event: ImageEvent, *, error: int | None = None) -> dict[str, Any]:
        """Return the committed document of an event."""
        prefix = self.settings.results_prefix
        paths = naming.paths(event.source, run=event.run, task=event.task, prefix=prefix)
        name = paths.result if error is None else paths.error(error)
        bucket = self.settings.results_bucket
        document: dict[str, Any] = json.loads(self.store.read(bucket, name, max_bytes=10**7))
        return document

    def result_events(self) -> list[dict[str, Any]]:
        """Return the data of every published result event."""
        messages = self.publisher.messages.get(self.settings.result_topic, [])
        return [json.loads(message.data) for message in messages]


class CrashBefore(Faults):
    """Crashes at the n-th call, whatever it is; a crash after a call is one before the next."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    @property
    def happened(self) -> bool:
        return self.calls.total() > self._step

    def begin(self, operation: str) -> None:
        super().begin(operation)
        if self.happened:
            raise ZeroDivisionError
