"""What work will cost: from results of the same task and model where there are any, else by rules of thumb.

Nothing is read of an image before it is sent, so its size in pixels is unknown, and so is how much the model will say.
Results that are there already know both: the mean of a sample of them is the likely number, its cheapest and its
dearest tenth are low and high. Where there is no sample, the prompt is counted as it will be sent, with a picture of
4000 x 3000 pixels. The answer is taken for an eighth of what the task's words may take, and for a fifth of the items at
a third of their longest: a recorded answer with five boxes took 198 tokens (tests/replies/det_fish_gemini20exp), and
25 boxes of 128 tokens are allowed. Thoughts are guessed by level. Low is an eighth of that, high the most that can be
billed (`most_tokens`). Each event is taken for one call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.core.gemini.prices import BATCH_FACTOR, billed, dearest_on, price_on
from shared.core.gemini.registry import profile
from shared.core.gemini.tokens import Tokens, estimate_tokens, most_tokens, room_for_thoughts
from shared.core.planning.model_checks import model_to_ask
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common import joint
from shared.core.tasks.common.requests import request_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.delivery.budget import Ceiling
    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.registry import ModelProfile, Price
    from shared.core.gemini.service import Service
    from shared.core.values import TaskSettings

LEAST_SAMPLE, SAMPLE = 5, 200
"""Results that a mean needs, and how many of a task and model are kept of those that were read."""

_A_PICTURE_PX = (4000, 3000)
_LOW_PART_OF_OUTPUT = 8
_PART_OF_WORDS, _PART_OF_ITEMS, _PART_OF_AN_ITEM = 8, 5, 3
_THOUGHTS: Mapping[str, int] = {"minimal": 0, "low": 128, "medium": 512, "high": 2048, "xhigh": 4096}
"""Tokens by level that a look at a picture may take; nobody has measured it. A model that cannot say has none."""

_REMEMBERED = 1000
_MILLION = 1_000_000
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Range:
    """Three numbers for what is not known: rarely less, probably, rarely more."""

    low: float = 0.0
    likely: float = 0.0
    high: float = 0.0

    def plus(self, other: Range) -> Range:
        """Return the sum of both."""
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, count: float) -> Range:
        """Return so many times this."""
        return Range(self.low * count, self.likely * count, self.high * count)


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """The tokens of one call, and US dollars at list price, None where the model's price is unknown."""

    prompt: Range = field(default_factory=Range)
    output: Range = field(default_factory=Range)
    usd: Range | None = field(default_factory=Range)

    def plus(self, other: CallEstimate) -> CallEstimate:
        """Return the sum of both; unknown is unknown."""
        usd = None if self.usd is None or other.usd is None else self.usd.plus(other.usd)
        return CallEstimate(self.prompt.plus(other.prompt), self.output.plus(other.output), usd)

    def times(self, count: float) -> CallEstimate:
        """Return so many calls."""
        usd = None if self.usd is None else self.usd.times(count)
        return CallEstimate(self.prompt.times(count), self.output.times(count), usd)


@dataclass(frozen=True, slots=True)
class Row:
    """The work of one task by one model. `sampled` is how many results the estimate was learned from; 0: none."""

    task: str
    model: str
    events: int
    cost: CallEstimate
    sampled: int


