"""What is uploaded and asked in each scenario, and how the model answers: never twice the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import itertools
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from shared.adapters.memory import ManualClock, MemoryModel, MemoryPublisher, MemoryStore
from shared.adapters.memory_web import MemoryWeb
from shared.core import jsontext, naming
from shared.core.delivery import batch_lines, batch_records, budget
from shared.core.delivery.budget import Ceiling
from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.events.envelopes import BATCH_LANE, ImageEvent
from shared.core.gemini.prices import reserve_usd
from shared.core.gemini.tokens import room_for_thoughts
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.tasks.common import requests
from shared.core.values import Source
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.job import WorkerPorts
from shared.pipeline.ports import BatchPorts
from tests.explore.batch_service import JobService, StagedBatches
from tests.explore.ledger import CANARY_KEY, Ledger
from tests.explore.plans import BATCHED, HALF_DONE, SEVERAL_TASKS, SHARED, UNDER_A_CEILING, Plan
from tests.explore.ports import StagedClock, StagedModel, StagedPublisher, StagedStore
from tests.explore.stage import LEASE_TTL_S, TIMEOUT_S, Stage
from tests.explore.turns import Turns
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.config import Settings
    from shared.core.gemini.request import ModelRequest
    from shared.core.planning.asks import Ask

NAME: Final = "square.jpg"
COPY, THIRD, LAST = "copy.jpg", "third.jpg", "last.jpg"
"""Further uploads, of the same content."""

PARK_AFTER: Final = 2
AWAY_CALLS: Final = (PARK_AFTER + 1) * MAX_ATTEMPTS
"""Refused before the model is back: those of all deliveries up to the parked one, and of the first probe."""

_TASKS = {"segment": "segment", "file": "detect"}
_BEFORE_THE_DAY_ENDS_S = 4.0
_DAY_S, _DAY_BEGINS_S = 86_400.0, budget.DAY_BEGINS_HOUR_UTC * 3600.0
_IMAGE_TOKENS = 1120
_BROKEN = b"two lemons and a loaf of bread"


class World:
    """One deployment on a stage, in memory."""

    def __init__(self, plan: Plan) -> None:
        self.scenario = plan.scenario
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.ledger = Ledger(self.store)
        self.stage = Stage(plan, Turns(self.clock, frozenset(plan.switches)), self.clock)
        self.model = MemoryModel(self._answer)
        self._ids = itertools.count(1)
        self.ports = WorkerPorts(
            settings=_settings(plan.scenario),
            store=StagedStore(self.stage, self.store, self.ledger),
            publisher=StagedPublisher(self.stage, MemoryPublisher(), self.ledger),
            model=StagedModel(self.stage, self.model, self.ledger, away=self._is_away),
            clock=StagedClock(self.stage, self.clock),
            new_id=self._new_id,
            jitter=lambda: 0.5,
            web=MemoryWeb(),
            rules=Rules(Choices()),
            budget=Budgets(Ceiling()),
            pacer=Pacer(),
        )
        self.jobs = JobService(plan.scenario, self.model, self.store, self.ledger)
        self._refusals_left = AWAY_CALLS if plan.scenario == "away" else 0
        self.ceiling = Ceiling(self.ports.settings.max_calls_per_day, self.ports.settings.max_usd_per_day)
        if plan.scenario == "held":
            self._spend_the_day()
        if plan.scenario == "dear":
            self.clock.time_s = _DAY_BEGINS_S - _BEFORE_THE_DAY_ENDS_S

    @property
    def by_reference(self) -> bool:
        """Whether the model fetches images itself."""
        return self.scenario in {"file", "gs", *HALF_DONE}

    @property
    def shares(self) -> bool:
        """Whether uploads of the same content share an answer."""
        return self.scenario in SHARED

    @property
    def batches(self) -> bool:
        """Whether uploads wait for batch jobs."""
        return self.scenario in BATCHED

    def tick_ports(self) -> BatchPorts:
        """Return the ports of whoever follows batch jobs."""
        base = self.ports
        return BatchPorts(
            settings=base.settings,
            store=base.store,
            publisher=base.publisher,
            clock=base.clock,
            new_id=base.new_id,
            jitter=base.jitter,
            model=base.model,
            batches=StagedBatches(self.stage, self.jobs.twin),
        )

    def unfinished_batches(self) -> list[str]:
        """Return the lines that wait for a job or its answer, and the records of jobs that are not closed."""
        lines, records = (self.store.list_objects(WORK, each) for each in (naming.BATCH_LINES, naming.BATCH_RECORDS))
        waiting = [name for name, info in lines if info.metadata[batch_lines.STATE] == "waiting"]
        return [*waiting, *(name for name, info in records if info.metadata[batch_records.RECORD_STATE] != "closed")]

    def instance(self) -> WorkerPorts:
        """Return the ports of a new instance: it knows nothing of what others have spent."""
        return dataclasses.replace(self.ports, budget=Budgets(self.ceiling))

    def next_day(self) -> None:
        """Go to the moment at which the next spending day begins."""
        days = (self.clock.time_s - _DAY_BEGINS_S) // _DAY_S + 1
        self.clock.time_s = days * _DAY_S + _DAY_BEGINS_S

    def held(self) -> Sequence[str]:
        """Return the names of all held events."""
        return self.store.list_names(WORK, "held/")

    def _spend_the_day(self) -> None:
        """Let somebody else have taken the only grant of today."""
        day = budget.day_of(self.clock.now_iso())
        (grant,) = budget.read_pool(self.ceiling, []).grants
        self.store.create(WORK, budget.folder(self.ceiling, day) + grant.name, b"", content_type="text/plain")

    def delete(self, event: ImageEvent) -> None:
        """Let somebody delete exactly this upload."""
        self.store.delete(UPLOADS, event.source.name, generation=event.source.generation)
        self.ledger.forgotten.add(event.source.generation)

    def upload(self, shade: int, *, name: str = NAME) -> ImageEvent:
        """Put a new generation of an image into the uploads bucket and return its event."""
        data = _BROKEN if self.scenario == "broken" else picture(shade)
        live = self.store.stat(UPLOADS, name)
        generation = self.store.replace(
            UPLOADS, name, data, generation=live.generation if live else 0, content_type="image/jpeg"
        )
        self.ledger.contents[generation] = data
        source = Source(UPLOADS, name, generation, len(data), "image/jpeg", jsontext.crc32c(data))
        event = _event(self.scenario, source)
        self.jobs.generations[batch_lines.line_id_of(plan.ask_key(event))] = generation
        return event

    def rewound(self, event: ImageEvent) -> World:
        """Return a calm world with this one's uploads and journal, but without any result; the leases are free."""
        world = World(Plan(self.scenario, "once"))
        world.clock.time_s = self.clock.time_s
        world.ledger.contents = dict(self.ledger.contents)
        kept = {where: stored for where, stored in self.store._objects.items() if where[0] != RESULTS}
        name = event.source.name
        source = dataclasses.replace(
            kept[UPLOADS, name],
            data=self.ledger.contents[event.source.generation],
            generation=event.source.generation,
        )
        lease = (WORK, naming.paths(event.source, run=event.run, task=event.task).lease)
        world.store._objects = {**kept, (UPLOADS, name): source}
        if lease in kept:
            world.store._objects[lease] = dataclasses.replace(kept[lease], metadata={"uplook-state": "released"})
        return world

    def _new_id(self) -> str:
        process = self.stage.turns.process
        process.attempt = f"attempt-{next(self._ids)}"
        return process.attempt

    def _is_away(self) -> bool:
        """Whether the model refuses this call, whatever it is."""
        self._refusals_left -= 1
        return self._refusals_left >= 0

    def _answer(self, request: ModelRequest) -> Mapping[str, Any]:
        answer = reply(_text(self.scenario, len(self.ledger.paid), request.prompt), served=request.model)
        return {**answer, "usageMetadata": _usage(request)} if self.scenario == "dear" else answer


