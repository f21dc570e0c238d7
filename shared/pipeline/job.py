"""What the steps of one delivery share: the ports, and the job at hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.core import naming
from shared.core.delivery.retry import RESERVE_S
from shared.core.errors import TransientError
from shared.core.events import manifest
from shared.core.planning import model_checks, plan
from shared.pipeline.instance.in_flight import InFlight
from shared.pipeline.instance.lifted import Lifted
from shared.pipeline.instance.refused_schemas import RefusedSchemas
from shared.pipeline.ports import Ports

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.core.naming import Paths
    from shared.core.planning.model_checks import ModelChoice
    from shared.core.planning.rules import Rules
    from shared.core.ports import ImageFetcher, VisionModel
    from shared.pipeline.instance.budgets import Budgets
    from shared.pipeline.instance.pace import Pacer


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPorts(Ports):
    """What asks the model needs this too.

    Manifests are judged by `rules`; `budget`, `pacer`, `in_flight`, `refused_schemas` and `lifted` are the
    instance's.
    """

    model: VisionModel
    web: ImageFetcher
    rules: Rules
    budget: Budgets
    pacer: Pacer
    in_flight: InFlight = field(default_factory=InFlight)
    refused_schemas: RefusedSchemas = field(default_factory=RefusedSchemas)
    lifted: Lifted = field(default_factory=Lifted)


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery of one image event. `deadline_s` is on the monotonic clock, `asks` the model that answers today.

    `key` and `paths` are those of the ask: its lease and its journal lie at the names of the leading task. A `part` is
    the same job as one of its tasks sees it, with the id and the names of that task's result.
    """

    event: ImageEvent
    key: str
    paths: Paths
    attempt: str
    deadline_s: float
    asks: ModelChoice
    leading: Paths

    def part(self, view: ImageEvent) -> Job:
        """Return this job as one of its tasks sees it."""
        return replace(
            self,
            event=view,
            key=plan.idempotency_key(view),
            paths=replace(self.leading, task=view.task),
        )

    def parts(self) -> tuple[Job, ...]:
        """Return this job as each of its tasks sees it, the leading one first: one alone sees it as it is."""
        if not self.event.parts:
            return (self,)
        return tuple(self.part(view) for view in self.event.views())


def begin(event: ImageEvent, ports: Ports) -> Job:
    """Return the job for a delivery that starts now."""
    paths = naming.paths(event.source, run=event.run, task=event.task, prefix=ports.settings.results_prefix)
    return Job(
        event=event,
        key=plan.ask_key(event),
        paths=paths,
        leading=paths,
        attempt=ports.new_id(),
        deadline_s=ports.clock.monotonic_s() + ports.settings.timeout_s,
        asks=model_checks.model_to_ask(event.task, event.settings.model, ports.settings.service(today(ports))),
    )


def shares_answers(job: Job, ports: Ports) -> bool:
    """Whether this job's answer may come from another upload of the same content, and go to others.

    A question about several images has none: it names what lies at its addresses when it is asked.
    """
    return ports.settings.reuse_answers and not manifest.is_manifest(job.event.source.name)


def today(ports: Ports) -> dt.date:
    """Return the day by the clock (UTC)."""
    return dt.date.fromisoformat(ports.clock.now_iso()[:10])


def remaining_s(job: Job, ports: Ports) -> float:
    """Return the seconds left of the delivery's deadline, at least a moment."""
    return max(0.05, job.deadline_s - ports.clock.monotonic_s())


def require_time(job: Job, ports: Ports, what: str) -> None:
    """Begin nothing that this delivery could not finish.

    Raises:
        TransientError: too little is left of the deadline.
    """
    left_s = remaining_s(job, ports)
    if left_s < min(RESERVE_S, ports.settings.timeout_s / 2):
        raise TransientError(f"{left_s:.1f} s of this delivery are left: too little for {what}.")
