"""Many uploads of few contents, in a drawn order, several at a time, until each has its results; then none is left."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from shared.adapters.memory import ManualClock
from shared.core import jsontext
from shared.core.errors import TransientError
from shared.core.events.envelopes import Upload
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.values import Source
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, Rig, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.core.gemini.request import ModelRequest

TASKS: Final = ("caption", "detect", "segment")
_THREADS: Final = 8
_THINKING_S: Final = 0.02
_MOST_DELIVERIES: Final = 50


@dataclass(frozen=True, slots=True)
class Crowd:
    """`contents` different pictures, each under `names` names; `seed` draws the order in which they come."""

    contents: int = 100
    names: int = 10
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a crowd. `paid` and `reused` count documents that bear the cost of a call, or have its answer.

    `left` are the objects that are there when all uploads are forgotten.
    """

    asks: int
    calls: int
    documents: int
    paid: int
    reused: int
    again: int
    tokens_billed: int
    tokens_told: int
    usd: float
    saved_usd: float
    left: tuple[str, ...]


class _Clock(ManualClock):
    """A real one: a lease must not expire because others wait."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = 1000.0
        self._begun_s = time.monotonic()

    def monotonic_s(self) -> float:
        return 1000.0 + time.monotonic() - self._begun_s

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 10)


def play(crowd: Crowd) -> Outcome:
    """Upload all, do all, sum up, and forget all."""
    rig = Rig(_answer, settings=dataclasses.replace(SETTINGS, reuse_answers=True), clock=_Clock())
    sources = [_upload(rig, content, name) for content in range(crowd.contents) for name in range(crowd.names)]
    rules = Rules(Choices(tasks=TASKS))
    events = [event for source in sources for event in plan.plan(Upload(source), rules, run="v1").events]
    random.Random(crowd.seed).shuffle(events)
    again = _all(events, lambda event: analyze(event, rig.ports))
    documents = [_document(rig, name) for name in rig.store.list_names(RESULTS, "") if name.endswith(".json")]
    for source in sources:
        rig.store.delete(UPLOADS, source.name)
    _all(sources, lambda source: forget(Upload(source), rig.ports))
    usages = [document["usage"] for document in documents]
    return Outcome(
        asks=len(events) // max(len(sources), 1),
        calls=len(rig.model.requests),
        documents=len(documents),
        paid=sum(usage["total_tokens"] > 0 for usage in usages),
        reused=sum("reused_from" in document["model"] for document in documents),
        again=again,
        tokens_billed=1280 * len(rig.model.requests),
        tokens_told=sum(usage["total_tokens"] for usage in usages),
        usd=sum(usage["cost_usd"] for usage in usages),
        saved_usd=sum(usage.get("saved_usd", 0.0) for usage in usages),
        left=(*rig.store.list_names(RESULTS, ""), *rig.store.list_names(WORK, "")),
    )


def problems(crowd: Crowd, found: Outcome) -> list[str]:
    """Return what is wrong with an outcome, in words."""
    uploads = crowd.contents * crowd.names
    expected = {
        "calls": crowd.contents * found.asks,
        "paid": crowd.contents * found.asks,
        "documents": uploads * len(TASKS),
        "reused": (uploads - crowd.contents) * len(TASKS),
        "tokens_told": found.tokens_billed,
        "left": (),
    }
    told = dataclasses.asdict(found)
    return [
        f"{name}: expected {wanted}, found {told[name]}" for name, wanted in expected.items() if told[name] != wanted
    ]


def _all(things: Sequence[Any], do: Callable[[Any], None]) -> int:
    """Do something with each, several at a time, and again where it is to come again; return how often it was."""
    counts: Counter[str] = Counter()

    def deliver(thing: Any) -> None:
        for _ in range(_MOST_DELIVERIES):
            try:
                do(thing)
            except TransientError:
                counts["again"] += 1
                time.sleep(_THINKING_S)
            else:
                return
        raise AssertionError(f"not done after {_MOST_DELIVERIES} deliveries: {thing}")

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(deliver, things))
    return counts["again"]


def _upload(rig: Rig, content: int, name: int) -> Source:
    sink = io.BytesIO()
    Image.new("RGB", (32, 24), (content % 256, 90, content // 256)).save(sink, "PNG")
    data, at = sink.getvalue(), f"folder-{name}/content-{content}.png"
    generation = rig.store.create(UPLOADS, at, data, content_type="image/png")
    return Source(UPLOADS, at, generation, len(data), "image/png", jsontext.crc32c(data))


def _answer(request: ModelRequest) -> Mapping[str, Any]:
    time.sleep(_THINKING_S)
    box = {"label": "square", "box_2d": [250, 250, 750, 750], "mask": [[250, 250], [750, 250], [750, 750], [250, 750]]}
    return reply(json.dumps({"boxes": [box]} if "masks" in request.prompt else {"caption": "A coloured square."}))


def _document(rig: Rig, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(rig.store.read(RESULTS, name, max_bytes=10**7))
    return document
