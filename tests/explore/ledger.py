"""What really happened outside: every write, payment and message, judged at the moment it happens."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.core.delivery import budget
from shared.core.gemini import prices
from shared.core.gemini.registry import profile
from shared.core.gemini.request import InlineImage, ReferencedImage
from tests.closed_schema import problem_of
from tests.rig import RESULTS, WORK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.adapters.memory import MemoryStore
    from shared.core.delivery.budget import Ceiling
    from shared.core.gemini.request import ModelRequest
    from shared.core.ports import Message
    from tests.explore.process import Process

CANARY_KEY: Final = "AIzaSyExploreExploreExploreExploreExplo"


@dataclass(slots=True)
class Ledger:
    """`writes` holds the results bucket's objects as first written, `told` every result event by its URI,
    `released` the generations of held events that were published again, `forgotten` those whose uploads are gone,
    `withdrawn` those of which everything was removed. What was paid is kept by spending day; `paid_for` says what each
    payment of `paid` was for.
    `lines_paid` counts the answers of batch jobs, by the generation that they are about."""

    store: MemoryStore
    contents: dict[int, bytes] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, list[Message]] = field(default_factory=dict)
    paid: list[Process] = field(default_factory=list)
    paid_for: list[frozenset[str]] = field(default_factory=list)
    lines_paid: Counter[int] = field(default_factory=Counter)
    begun_nano_usd: Counter[str] = field(default_factory=Counter)
    billed_nano_usd: Counter[str] = field(default_factory=Counter)
    uploads: dict[str, bytes] = field(default_factory=dict)
    released: set[int] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)
    withdrawn: set[int] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def wrote(self, name: str, data: bytes) -> None:
        """Note a write to the results bucket."""
        if name in self.writes and not self.is_forgotten(name):
            self.violations.append(f"one commit: {name} was written twice")
        self.writes[name] = data
        if name.endswith(".json"):
            self._about_its_own(name, data)
            self.violations += [f"no half results: {name}: {problem}" for problem in self.missing(json.loads(data))]
            self._documented(name, data)

    def _about_its_own(self, name: str, data: bytes) -> None:
        """Judge whether an answer that says which upload it is about is about this one."""
        about = re.search(rb"Answer \d+ about (\w+)", data)
        generation = json.loads(data)["source"]["generation"]
        if about is not None and about[1].decode() != generation:
            self.violations.append(f"right bytes: {name} has an answer about {about[1].decode()}")

    def changed(self) -> list[str]:
        """Return which results are not what was first written."""
        stored = {name: self.store.read(RESULTS, name, max_bytes=10**8) for name in self.store.list_names(RESULTS, "")}
        names = [name for name in self.writes.keys() | stored.keys() if self.writes.get(name) != stored.get(name)]
        kept = sorted(name for name in names if not self.is_forgotten(name))
        return [f"one commit: {name} is no longer what was written first" for name in kept]

    def is_forgotten(self, name: str) -> bool:
        """Whether an object belongs to an upload that is gone: what was written of it goes, and may come once more."""
        return any(f"/{generation}/" in name for generation in self.forgotten)

    def settled(self, name: str) -> None:
        """Note that a tick has written to a line: it holds no lease that would keep it off what was removed."""
        if any(f"/{generation}/" in name for generation in self.withdrawn):
            self.violations.append(f"forgotten: {name} was written again when all was removed")

    def missing(self, document: dict[str, Any]) -> list[str]:
        """Return what is wrong with the files that a document lists."""
        problems = []
        for file in document["files"]:
            there = self.store.stat(RESULTS, file["name"])
            if there is None or (there.size, there.crc32c) != (file["size"], file["crc32c"]):
                problems.append(f"{file['name']} is {'missing' if there is None else 'another'}")
        return problems

    def asked(self, process: Process, request: ModelRequest, *, at_s: float) -> None:
        """Note a paid model call, and whether it carried this generation's bytes."""
        self.paid.append(process)
        self.paid_for.append(_asked_for(request))
        if process.paid_s is None or process.journalled_s is not None:  # a further ask, of which nothing is kept yet
            process.paid_s, process.journalled_s = at_s, None
        for part in request.images:
            if isinstance(part, ReferencedImage) and part.uri.startswith("gs://"):
                # An address names no generation: what counts is that no answer about another one is kept.
                process.saw = self._live(part.uri)
            elif self._sent(part) != self.contents[process.event.source.generation]:
                self.violations.append(f"right bytes: delivery {process.number} sent those of another generation")

    def billed(self, answer: Mapping[str, Any], *, begun: str, ended: str) -> None:
        """Charge an answer, whoever hears of it: to the day in which its call was begun, and to that of its bill."""
        usage = answer["usageMetadata"]
        price = prices.price_on(profile(answer["modelVersion"]), dt.date.fromisoformat(ended[:10]))
        if price is not None:
            prompt, rest = usage["promptTokenCount"], usage["totalTokenCount"] - usage["promptTokenCount"]
            nano_usd = prompt * round(price.usd_in * 1000) + rest * round(price.usd_out * 1000)
            self.begun_nano_usd[budget.day_of(begun)] += nano_usd
            self.billed_nano_usd[budget.day_of(ended)] += nano_usd

    def overspent(self, ceiling: Ceiling) -> list[str]:
        """Return the days that cost more than their ceiling, counted either way."""
        both = [*self.begun_nano_usd.items(), *self.billed_nano_usd.items()]
        return [f"within the ceiling: {day} cost {spent}" for day, spent in both if spent > ceiling.whole.nano_usd]

    def journalled(self, process: Process) -> None:
        """Note a journalled reply, and whether it is about this generation."""
        if process.saw not in {None, process.event.source.generation}:
            self.violations.append(f"right bytes: delivery {process.number} kept an answer about another generation")

    def published(self, messages: Sequence[Message]) -> None:
        """Note result events, each of a document that can be read by now."""
        for message in messages:
            event = json.loads(message.data)
            self._documented("a result event", message.data)
            if event["status"] == "held":
                self._told_held(event)
                continue
            name = event["result"].removeprefix(f"gs://{RESULTS}/")
            committed = json.loads(self.writes.get(name, b"{}"))
            told = (event["id"], event["status"])
            if (committed.get("id"), committed.get("status")) != told and not self.is_forgotten(name):
                self.violations.append(
                    f"event after commit: {event['status']} of {name} was told before it was written"
                )
            self.told.setdefault(name, []).append(message)

    def _documented(self, name: str, data: bytes) -> None:
        problem = problem_of(data)
        self.violations += [f"documented: {name}: {problem}"] if problem else []

    def _told_held(self, event: dict[str, Any]) -> None:
        held = any(f"/{event['source']['generation']}/" in name for name in self.store.list_names(WORK, "held/"))
        waits = any(
            f"/{event['source']['generation']}/" in name for name in self.store.list_names(WORK, "batches/lines/")
        )
        if not held and not waits and int(event["source"]["generation"]) not in self.released | self.forgotten:
            self.violations.append("event after commit: an event was told to be held, and is not")

    def leaks(self) -> list[str]:
        """Return where a key or an image's bytes can be read."""
        told = [message.data.decode() for messages in self.told.values() for message in messages]
        documents = [data.decode() for name, data in self.writes.items() if name.endswith(".json")]
        text = "\n".join((*self.lines, *told, *documents))
        secrets = [CANARY_KEY, *(base64.b64encode(data).decode()[:80] for data in self.contents.values())]
        return [
            f"no secrets: {secret[:12]}… is in a log, an event or a document" for secret in secrets if secret in text
        ]

    def _live(self, uri: str) -> int | None:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        there = self.store.stat(bucket, name)
        return there.generation if there else None

    def _sent(self, part: object) -> bytes | None:
        if isinstance(part, InlineImage):
            return part.data
        return self.uploads.get(part.uri.removeprefix("memory://")) if isinstance(part, ReferencedImage) else None


def _asked_for(request: ModelRequest) -> frozenset[str]:
    """Return what a request asks for, by the members of its answer; boxes with masks are other ones than without."""
    properties = (request.schema or {}).get("properties", {})
    masks = "mask" in str(properties.get("boxes"))
    return frozenset(f"{name} with masks" if name == "boxes" and masks else name for name in properties)


class LogLines(logging.Handler):
    """Keeps log lines, with their fields, in the current run's ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: Ledger | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.ledger is not None:
            self.ledger.lines.append(f"{record.levelname} {record.getMessage()} {getattr(record, 'fields', '')}")
