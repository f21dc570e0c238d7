"""One load from its beginning to its end: a stack, a calibration, the run, and the simulation beside it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from infra.bench import machine
from infra.emulators.pubsub.broker import DEFAULT_PUSH_SLOTS
from infra.load import breaking, report, usage
from infra.load.breaking import Reached
from infra.load.calibration import INGEST, LATENCIES, Calibration, calibrated, local_system, others_of
from infra.load.rig import Rig
from infra.load.system import Pushing, System, simulate
from infra.local import topology

if TYPE_CHECKING:
    from pathlib import Path

    from infra.load.measured import Run
    from infra.load.plan import Plan

WARM_UP: Final = 6
_CALIBRATION_MODEL_S: Final = 0.5
_PAUSE_S: Final = 2.0
"""Between two uploads of a calibration: long enough that each is alone."""
_IDLE_S: Final = 4.0
PROBE_S: Final = 2.0
_PATIENCE_S: Final = 120.0
CONCURRENCY: Final = {each.name: each.concurrency for each in topology.FUNCTIONS}
_FASTER: Final = 1.5
_MOST_RATES: Final = 8


@dataclass(frozen=True, slots=True)
class Played:
    """A load that was played: its table, everything for machines, and whether the simulation agrees."""

    text: str
    document: Mapping[str, Any]
    agree: bool


def play(plan: Plan, state: Path, environ: Mapping[str, str], *, say: Callable[[str], None]) -> Played:
    """Start a stack in `state`, load it as planned, simulate the same, and compare.

    Raises:
        ServiceError: the stack did not start.
        ValueError: an upload of the calibration did not end well.
    """
    with Rig(state, environ) as rig:
        say(f"calibrating: {plan.calibrate} uploads, one after another")
        found = calibrate(rig, plan.calibrate)
        say(f"loading: {plan.rate:g} a second for {plan.seconds:g} s, {plan.burst} at once")
        rig.answer_in([(share, times * plan.model_s) for share, times in LATENCIES], seed=plan.seed)
        run = rig.run(plan.arrivals(), patience_s=_PATIENCE_S)
    outcome = simulate(system_of(found, plan), plan.arrivals(), seed=plan.seed)
    return compared(plan, run, found, report.of_outcome(outcome))


def search(plan: Plan, state: Path, environ: Mapping[str, str], *, say: Callable[[str], None]) -> Played:
    """Raise the rate until the backlog grows; the simulation is asked at the same rates.

    Raises:
        ServiceError, ValueError: as `play`.
    """
    measured, simulated = list[Reached](), list[Reached]()
    with Rig(state, environ) as rig:
        say(f"calibrating: {plan.calibrate} uploads, one after another")
        found = calibrate(rig, plan.calibrate)
        rig.answer_in([(share, times * plan.model_s) for share, times in LATENCIES], seed=plan.seed)
        while len(measured) < _MOST_RATES and not (measured and measured[-1].breaks):
            say(f"loading: {plan.rate:.2f} a second for {plan.seconds:g} s, {plan.burst} at once")
            run = rig.run(plan.arrivals(), patience_s=_PATIENCE_S)
            named = {name: CONCURRENCY[name] for name in (INGEST, *found.workers)}
            limits: Any = {"concurrency": named, "cores": found.cores, "others": found.others}
            arrivals = plan.arrivals()
            outcome = simulate(system_of(found, plan), arrivals, seed=plan.seed, until_s=arrivals[-1])
            measured.append(breaking.of_run(run, plan.rate, **limits))
            simulated.append(breaking.of_outcome(outcome, plan.rate, **limits))
            plan = replace(plan, rate=plan.rate * _FASTER)
    last = measured[-1]
    end = f"It breaks at {last.rate:.2f} a second: {last.first} is nearest to its limit." if last.breaks else "It held."
    text = f"{breaking.table(measured, simulated)}\n\n{end}"
    told = {"measured": [asdict(each) for each in measured], "simulated": [asdict(each) for each in simulated]}
    facts = {"schema": "uplook.load-search/1", "machine": machine.facts(), "calibration": asdict(found)}
    return Played(text, facts | told, measured[-1].breaks == simulated[-1].breaks)


def calibrate(rig: Rig, uploads: int) -> Calibration:
    """Return what uploads take that come one after another, behind some that warm everything up."""
    rig.answer_in([(1.0, _CALIBRATION_MODEL_S)], seed=0)
    rig.run([0.0] * WARM_UP, patience_s=_PATIENCE_S)
    after = rig.cpu_s()
    share = usage.share_of_a_core(seconds=PROBE_S)
    idle = rig.look(seconds=_IDLE_S)
    run = rig.run([number * _PAUSE_S for number in range(uploads)], patience_s=_PATIENCE_S)
    share = statistics.mean((share, usage.share_of_a_core(seconds=PROBE_S)))
    cores = usage.cores()
    return calibrated(
        run,
        idle=idle,
        cores=cores,
        others=others_of(cores=cores, share=share),
        latency_s=_CALIBRATION_MODEL_S,
        cold_s=after,
    )


def system_of(found: Calibration, plan: Plan) -> System:
    """Return the local stack as it is wired (`infra/local/topology.py`), with what was measured."""
    pushing = {
        each.function: Pushing(
            window=DEFAULT_PUSH_SLOTS,
            patience_s=float(topology.ACK_DEADLINE_S),
            min_backoff_s=each.min_backoff_s,
            max_backoff_s=each.max_backoff_s,
            attempts=each.attempts,
        )
        for each in topology.SUBSCRIPTIONS
        if each.topic in {topology.UPLOAD_EVENTS, topology.IMAGE_EVENTS}
    }
    return local_system(
        found,
        concurrency=CONCURRENCY,
        pushing=pushing,
        latency_s=plan.model_s,
        deadline_s=float(topology.WORKER_TIMEOUT_S),
    )


def compared(plan: Plan, run: Run, found: Calibration, simulated: report.Figures) -> Played:
    """Return the run and its simulation side by side."""
    measured = report.of_run(run)
    agree = report.agree(measured, simulated)
    cores = f"{found.cores:g} cores, and {found.others:.1f} threads of others that want one"
    text = "\n\n".join(
        [
            report.over_time(run),
            report.by_process(run),
            report.side_by_side(measured, simulated),
            f"while calibrating: {cores}; retries within deliveries: {run.retries}",
            "The simulation agrees." if agree else f"The simulation does not agree within {report.WITHIN:.0%}.",
        ]
    )
    facts = {"plan": asdict(plan), "machine": machine.facts(), "calibration": asdict(found)}
    return Played(text, report.document(run, simulated, facts=facts), agree)
