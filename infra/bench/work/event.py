"""Image events end to end on memory adapters: what Uplook itself costs beside the model's seconds."""

from __future__ import annotations

import io
import itertools
import json
from typing import TYPE_CHECKING, Any

from PIL import Image

from infra.bench.inputs import PHOTO, reply_name
from shared import logs
from shared.adapters.clock import SystemClock
from shared.adapters.memory import MemoryModel, MemoryPublisher, MemoryStore
from shared.adapters.memory_web import MemoryWeb
from shared.config import Settings
from shared.core import jsontext
from shared.core.delivery.budget import Ceiling
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.request import InlineImage, ModelRequest
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.values import Source
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.job import WorkerPorts
from shared.pipeline.worker.analyze import analyze

if TYPE_CHECKING:
    from pathlib import Path

    from infra.bench.model import Facts, Work

EVENTS = 10
"""Events per measurement, each of another object."""

_UPLOADS, _RESULTS, _WORK = "uploads", "results", "work"
_CAPTION = '{"caption": "A cup of coffee on a wooden table, seen from above."}'


def ours(folder: Path, task: str) -> Work:
    """Analyze events; the first one, which loads libraries and fonts, is not timed."""
    logs.set_up("json")
    ports, store = _ports(_answer(folder, task))
    photo = (folder / PHOTO).read_bytes()
    events = [_event(store, photo, name=f"photo-{index}.jpg", task=task) for index in range(EVENTS + 1)]
    analyze(events[0], ports)

    def work() -> Facts:
        for event in events[1:]:
            analyze(event, ports)
        return {"objects": len(store.list_names(_RESULTS, "")), "creates": store.faults.calls["create"]}

    return work


def bare(folder: Path, task: str) -> Work:
    """Do the same without any care: open, ask, parse, store; no lease, no checks, no journal, no event."""
    Image.preinit()
    ports, store = _ports(_answer(folder, task))
    photo = (folder / PHOTO).read_bytes()
    events = [_event(store, photo, name=f"photo-{index}.jpg", task=task) for index in range(EVENTS)]

    def work() -> Facts:
        for event in events:
            _bare(event, ports)
        return {"objects": len(store.list_names(_RESULTS, ""))}

    return work


def decode(folder: Path, name: str) -> Work:
    """Decode the photo once per event: what a machine needs for that, everything else is compared with."""
    Image.preinit()
    photo = (folder / name).read_bytes()

    def work() -> Facts:
        for _ in range(EVENTS):
            Image.open(io.BytesIO(photo)).load()
        return {"photos": EVENTS}

    return work


def _bare(event: ImageEvent, ports: WorkerPorts) -> None:
    source, settings = event.source, event.settings
    data = ports.store.read(source.bucket, source.name, max_bytes=settings.max_bytes)
    Image.open(io.BytesIO(data))
    request = ModelRequest(settings.model, settings.prompt, (InlineImage(data, "image/jpeg"),), 4096, None, None, None)
    answer = ports.model.generate(request, timeout_s=60)
    parsed = json.loads(answer["candidates"][0]["content"]["parts"][0]["text"])
    ports.store.create(_RESULTS, f"{source.name}.json", json.dumps(parsed).encode(), content_type="application/json")


def _ports(answer: dict[str, Any]) -> tuple[WorkerPorts, MemoryStore]:
    clock, ids = SystemClock(), itertools.count(1)
    store = MemoryStore(clock)
    ports = WorkerPorts(
        settings=Settings(
            results_bucket=_RESULTS,
            work_bucket=_WORK,
            upload_buckets=(_UPLOADS,),
            image_topic="projects/local-dev/topics/image-events",
            result_topic="projects/local-dev/topics/image-results",
        ),
        store=store,
        publisher=MemoryPublisher(),
        model=MemoryModel(lambda _request: answer),
        clock=clock,
        new_id=lambda: f"attempt-{next(ids)}",
        jitter=lambda: 0.0,
        web=MemoryWeb(),
        rules=Rules(Choices()),
        budget=Budgets(Ceiling()),
        pacer=Pacer(),
    )
    return ports, store


def _answer(folder: Path, task: str) -> dict[str, Any]:
    text = _CAPTION if task == "caption" else (folder / reply_name("polygon")).read_text(encoding="utf-8")
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1200, "candidatesTokenCount": 80, "totalTokenCount": 1280},
        "modelVersion": plan.resolve_settings(task, Choices()).model,
    }


def _event(store: MemoryStore, photo: bytes, *, name: str, task: str) -> ImageEvent:
    generation = store.create(_UPLOADS, name, photo, content_type="image/jpeg")
    source = Source(_UPLOADS, name, generation, len(photo), "image/jpeg", jsontext.crc32c(photo))
    return ImageEvent(source, task, plan.resolve_settings(task, Choices()), "v1")