@cache
def picture(shade: int) -> bytes:
    """Return a small real picture, another one for each shade."""
    sink = io.BytesIO()
    Image.new("RGB", (24, 18), (shade, 120, 40)).save(sink, "JPEG")
    return sink.getvalue()


def _text(scenario: str, number: int, prompt: str) -> str:
    """Return the text of the model's n-th answer."""
    left = 10 * (number % 40)
    box = {"label": f"thing {number}", "box_2d": [100, left, 900, left + 500]}
    match scenario:
        case (
            "caption"
            | "gs"
            | "held"
            | "away"
            | "dear"
            | "cheap"
            | "shared"
            | "forgotten"
            | "batch"
            | "halfdone"
            | "withdrawn"
        ):
            return json.dumps({"caption": f"Answer {number}."})
        case "segment":
            mask = [[left, 100], [left + 500, 100], [left + 500, 900], [left, 900]]
            return json.dumps({"boxes": [{**box, "mask": mask}, {**box, "label": "no outline", "mask": []}]})
        case "joint" | "parts":
            mask = [[left, 100], [left + 500, 100], [left + 500, 900], [left, 900]]
            boxes, caption = {"boxes": [{**box, "mask": mask}]}, {"caption": f"Answer {number}."}
            if scenario == "joint":
                return json.dumps({**caption, **boxes})
            return json.dumps(boxes if '"boxes"' in prompt else caption)
        case "file":
            return json.dumps({"boxes": [box]})
        case _:
            return f"I would rather write a poem, the {number}th by now."


