"""Batch jobs on memory adapters: workers, the tick, and a service that answers when a test says so."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.adapters.memory_batches import MemoryBatches
from shared.core import naming
from shared.core.events.envelopes import BATCH_LANE, parse_image_event
from shared.core.gemini.batches import LINE_LABEL
from shared.pipeline.ports import BatchPorts
from shared.pipeline.upkeep.batching import follow_batches
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, TEXTS, WORK, Rig, reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.config import Settings
    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.request import ModelRequest

BATCH_SETTINGS = replace(SETTINGS, batch=True)
VERTEX_SETTINGS = replace(SETTINGS, batch=True, enterprise=True, project="local-dev", gemini_base_url="http://emulator")


@dataclass
class BatchRig:
    """One deployment whose asks may wait; `answers` are texts by task, which both ways of asking give."""

    settings: Settings = BATCH_SETTINGS
    texts: dict[str, str] = field(default_factory=lambda: dict(TEXTS))
    rig: Rig = field(init=False)

    def __post_init__(self) -> None:
        self.rig = Rig(settings=self.settings, answer=self.answer)
        self.service = MemoryBatches(self.rig.model, self.rig.store, self.respond)
        self.taken = 0
        self.ticks = self.tick_ports()

    def tick_ports(self) -> BatchPorts:
        """Return the ports of a tick."""
        base = self.rig.ports
        return BatchPorts(
            settings=base.settings,
            store=base.store,
            publisher=base.publisher,
            clock=base.clock,
            new_id=base.new_id,
            jitter=base.jitter,
            budgets=base.budgets,
            model=base.model,
            batches=self.service,
        )

    def answer(self, request: ModelRequest) -> Mapping[str, Any]:
        """Answer one call."""
        return reply(self.texts[task_of(request.prompt)], served=request.model)

    def respond(self, model: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one line."""
        prompt = " ".join(part.get("text", "") for part in request["contents"][0]["parts"])
        return reply(self.texts[task_of(prompt)], served=model)

    def upload(self, name: str, task: str = "caption") -> ImageEvent:
        """Put a picture into the bucket; return its event, which may wait."""
        return replace(self.rig.upload(name, task=task), lane=BATCH_LANE)

    def deliver(self, *events: ImageEvent) -> None:
        """Deliver these events."""
        for event in events:
            analyze(event, self.rig.ports)

    def tick(self) -> None:
        """Let the scheduler's tick come."""
        follow_batches(self.ticks)

    def finish(self, **how: Any) -> None:
        """Let every job that is unfinished end."""
        for name in self.service.unfinished():
            self.service.finish(name, **how)

    def published(self) -> list[ImageEvent]:
        """Return the events that were published since the last time."""
        messages = self.rig.publisher.messages.get(self.settings.image_topic, [])
        new = messages[self.taken :]
        self.taken = len(messages)
        return [parse_image_event(message.data) for message in new]

    def work(self) -> int:
        """Deliver what was published; return how many events that was."""
        events = self.published()
        self.deliver(*events)
        return len(events)

    def line(self, event: ImageEvent) -> dict[str, Any] | None:
        """Return the header of an event's line, if there is one."""
        name = naming.paths(event.source, run=event.run, task=event.task).batch_line
        if self.rig.store.stat(WORK, name) is None:
            return None
        header: dict[str, Any] = json.loads(self.rig.store.read(WORK, name, max_bytes=10**8).partition(b"\n")[0])
        return header

    def records(self) -> list[dict[str, Any]]:
        """Return all batch records."""
        names = self.rig.store.list_names(WORK, naming.BATCH_RECORDS)
        return [json.loads(self.rig.store.read(WORK, name, max_bytes=10**8)) for name in names]

    def left(self) -> Sequence[str]:
        """Return what batch jobs have left in the work bucket but for their records."""
        names = self.rig.store.list_names(WORK, "batches/")
        return [name for name in names if not name.startswith(naming.BATCH_RECORDS)]


def task_of(prompt: str) -> str:
    """Return which task a prompt belongs to."""
    if "masks" in prompt:
        return "segment"
    marks = {'"lines"': "read", "box_2d": "detect", '"labels"': "classify", "Question:": "ask"}
    return next((task for mark, task in marks.items() if mark in prompt), "caption")


def line_id_in(line: bytes) -> str:
    """Return which line a line of a job's output is about."""
    document = json.loads(line)
    return str(document.get("key") or document["request"]["labels"][LINE_LABEL])
