"""One random schedule of a deployment's instances: births and deaths at any point, bursts, answers as dear as can be.

The guard under test is the real one, over the memory store: the deployment's ceiling, and budgets of some tenants'
prefixes inside it, of which one lies within another. Everything else is drawn from a seed: who acts, also in
between the requests of another to the store; which writes fail, before or behind their effect; when the clock passes
the day's end; what becomes of a call, and when. What is paid is counted apart, from tokens and the price list of the
moment of the bill, in whole nano-dollars.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.memory import ManualClock, MemoryPublisher, MemoryStore
from shared.core.delivery import budget
from shared.core.delivery.budget import Ceiling, Scope
from shared.core.errors import ParkError, TransientError
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini import prices
from shared.core.gemini.registry import profile
from shared.core.gemini.tokens import image_tokens, room_for_thoughts
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import resolve_settings
from shared.core.replies.answer import read_answer
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.ports import Ports
from tests.rig import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.gemini.request import ModelRequest
    from shared.pipeline.instance.budgets import NestedReservation

TIMEOUT_S: Final = 300.0
STEPS: Final = 60
_MIDNIGHT = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)  # where the manual clock begins
_DAY_ENDS = dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)
_PRICE_DOUBLES = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)  # that of the dearest model
_UNKNOWN = "gemini-99-unheard-of"
_RETIRED = "gemini-2.5-flash-lite"
_DEAREST = "gemini-4-carbon"
_ANSWERING: Final = {_UNKNOWN: _DEAREST, _RETIRED: "gemini-3.5-flash-lite"}
"""Whose price is billed: what a model of unknown price costs here, and what answers in place of a retired one."""
_TASKS: Final = (
    ("caption", None),
    ("detect", None),
    ("segment", None),
    ("segment", _DEAREST),
    ("caption", _UNKNOWN),
    ("classify", _RETIRED),
)


_SCOPES: Final = (Scope(None, "a/"), Scope("uploads", "a/trial/"), Scope("uploads", "b/"))
_UPLOADS: Final = tuple(Source("uploads", name, 1) for name in ("a/1.jpg", "a/trial/1.jpg", "b/1.jpg", "c/1.jpg"))


class Killed(BaseException):
    """The instance was killed at a request to the store: no handler runs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of call, and the (width, height) of its images."""

    request: ModelRequest
    images_px: tuple[tuple[int, int], ...]


@dataclass(eq=False, slots=True)
class Instance:
    """One process: its guard, and what it is at work on."""

    guard: Budgets
    calls: list[Call] = field(default_factory=list)
    inside: bool = False


@dataclass(eq=False, slots=True)
class Call:
    """A call under way; nobody waits for it beyond `ends_s`. `instance` is None once that has died."""

    kind: Kind
    source: Source
    instance: Instance | None
    reserved: NestedReservation
    begun_day: str
    ends_s: float


@dataclass(slots=True)
class Paid:
    """What was paid, in nano-dollars, and for how many calls, by the day of a call's begin and by that of its bill."""

    by_begin: Counter[str] = field(default_factory=Counter)
    by_bill: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    billed: Counter[str] = field(default_factory=Counter)


