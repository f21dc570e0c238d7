"""A plan is all that decides a run: what is done, how it is delivered, what breaks where, who has the turn when."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal, get_args

Deliveries = Literal["once", "twice", "together", "dead", "redrive"]
"""once, twice in a row, twice at once; dead: once, and its dead letter at once; redrive: once, and as soon as it has
failed, its redrive twice at once."""

ANYWHERE: Final = ("die-before", "die-after", "cancel", "503", "429", "403", "stall", "outlive", "overwrite")
ON_WRITES: Final = ("lost", "412", "own-412")
ON_ANSWERS: Final = ("lost", "refuse")
ON_FILES: Final = ("expire",)
INSIDE: Final = ("die-before", "die-after", "cancel")
ON_JOBS: Final = ("lost", "twice", "refuse", "not-now", "oversleep")
KINDS: Final = (*ANYWHERE, *ON_WRITES, "refuse", "expire", "twice", "not-now", "oversleep")
"""die-before/-after: killed around the effect. cancel: an exception, as SIGTERM or a bug. 503, 429: refused for now,
without and with Retry-After. 403: a role is missing for a moment. stall, outlive: time passes before the effect, more
than the delivery's deadline, more than the lease's. overwrite: a new generation of the source, and its event. lost:
done, but the answer never comes. 412, own-412: a precondition is said to fail; without any effect, or after the effect,
as the client's own retry sees it. refuse, expire: the model refuses this request for good; it knows the uploaded file
no longer. Of the call that makes a batch job: twice: it makes two, and the answer never comes; not-now: the service
says that it made none; oversleep: so much time passes before the effect that others take the job for never made."""

UNDER_A_CEILING: Final = ("dear", "cheap")
"""The day's ceiling in dollars has room for one and a half calls. dear: every answer costs as much as it can, and the
day ends while they are made; cheap: every answer costs nearly nothing, and the rest is put back."""

SEVERAL_TASKS: Final = ("joint", "parts")
"""One ask for segment, caption and detect. joint: one answer has all of it; parts: it lacks the caption, which a
further ask brings."""

SHARED: Final = ("shared", "forgotten")
"""Two uploads of one content, whose answer is shared. The second is delivered when the first has been, or together with
it. forgotten: the first is deleted and forgotten meanwhile, and where all come together, a third one comes, too.
Afterwards another one comes, and all are forgotten."""

BATCHED: Final = ("batch", "halfdone", "withdrawn")
"""Two uploads that may wait for a batch job, whose output comes in another order, one answer twice, with others that
nobody asked for. halfdone: on Vertex, and the job expires with one of the answers; the next one brings none. withdrawn:
the first upload is forgotten: before there is a job, or while it is made (twice) or its answers are read (together). In
the end all are forgotten."""

HALF_DONE: Final = ("halfdone",)

SCENARIOS: Final = (
    *("caption", "segment", "file", "gs", "broken", "unreadable", "held", "away"),
    *UNDER_A_CEILING,
    *SEVERAL_TASKS,
    *SHARED,
    *BATCHED,
)
"""held: the day's ceiling is reached. away: the model is away for some deliveries, and for a first probe after them."""

_MOST_FAULTS = 4
_LAST_STEP = 40
_LAST_DECISION = 80


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `faults` maps step numbers to kinds, `switches` lists decisions at which the turn changes.

    >>> str(Plan("caption", "together", ((4, "die-after"),), (2, 9)))
    'caption together 4:die-after / 2 9'
    """

    scenario: str
    deliveries: Deliveries
    faults: tuple[tuple[int, str], ...] = ()
    switches: tuple[int, ...] = ()

    def __str__(self) -> str:
        words = [self.scenario, self.deliveries, *(f"{step}:{kind}" for step, kind in self.faults)]
        return " ".join(words) + (" / " + " ".join(map(str, self.switches)) if self.switches else "")


def parse(text: str) -> Plan:
    """Read what `str` wrote.

    Raises:
        ValueError: it is no plan.
    """
    head, _, tail = text.partition("/")
    try:
        scenario, deliveries, *faults = head.split()
        pairs = [fault.split(":") for fault in faults]
        plan = Plan(scenario, deliveries, tuple((int(at), kind) for at, kind in pairs), tuple(map(int, tail.split())))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"expected a plan like 'caption once 4:die-after / 2 9', found {text!r}") from error
    known = scenario in SCENARIOS and deliveries in get_args(Deliveries) and all(kind in KINDS for _, kind in pairs)
    if not known:
        raise ValueError(
            f"expected one of {SCENARIOS}, one of {get_args(Deliveries)} and faults of {KINDS}, found {text!r}"
        )
    return plan


def draw(seed: int) -> Plan:
    """Return the plan of a seed: up to four faults, and turns that change never, sometimes or all the time."""
    dice = random.Random(seed)
    steps = sorted(dice.sample(range(1, _LAST_STEP + 1), dice.randint(0, _MOST_FAULTS)))
    # Early steps are where the protocol is decided: half of all runs have all their faults there.
    faults = [(1 + step // 3 if dice.random() < 0.5 else step, dice.choice(KINDS)) for step in steps]
    rate = dice.choice((0.0, 0.1, 0.3, 0.6))
    switches = tuple(at for at in range(_LAST_DECISION) if dice.random() < rate)
    return Plan(
        dice.choice(SCENARIOS), dice.choice(get_args(Deliveries)), tuple(sorted(dict(faults).items())), switches
    )


def applicable(operation: str, *, scenario: str) -> tuple[str, ...]:
    """Return the kinds of fault that mean something at an operation."""
    if operation == "interpret":
        return INSIDE
    if operation in {"create", "replace", "upload"}:
        return (*ANYWHERE, *ON_WRITES)
    if operation == "generate":
        return (*ANYWHERE, *ON_ANSWERS, *(ON_FILES if scenario == "file" else ()))
    if operation == "create_job":
        return (*ANYWHERE, *ON_JOBS)
    return (*ANYWHERE, "lost") if operation in {"publish", "delete", "delete_file", "cancel_job"} else ANYWHERE
