"""From a quiet run to a simulation: what each step takes, and who else uses the machine. Pure."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from infra.load.system import Function, Pushing, Step, System, Visit, Waits, Work, simulate

if TYPE_CHECKING:
    from infra.load.measured import Run, Sample

INGEST: Final = "ingest"
LOAD: Final = "load"
"""The process that uploads and listens: this one."""

LATENCIES: Final = ((0.5, 0.5), (0.4, 1.25), (0.1, 2.5))
"""What part of the calls takes how many times the mean: a model's answers are not equally long."""

_PHASES: Final = 3  # to the left of the model, and to the right: as many operations of Cloud Storage


@dataclass(frozen=True, slots=True)
class Calibration:
    """`cpu_s` is CPU for each upload by process; `waits` what each upload spent on anything else.

    `share_before` is the part of a worker's own CPU that it uses before it asks. `others` is how many threads that are
    not ours want a core all the time.
    """

    cpu_s: Mapping[str, float]
    workers: tuple[str, ...]
    share_before: Mapping[str, float]
    waits: tuple[Waits, ...]
    cores: float
    others: float
    cold_s: Mapping[str, float] = field(default_factory=dict)


def calibrated(
    run: Run, *, idle: Sequence[Sample], cores: int, others: float, latency_s: float, cold_s: Mapping[str, float]
) -> Calibration:
    """Return what a run at a low rate shows, in which the model always took `latency_s`.

    `idle` are two samples of the same stack with nothing to do: what it uses then is not the uploads' doing.

    Raises:
        ValueError: an upload did not end well: there is nothing to learn from such a run.
    """
    lost = [each.name for each in run.uploads if each.finished_s is None]
    if lost:
        raise ValueError(f"expected every upload of the calibration to end well, found {len(lost)} that did not")
    workers = tuple(sorted({each.function for each in run.deliveries} - {INGEST}))
    by_name = _visits(run)
    phases = [
        phases_of(upload.arrived_s + run.began_s, upload.finished_s + run.began_s, by_name[upload.name], latency_s)
        for upload in run.uploads
        if upload.finished_s is not None and by_name[upload.name].keys() == {INGEST, *workers}
    ]
    share = {
        name: _part(
            statistics.mean(each.before[name] for each in phases), statistics.mean(each.after[name] for each in phases)
        )
        for name in workers
    }
    found = Calibration(_cpu_per_upload(run, idle), workers, share, (), cores, others, cold_s)
    computed = _computed(found, latency_s=latency_s)
    return replace(found, waits=tuple(_rest(each, computed) for each in phases))


def local_system(
    found: Calibration,
    *,
    concurrency: Mapping[str, int],
    pushing: Mapping[str, Pushing],
    latency_s: float,
    deadline_s: float,
    spread: Sequence[tuple[float, float]] = LATENCIES,
) -> System:
    """Return the local stack as it was measured: one instance of each function, everything on one machine."""
    names = (INGEST, *found.workers)
    work, upload, told = steps(found)
    return System(
        ingest=INGEST,
        workers=found.workers,
        functions={name: Function(concurrency[name]) for name in names},
        pushing={name: pushing[name] for name in names},
        work=work,
        upload=upload,
        told=told,
        waits=found.waits,
        latencies_s=tuple((share, times * latency_s) for share, times in spread),
        deadline_s=deadline_s,
        shared_cores=found.cores,
        others=found.others,
    )


def steps(found: Calibration) -> tuple[dict[str, Work], tuple[Step, ...], tuple[Step, ...]]:
    """Return the CPU of one upload where it is used: by delivery, when it is uploaded, and for each result told.

    An upload is one operation of Cloud Storage and one message; each delivery to a worker has half of its operations
    before it asks, and is one message more for its event and one for its result.
    """
    cpu, count = found.cpu_s, len(found.workers)
    storage = cpu.get("storage", 0.0) / (1 + 2 * _PHASES * count)
    pubsub = cpu.get("pubsub", 0.0) / (1 + 2 * count)
    load = cpu.get(LOAD, 0.0) / 2
    work = {INGEST: Work((Step(INGEST, cpu[INGEST]),))}
    for name in found.workers:
        before = found.share_before[name]
        work[name] = Work(
            before=(Step("pubsub", pubsub), Step(name, cpu[name] * before), Step("storage", _PHASES * storage)),
            model=(Step("gemini", cpu.get("gemini", 0.0) / count),),
            after=(Step(name, cpu[name] * (1 - before)), Step("storage", _PHASES * storage)),
        )
    upload = (Step(LOAD, load), Step("storage", storage), Step("pubsub", pubsub))
    return work, upload, (Step("pubsub", pubsub), Step(LOAD, load / count))