@dataclass(slots=True)
class Samples:
    """What results have taken, by task and the model that was asked: the tokens of each, and the model billed."""

    taken: defaultdict[tuple[str, str], list[tuple[Tokens, str]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, document: Mapping[str, Any]) -> None:
        """Take what a result document tells. What no model answered has taken nothing; what is no document, neither."""
        model, usage = document.get("model"), document.get("usage") or {}
        if not isinstance(model, dict) or not isinstance(usage, dict) or "counted_in" in usage:
            return  # an answer that came with another task's tells nothing of what it would have cost
        prompt, *said = (_tokens(usage, side) for side in ("prompt_tokens", "output_tokens", "thought_tokens"))
        requested, served = str(model.get("requested")), model.get("served")
        known = self.taken[str(document.get("task")), requested]
        if len(known) == SAMPLE:
            del known[0]
        known.append((Tokens(prompt, sum(said)), billed(requested, str(served) if served else None).id))

    def count(self, task: str, model: str) -> int:
        """Return how many results of a task and model are known."""
        return len(self.taken.get((task, model), ()))

    def suffice(self, task: str, model: str) -> bool:
        """Whether there are enough for a mean."""
        return self.count(task, model) >= LEAST_SAMPLE

    def estimate(self, task: str, model: str, service: Service) -> CallEstimate | None:
        """Return what one more will take, None where too little is known."""
        if not self.suffice(task, model):
            return None
        taken = self.taken[task, model]
        prices = [price_on(profile(by), service.today) for _, by in taken]
        usd = [_usd(price, tokens) for price, (tokens, _) in zip(prices, taken, strict=True) if price is not None]
        return CallEstimate(
            _spread([tokens.prompt for tokens, _ in taken]),
            _spread([tokens.output for tokens, _ in taken]),
            _spread(usd) if len(usd) == len(taken) else None,
        )


@dataclass(slots=True)
class _Alike:
    """Events of the same tasks, model and settings, and what one of them takes by rule of thumb."""

    task: str
    settings: TaskSettings
    tasks: tuple[str, ...]
    model: str
    cost: CallEstimate
    count: int = 0


class Estimate:
    """What a number of image events will take; add them one by one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._alike: dict[tuple[tuple[str, ...], TaskSettings], _Alike] = {}
        self._last: dict[str, _Alike] = {}
        self._before: dict[tuple[str, str], tuple[int, CallEstimate]] = {}

    def add(self, event: ImageEvent) -> None:
        """Add an event."""
        known = self._last.get(event.task)
        tasks = event.tasks
        if known is not None and known.settings is event.settings and known.tasks == tasks:  # as nearly always
            known.count += 1
            return
        like = tasks, event.settings
        known = self._alike.get(like)
        if known is None:
            if len(self._alike) == _REMEMBERED:  # settings of their own for every upload must not fill the memory
                self._before, self._alike, self._last = self._by_model(), {}, {}
            model, cost = _by_rule_of_thumb(event, self._service)
            known = self._alike[like] = _Alike(event.task, event.settings, tasks, model, cost)
        known.count += 1
        self._last[event.task] = known

    @property
    def asked(self) -> Sequence[tuple[str, str]]:
        """The tasks and models of all events."""
        return list(self._by_model())

    @property
    def events(self) -> int:
        """How many were added."""
        return sum(count for count, _ in self._by_model().values())

    def rows(self, samples: Samples) -> list[Row]:
        """Return what was added, by task and model, learned from samples where they suffice."""
        found = []
        for (task, model), (count, by_thumb) in sorted(self._by_model().items()):
            learned = samples.estimate(task, model, self._service)
            cost, sampled = (by_thumb, 0) if learned is None else (learned.times(count), samples.count(task, model))
            found.append(Row(task, model, count, cost, sampled))
        return found

    def _by_model(self) -> dict[tuple[str, str], tuple[int, CallEstimate]]:
        found = dict(self._before)
        for each in self._alike.values():
            count, cost = found.get((each.task, each.model), (0, CallEstimate()))
            found[each.task, each.model] = count + each.count, cost.plus(each.cost.times(each.count))
        return found


def at_batch_price(row: Row) -> Row:
    """Return what a row costs by batch jobs."""
    usd = row.cost.usd
    return replace(row, cost=replace(row.cost, usd=None if usd is None else usd.times(BATCH_FACTOR)))


def total(rows: Sequence[Row]) -> CallEstimate:
    """Return the sum of all rows; those of unknown price are left out of its dollars."""
    cost = CallEstimate()
    for row in rows:
        priced = row.cost if row.cost.usd is not None else CallEstimate(row.cost.prompt, row.cost.output)
        cost = cost.plus(priced)
    return cost


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """What keeps work from being done at once: the deployment's ceiling, and what its operator says of the rest."""

    calls_per_day: int | None = None
    usd_per_day: float | None = None
    rate_per_s: float | None = None
    quota_per_minute: float | None = None

    def durations_s(self, *, events: int, usd: float) -> Mapping[str, float]:
        """Return how long each of them alone makes the work last, in seconds; the longest decides."""
        found = {}
        if self.calls_per_day is not None:
            found["MAX_CALLS_PER_DAY"] = _DAY_S * events / self.calls_per_day
        if self.usd_per_day is not None:
            found["MAX_USD_PER_DAY"] = _DAY_S * usd / self.usd_per_day
        if self.rate_per_s is not None:
            found["--rate"] = events / self.rate_per_s
        if self.quota_per_minute is not None:
            found["--quota"] = 60 * events / self.quota_per_minute
        return found


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How many of the events count for a budget, and how long it alone makes them last, in seconds."""

    budget: Ceiling
    events: int
    seconds: float

    @property
    def reached(self) -> bool:
        """Whether some of them wait for another day."""
        return self.seconds > _DAY_S


def budget_uses(estimates: Mapping[Ceiling, Estimate], samples: Samples) -> list[BudgetUse]:
    """Return what the work takes of every budget that some of it counts for."""
    found = []
    for budget, estimate in estimates.items():
        usd = total(estimate.rows(samples)).usd
        limits = TimeLimits(calls_per_day=budget.calls, usd_per_day=budget.usd)
        durations_s = limits.durations_s(events=estimate.events, usd=usd.likely if usd else 0.0)
        if estimate.events:
            found.append(BudgetUse(budget, estimate.events, max(durations_s.values(), default=0.0)))
    return found


def _by_rule_of_thumb(event: ImageEvent, service: Service) -> tuple[str, CallEstimate]:
    asked = model_to_ask(event.task, event.settings.model, service).model
    request, model = request_for(event, model_id=asked), profile(asked)
    about: dict[str, Any] = {
        "images_px": [_A_PICTURE_PX],
        "text_bytes": request.text_bytes,
        "max_output_tokens": request.max_output_tokens,
        "media_resolution": request.media_resolution,
    }
    level = request.thinking_level
    output = _likely_answer(event, model) + (_THOUGHTS[level] if level is not None else 0)
    likely = replace(estimate_tokens(model, **about), output=output)
    thoughts = room_for_thoughts(level=level, budget=request.thinking_budget)
    most = most_tokens(model, **about, thoughts=thoughts)
    low = Tokens(likely.prompt, likely.output // _LOW_PART_OF_OUTPUT)
    price, dearest = price_on(model, service.today), dearest_on(model, service.today)
    usd = None
    if price is not None and dearest is not None:
        usd = Range(_usd(price, low), _usd(price, likely), _usd(dearest, most))
    return asked, CallEstimate(
        Range(low.prompt, likely.prompt, most.prompt), Range(low.output, likely.output, most.output), usd
    )


def _likely_answer(event: ImageEvent, model: ModelProfile) -> int:
    asked = joint.asked_for(event.tasks)
    return sum(_likely_part(view, model) for view in event.views() if view.task in asked)


def _likely_part(event: ImageEvent, model: ModelProfile) -> int:
    task = TASKS[event.task]
    longest = task.tokens_per_png if task.wants_masks and model.masks == "png" else task.tokens_per_item
    items = -(-event.settings.max_items // _PART_OF_ITEMS)
    return task.answer_tokens // _PART_OF_WORDS + items * longest // _PART_OF_AN_ITEM


def _spread(numbers: Sequence[float]) -> Range:
    """Return the mean with the cheapest and the dearest tenth: never on the wrong side of it."""
    ordered, mean = sorted(numbers), sum(numbers) / len(numbers)
    tenth = len(ordered) // 10
    return Range(min(ordered[tenth], mean), mean, max(ordered[-1 - tenth], mean))


def _tokens(usage: Mapping[str, Any], side: str) -> int:
    found = usage.get(side)
    return found if isinstance(found, int) else 0


def _usd(price: Price, tokens: Tokens) -> float:
    return (tokens.prompt * price.usd_in + tokens.output * price.usd_out) / _MILLION