class Schedule:
    """A deployment that plays the schedule of a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.ceiling = Ceiling(
            calls=self.dice.choice((None, None, 5, 40)),
            usd=self.dice.choice((None, 0.02, 0.15, 0.4, 1.0, 3.0)) if seed % 10 else 0.15,
        )
        self._tenants = random.Random(f"{seed}, tenants")  # dice of their own: budgets change nothing else
        self._uploads = self._tenants.sample(_UPLOADS, self._tenants.randint(1, len(_UPLOADS)))
        self.budgets = tuple(
            Ceiling(self._tenants.choice((None, None, 3, 20)), self._tenants.choice((0.02, 0.15, 0.4)), scope)
            for scope in _SCOPES
            if seed % 3 == 2 and self._tenants.random() < 0.6
        )
        self._kinds = self.dice.sample(_kinds(), self.dice.randint(1, 4))
        self.paid = Paid()
        self.paid_of = {each: Paid() for each in self.budgets}
        self.parked = 0
        self.clock = ManualClock()
        turn = self.dice.choice((_DAY_ENDS, _DAY_ENDS, _PRICE_DOUBLES))
        self.clock.time_s = (turn - _MIDNIGHT).total_seconds() - self.dice.uniform(0, 2 * TIMEOUT_S)
        self.instances: list[Instance] = []
        self._running: list[Call] = []
        self._ids = iter(range(10**9))
        store: Any = _Store(self, MemoryStore(self.clock))  # as much of the port as the guard uses
        self.ports = Ports(
            settings=SETTINGS,
            store=store,
            publisher=MemoryPublisher(),
            clock=_Clock(self),
            new_id=lambda: "unused",
            jitter=self.dice.random,
        )

    def play(self) -> Schedule:
        """Do everything, and let all calls end."""
        self._birth()
        for _ in range(STEPS):
            self.act()
        while self._running:
            self._end(self._running[0])
        return self

    def act(self) -> None:
        """Do one thing, whatever the dice say."""
        match self.dice.choices(
            ("begin", "end", "birth", "death", "burst", "restart", "tick"), (9, 7, 2, 2, 1, 0.5, 3)
        )[0]:
            case "begin":
                self._begin()
            case "end":
                self._end_one()
            case "birth":
                self._birth()
            case "death":
                self._death()
            case "burst":
                for _ in range(self.dice.randint(2, 6)):
                    self._birth()
                    self._begin(self.instances[-1])
            case "restart":
                for instance in self._free():
                    self._death(instance)
                self._birth()
            case _:
                self.advance(self.dice.choice((1.0, 30.0, 30.0, 120.0, TIMEOUT_S, 86_400.0)))

    def advance(self, seconds: float) -> None:
        """Let time pass; calls that nobody waits for any longer end when that is so."""
        until_s = self.clock.time_s + seconds
        while due := [call for call in self._running if call.ends_s <= until_s]:
            call = min(due, key=lambda each: each.ends_s)
            if call.instance is not None and call.instance.inside:
                return  # not now: it is in the middle of a request to the store
            self.clock.time_s = max(self.clock.time_s, call.ends_s)
            self._end(call, lost=True)
        self.clock.time_s = until_s

    def between(self, instance: Instance | None) -> None:
        """Let others act in between two requests of an instance to the store."""
        if self.dice.random() < 0.3 and not any(each.inside for each in self.instances if each is not instance):
            self.act()

    @property
    def nested(self) -> bool:
        """Whether somebody is in the middle of a request to the store."""
        return any(each.inside for each in self.instances)

    def _free(self) -> list[Instance]:
        return [each for each in self.instances if not each.inside]

    def _birth(self) -> None:
        self.instances.append(Instance(Budgets(self.ceiling, self.budgets)))

    def _death(self, instance: Instance | None = None) -> None:
        free = self._free()
        if not free:
            return
        dead = instance or self.dice.choice(free)
        if dead not in self.instances:
            return  # another of its threads has met its end already
        self.instances.remove(dead)
        for call in dead.calls:
            call.instance = None  # the service goes on, and bills

    def _begin(self, instance: Instance | None = None) -> None:
        free = self._free()
        if not free:
            return
        who, kind = instance or self.dice.choice(free), self.dice.choice(self._kinds)
        source = self._tenants.choice(self._uploads)
        guard = who.guard.of(source)
        usd = prices.reserve_usd(kind.request, images_px=kind.images_px, day=self._date())
        timeout_s = self.dice.uniform(20, TIMEOUT_S)
        ends_s = self.clock.time_s + timeout_s
        try:
            reserved = guard.reserve(usd, _entered(self.ports, who), timeout_s=timeout_s)
        except (ParkError, TransientError):
            self.parked += 1
            return
        except Killed:
            who.inside = False
            self._death(who)
            return
        if who not in self.instances:
            return  # it was killed while it waited: what it reserved is lost
        if self.clock.time_s >= ends_s:  # it waited too long: the call is not made
            guard.refund(reserved)
            return
        call = Call(kind, source, who, reserved, budget.day_of(self.clock.now_iso()), ends_s)
        who.calls.append(call)
        self._running.append(call)

    def _end_one(self) -> None:
        able = [call for call in self._running if call.instance is None or not call.instance.inside]
        if able:
            self._end(self.dice.choice(able))

    def _end(self, call: Call, *, lost: bool = False) -> None:
        self._running.remove(call)
        if call.instance is not None:
            call.instance.calls.remove(call)
        if not lost and call.instance is not None and self.dice.random() < 0.15:
            call.instance.guard.of(call.source).refund(call.reserved)
            return
        usage = self._bill(call)
        if call.instance is None:
            return
        if lost or self.dice.random() < 0.15:
            call.instance.guard.of(call.source).settle(call.reserved, None, self.ports)
        else:
            model = call.kind.request.model
            answer = read_answer({"modelVersion": _priced(model), "usageMetadata": usage})
            spent_usd = prices.spent_usd(model, served=answer.served_model, usage=answer.usage, day=self._date())
            call.instance.guard.of(call.source).settle(call.reserved, spent_usd, self.ports)
        if self.dice.random() < 0.7:
            self._put_back(call.instance, call.source)

    def _put_back(self, instance: Instance, source: Source) -> None:
        try:
            instance.guard.of(source).put_back(f"id-{next(self._ids)}", _entered(self.ports, instance))
        except Killed:
            instance.inside = False
            self._death(instance)

    def _bill(self, call: Call) -> Mapping[str, int]:
        """Charge a call: as much as it can cost, more often than not; return what the answer says of it."""
        request, images_px = call.kind.request, call.kind.images_px
        model = profile(request.model)
        thoughts = room_for_thoughts(level=request.thinking_level, budget=request.thinking_budget)
        share = self.dice.choice((1.0, 1.0, self.dice.random() / 20))
        pixels = sum(image_tokens(model, size_px, None) for size_px in images_px)
        prompt = request.text_bytes + (2 * pixels if share == 1 else pixels)
        output = int((request.max_output_tokens + thoughts) * share)
        price = prices.price_on(profile(_priced(request.model)), self._date())
        assert price is not None
        # Thousandths of a cent per token are whole nano-dollars in every price list so far.
        nano_usd = prompt * round(price.usd_in * 1000) + output * round(price.usd_out * 1000)
        today = budget.day_of(self.clock.now_iso())
        concerned = (each for each in self.budgets if each.scope and each.scope.covers("uploads", call.source.name))
        for paid in (self.paid, *(self.paid_of[each] for each in concerned)):
            paid.by_begin[call.begun_day] += nano_usd
            paid.by_bill[today] += nano_usd
            paid.begun[call.begun_day] += 1
            paid.billed[today] += 1
        return {"promptTokenCount": prompt, "candidatesTokenCount": output, "totalTokenCount": prompt + output}

    def _date(self) -> dt.date:
        return dt.date.fromisoformat(self.clock.now_iso()[:10])

    def broken(self) -> Sequence[str]:
        """Return every day whose ceiling, or a budget in it, was exceeded, counted either way."""
        limits = ((self.ceiling, self.paid), *self.paid_of.items())
        return [text for ceiling, paid in limits for text in _beyond(ceiling, paid)]


def _beyond(ceiling: Ceiling, paid: Paid) -> Sequence[str]:
    most, name = ceiling.whole, ceiling.name
    dollars = [*paid.by_begin.items(), *paid.by_bill.items()]
    calls = [*paid.begun.items(), *paid.billed.items()]
    return [
        *(
            f"{name}, {day}: {nano_usd / budget.NANO:.4f} dollars of {ceiling.usd}"
            for day, nano_usd in dollars
            if nano_usd > most.nano_usd
        ),
        *(f"{name}, {day}: {count} calls of {ceiling.calls}" for day, count in calls if count > most.calls),
    ]


class _Clock:
    """The instances' clock: who sleeps lets others act, unless it sleeps in the middle of another's request."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def monotonic_s(self) -> float:
        return self._schedule.clock.monotonic_s()

    def now_iso(self) -> str:
        return self._schedule.clock.now_iso()

    def sleep(self, seconds: float) -> None:
        if self._schedule.nested:
            raise TransientError("no time to sleep")
        if self._schedule.dice.random() < 0.5:
            self._schedule._end_one()
        self._schedule.advance(seconds * self._schedule.dice.choice((1, 10, 100)))  # others have the machine