def others_of(*, cores: float, share: float) -> float:
    """Return how many threads of others want a core all the time, where `cores` processes get this share of one each.

    >>> others_of(cores=2, share=1.0), others_of(cores=2, share=0.25)
    (0.0, 6.0)
    """
    return cores * (1 - share) / share


def _cpu_per_upload(run: Run, idle: Sequence[Sample]) -> dict[str, float]:
    first, last = run.samples[0], run.samples[-1]
    quiet_s = idle[-1].at_s - idle[0].at_s
    found = {}
    for name in last.usage:
        anyway = (idle[-1].usage[name].cpu_s - idle[0].usage[name].cpu_s) / quiet_s * (last.at_s - first.at_s)
        used = last.usage[name].cpu_s - first.usage[name].cpu_s
        found[name] = max(0.0, used - anyway) / len(run.uploads)
    return found


def phases_of(arrived_s: float, finished_s: float, visits: Mapping[str, Visit], latency_s: float) -> Waits:
    """Return how long each phase of an upload took, of a run or of a simulation: by the clock, but for the model."""
    planned, workers = visits[INGEST], [name for name in visits if name != INGEST]
    asked_s = {name: visits[name].asked_s or visits[name].came_s for name in workers}
    return Waits(
        upload_s=planned.came_s - arrived_s,
        hops={name: visits[name].came_s - planned.answered_s for name in workers},
        before={name: asked_s[name] - visits[name].came_s for name in workers}
        | {INGEST: planned.answered_s - planned.came_s},
        after={name: visits[name].answered_s - asked_s[name] - latency_s for name in workers},
        told_s=finished_s - max(visits[name].answered_s for name in workers),
    )


def _visits(run: Run) -> dict[str, dict[str, Visit]]:
    found = defaultdict[str, dict[str, Visit]](dict)
    for each in run.deliveries:
        found[each.name][each.function] = Visit(each.came_s, each.asked_s, each.answered_s)
    return found


def _computed(found: Calibration, *, latency_s: float) -> Waits:
    """Return the phases of an upload that is alone, as the simulation has them where nothing waits but for cores."""
    names = (INGEST, *found.workers)
    system = local_system(
        replace(found, waits=(Waits(),)),
        concurrency=dict.fromkeys(names, 1),
        pushing={name: Pushing(1) for name in names},
        latency_s=latency_s,
        deadline_s=math.inf,
        spread=((1.0, 1.0),),
    )
    [alone] = simulate(system, [0.0], seed=0).uploads
    assert alone.finished_s is not None  # noqa: S101 - nothing keeps it from its end
    return phases_of(0.0, alone.finished_s, alone.visits, latency_s)


def _rest(phases: Waits, computed: Waits) -> Waits:
    """Return what the simulation leaves unexplained of the phases: waits for anything but cores and the model."""

    def rest(seconds: Mapping[str, float], explained: Mapping[str, float]) -> dict[str, float]:
        return {name: max(0.0, each - explained[name]) for name, each in seconds.items()}

    return Waits(
        max(0.0, phases.upload_s - computed.upload_s),
        rest(phases.hops, computed.hops),
        rest(phases.before, computed.before),
        rest(phases.after, computed.after),
        max(0.0, phases.told_s - computed.told_s),
    )


def _part(one: float, other: float) -> float:
    one, other = max(one, 0.0), max(other, 0.0)
    return one / (one + other) if one + other > 0 else 0.5