def _usage(request: ModelRequest) -> Mapping[str, int]:
    """Return the tokens of the dearest answer: all that the request allows, and thoughts beyond."""
    thoughts = room_for_thoughts(level=request.thinking_level, budget=request.thinking_budget)
    prompt, output = request.text_bytes + 2 * _IMAGE_TOKENS, request.max_output_tokens + thoughts
    return {"promptTokenCount": prompt, "candidatesTokenCount": output, "totalTokenCount": prompt + output}


def _most_usd() -> float:
    """Return what a call of the scenarios about spending reserves."""
    task, settings = _task("dear")
    request = requests.request_for(ImageEvent(Source(UPLOADS, NAME, 1), task, settings, "v1"))
    return reserve_usd(request, images_px=[(24, 18)], day=dt.date(2026, 11, 21))


@cache
def _settings(scenario: str) -> Settings:
    return dataclasses.replace(
        SETTINGS,
        timeout_s=TIMEOUT_S,
        lease_ttl_s=LEASE_TTL_S,
        gemini_api_key=CANARY_KEY,
        max_calls_per_day={"held": 1, "dear": 3, "cheap": 4}.get(scenario),
        max_usd_per_day=1.5 * _most_usd() if scenario in UNDER_A_CEILING else None,
        inline_limit_bytes=2000 if scenario == "file" else SETTINGS.inline_limit_bytes,
        enterprise=scenario in {"gs", *HALF_DONE},
        batch=scenario in BATCHED,
        reuse_answers=scenario in SHARED,
        project="local-dev",
    )


def _event(scenario: str, source: Source) -> ImageEvent:
    """Return the event that an upload becomes."""
    if scenario not in SEVERAL_TASKS:
        lane = BATCH_LANE if scenario in BATCHED else None
        return ImageEvent(source, *_task(scenario), "v1", lane=lane)
    ((ask,), _) = _asks()
    return ask.event(source, run="v1")


@cache
def _asks() -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    tasks = ("caption", "detect", "segment")
    return plan.asks_of(tasks, Choices(together=(tasks,)))


@cache
def _task(scenario: str) -> tuple[str, Any]:
    task = _TASKS.get(scenario, "caption")
    return task, plan.resolve_settings(task, Choices())
