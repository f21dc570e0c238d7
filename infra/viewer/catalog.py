"""What the viewer knows of every image, in memory: one record for each generation and run."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from infra.viewer import cards
from infra.viewer.names import Address
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

State = Literal["failed", "held", "waiting", "unplanned", "done"]
STATES: Final[tuple[State, ...]] = ("failed", "held", "waiting", "unplanned", "done")
"""Where an image stands, the most urgent first: it is in the first state that one of its tasks is in."""

FAILED: Final = frozenset({"failed", "blocked", "unsupported", "skipped"})
MAX_LABELS: Final = 60
_LOCAL: Final = ("local-vision", "recorded-reply")
_ORDER: Final = {task: place for place, task in enumerate(TASKS)}


@dataclass(slots=True, eq=False)
class Record:
    """One image generation in one run. A task without a card waits for its worker; `left_out` says why there is none.

    `stored`: the upload is there. A run of None: nothing was planned yet.
    """

    source: Address
    run: str | None
    stored: bool = False
    left_out: str | None = None
    tasks: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What it is called in the viewer's API."""
        return f"{self.source.generation}/{self.run or '-'}/{self.source.bucket}/{self.source.name}"

    @property
    def state(self) -> State:
        """Where it stands."""
        if not self.tasks:
            return "unplanned"
        statuses = {None if card is None else str(card["status"]) for card in self.tasks.values()}
        if statuses & FAILED:
            return "failed"
        return "held" if "held" in statuses else "waiting" if None in statuses else "done"

    @property
    def labels(self) -> set[str]:
        """What was found on it: the labels of its items and classes."""
        found = [card for card in self.tasks.values() if card]
        return {str(each["label"]) for card in found for each in (*card["items"], *card["classes"])}

    def document(self) -> dict[str, Any]:
        """Return it as the page gets it."""
        ranked = sorted(self.tasks, key=lambda task: (_ORDER.get(task, len(_ORDER)), task))
        return cards.image_fields(self.source) | {
            "key": self.key,
            "run": self.run,
            "state": self.state,
            "stored": self.stored,
            "left_out": self.left_out,
            "tasks": [self.tasks[task] or {"task": task, "status": "waiting"} for task in ranked],
        }


