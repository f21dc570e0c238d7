"""The outside world of every use case, behind ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.tracing import NO_TRACES

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.config import Settings
    from shared.core.delivery.budget import Ceiling
    from shared.core.ports import BatchService, Clock, ObjectStore, Publisher, VisionModel
    from shared.core.tracing import Tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside world. `new_id` makes attempt ids, `jitter` numbers in 0-1; `model` is None where nobody needs it.

    `budgets` are those of prefixes, as the rules have them; the deployment's ceiling is among the settings.
    """

    settings: Settings
    store: ObjectStore
    publisher: Publisher
    clock: Clock
    new_id: Callable[[], str]
    jitter: Callable[[], float]
    model: VisionModel | None = None
    budgets: tuple[Ceiling, ...] = ()
    tracer: Tracer = NO_TRACES


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPorts(Ports):
    """What follows batch jobs needs these two as well: files go to the service by its `model`."""

    model: VisionModel
    batches: BatchService