class _Store:
    """The memory store, at whose every request others act, writes fail and instances die."""

    def __init__(self, schedule: Schedule, store: MemoryStore, instance: Instance | None = None) -> None:
        self._schedule, self._store, self._instance = schedule, store, instance

    def entered(self, instance: Instance) -> _Store:
        return _Store(self._schedule, self._store, instance)

    def list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        self._fail()
        names = self._store.list_names(bucket, prefix)
        self._others()
        return names

    def create(self, bucket: str, name: str, data: bytes, *, content_type: str, metadata: Any = None) -> int:
        self._fail()
        self._others()
        generation = self._store.create(bucket, name, data, content_type=content_type, metadata=metadata)
        self._fail()
        return generation

    def _fail(self) -> None:
        chance = self._schedule.dice.random()
        if chance < 0.02:
            raise TransientError("503")
        if chance < 0.03:
            raise Killed

    def _others(self) -> None:
        if self._instance is not None and not self._schedule.nested:
            self._instance.inside = True
            try:
                self._schedule.between(self._instance)
            finally:
                self._instance.inside = False


def _entered(ports: Ports, instance: Instance) -> Ports:
    store: Any = ports.store
    return replace(ports, store=store.entered(instance))


def _priced(model: str) -> str:
    return _ANSWERING.get(model, model)


@cache
def _kinds() -> tuple[Kind, ...]:
    kinds = []
    for task, model in _TASKS:
        settings = resolve_settings(task, Choices(for_all=TaskChoices(model=model)))
        event = ImageEvent(Source("uploads", "a.jpg", 1), task, settings, "v1")
        kinds += [Kind(request_for(event), ((4000, 3000),) * count) for count in (1, 3)]
    return tuple(kinds)