@dataclass(frozen=True, slots=True)
class Query:
    """Which images are wanted: all that are empty want nothing. `text` is a part of the name, in any case."""

    text: str = ""
    state: str = ""
    task: str = ""
    label: str = ""

    def takes(self, record: Record) -> bool:
        """Whether a record is wanted."""
        return (
            self.text.casefold() in record.source.name.casefold()
            and self.state in {"", record.state}
            and (not self.task or self.task in record.tasks)
            and (not self.label or self.label in record.labels)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the images that fit a query, newest first: `records[0]` is the one at `offset` of `matched`.

    `around` is the key of the one that was asked for, as it is by now, and `at` its place among them, if it fits.
    """

    records: tuple[Record, ...]
    offset: int
    matched: int
    around: str = ""
    at: int | None = None


class Catalog:
    """All records. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._of_place: dict[Address, list[Record]] = {}
        self._ordered: list[Record] | None = None
        self._lock = threading.RLock()
        self.older = 0
        """Images that are left out, because so many are newer."""

    def uploaded(self, source: Address) -> None:
        """An upload is there."""
        with self._lock:
            self._record(source, None)
            for record in self._of_place[source]:
                record.stored = True

    def planned(self, source: Address, run: str, tasks: Iterable[str]) -> None:
        """Tasks wait for a worker; results that are there already stay."""
        with self._lock:
            record = self._record(source, run)
            record.left_out = None
            for task in tasks:
                record.tasks.setdefault(task, None)

    def left_out(self, source: Address, reason: str) -> None:
        """Ingest planned no task for an upload."""
        with self._lock:
            for record in self._of_place.get(source, ()):
                if not record.tasks:
                    record.left_out = reason

    def took(self, card: Mapping[str, Any]) -> None:
        """A result, a failure or the news that a task is held."""
        source = Address(card["bucket"], card["name"], int(card["generation"]))
        with self._lock:
            record = self._record(source, card["run"])
            known = record.tasks.get(card["task"])
            if known is None or cards.replaces(card, known):
                record.tasks[card["task"]] = {
                    key: value for key, value in card.items() if key not in cards.IMAGE_FIELDS
                }

    def lost(self, source: Address) -> None:
        """The upload is there no longer; what was made of it may be."""
        with self._lock:
            for record in list(self._of_place.get(source, ())):
                record.stored = False
                self._drop_if_empty(record)

    def forgot(self, source: Address, run: str, task: str) -> None:
        """The documents of a task are there no longer."""
        with self._lock:
            record = self._records.get(Record(source, run).key)
            if record is not None and record.tasks.pop(task, None) is not None:
                self._drop_if_empty(record)

    def uploads(self) -> set[Address]:
        """Return the uploads that are there, as far as is known."""
        with self._lock:
            return {place for place, records in self._of_place.items() if any(each.stored for each in records)}

    def page(self, query: Query, *, offset: int, limit: int, around: str = "") -> Page:
        """Return `limit` records of those that fit; with the key of one in `around`, those about it."""
        with self._lock:
            found = [record for record in self._newest_first() if query.takes(record)]
        known = self.find(around) if around else None
        at = found.index(known) if known in found else None
        if around and at is None:
            return Page((known,) if known else (), 0, len(found), known.key if known else "")
        first = max(0, offset if at is None else at - limit // 2)
        return Page(tuple(found[first : first + limit]), first, len(found), known.key if known else "", at)

    def find(self, key: str) -> Record | None:
        """Return the record of a key; what had no run when it was asked for may have one by now."""
        with self._lock:
            if key in self._records:
                return self._records[key]
            generation, _, rest = key.partition("/")
            run, _, place = rest.partition("/")
            bucket, _, name = place.partition("/")
            if run != "-" or not generation.isdigit():
                return None
            return next(iter(self._of_place.get(Address(bucket, name, int(generation)), ())), None)

    def runs(self, source: Address) -> list[str | None]:
        """Return the runs of an image generation."""
        with self._lock:
            return [record.run for record in self._of_place.get(source, ())]

    def keys(self, source: Address) -> list[str]:
        """Return the keys of the records of an image generation."""
        with self._lock:
            return [record.key for record in self._of_place.get(source, ())]

    def overview(self) -> dict[str, Any]:
        """Return counts by state, task and label, and what all answers took and cost."""
        with self._lock:
            records = list(self._records.values())
        labels = Counter(label for each in records for label in each.labels)
        return {
            "images": len(records),
            "older": self.older,
            "states": {state: sum(each.state == state for each in records) for state in STATES},
            "tasks": _counts(Counter(task for each in records for task in each.tasks)),
            "labels": dict(sorted(labels.items(), key=lambda each: (-each[1], each[0]))[:MAX_LABELS]),
            "use": use_of(card for each in records for card in each.tasks.values() if card),
        }

    def _record(self, source: Address, run: str | None) -> Record:
        """Return the record of a run, new if need be. An upload knows no run yet: the first one is its own."""
        there = self._of_place.setdefault(source, [])
        for record in there:
            if run is None or record.run == run:
                return record
        stored = any(each.stored for each in there)
        unplanned = next((record for record in there if record.run is None), None)
        if unplanned is not None:
            del self._records[unplanned.key]
            unplanned.run = run
            record = unplanned
        else:
            record = Record(source, run, stored=stored)
            there.append(record)
        self._records[record.key] = record
        self._ordered = None
        return record

    def _drop_if_empty(self, record: Record) -> None:
        if record.stored or record.tasks:
            return
        self._records.pop(record.key, None)
        self._of_place[record.source].remove(record)
        if not self._of_place[record.source]:
            del self._of_place[record.source]
        self._ordered = None

    def _newest_first(self) -> list[Record]:
        if self._ordered is None:
            self._ordered = sorted(
                self._records.values(),
                key=lambda each: (-(each.source.generation or 0), each.source.name, each.run or ""),
            )
        return self._ordered


def use_of(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return calls, tokens and dollars of these results; what this machine answered cost nothing, and is told apart.

    A call that several tasks share counts once: at the task whose document bears its cost.
    """
    calls = local_calls = tokens = unpriced = 0
    usd = local_usd = 0.0
    for result in results:
        usage = result.get("usage")
        if not usage or usage.get("counted_in"):
            continue
        tokens += usage.get("total_tokens") or 0
        cost = usage.get("cost_usd")
        if is_local(result["model"]["served"]):
            local_calls += 1
            local_usd += cost or 0.0
        else:
            calls += 1
            usd += cost or 0.0
            unpriced += cost is None
    return {
        "calls": calls,
        "local_calls": local_calls,
        "tokens": tokens,
        "usd": round(usd, 8),
        "local_usd": round(local_usd, 8),
        "unpriced": unpriced,
    }


def is_local(served: str | None) -> bool:
    """Whether an answer came from the local emulator, seen or recorded, and so cost nothing.

    >>> is_local("local-vision"), is_local("gemini-3.8-flash"), is_local(None)
    (True, False, False)
    """
    return served is not None and served.startswith(_LOCAL)


def _counts(counter: Collection[str] | Counter[str]) -> dict[str, int]:
    counted = Counter(counter)
    return {task: counted[task] for task in sorted(counted, key=lambda task: (_ORDER.get(task, len(_ORDER)), task))}
