"""The laws that the simulation keeps: of processors that are shared, of queues, and of what becomes of every upload."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.load.arrivals import drawn
from infra.load.engine import Acquire, Compute, Machine, Processor, Slots, Wait, World
from infra.load.system import Function, Pushing, Step, System, Waits, Work, simulate
from shared.core.delivery.retry import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.load.engine import Task
    from infra.load.system import Outcome

MANY = 100


def small(*, threads: int = 1, instances: int = 1, latency_s: float = 0.0, cpu_s: float = 0.0) -> System:
    """One worker, whose instances have a core each; nothing else takes time."""
    return System(
        ingest="ingest",
        workers=("work",),
        functions={"ingest": Function(MANY), "work": Function(threads, instances, warm=instances)},
        pushing={"ingest": Pushing(10**9), "work": Pushing(10**9)},
        work={"ingest": Work(), "work": Work(after=(Step("work", cpu_s),))},
        latencies_s=((1.0, latency_s),),
    )


def latencies(outcome: Outcome) -> list[float]:
    return [each.finished_s - each.arrived_s for each in outcome.uploads if each.finished_s is not None]


def ends(machine: Machine, jobs: Sequence[tuple[Processor, float, float]]) -> list[float]:
    """Return when each job ends: its processor, when it begins, and its seconds of a core."""
    found = [math.nan] * len(jobs)

    def work(number: int, processor: Processor, seconds: float) -> Task:
        yield Compute(processor, seconds)
        found[number] = machine.world.now_s

    for number, (processor, at_s, seconds) in enumerate(jobs):
        machine.world.start(work(number, processor, seconds), at_s=at_s)
    machine.world.run()
    return found


@pytest.mark.parametrize(
    ("cores", "others", "processes", "expected_s"),
    [(2, 0, 1, 1), (2, 0, 2, 1), (2, 0, 3, 1.5), (2, 1, 3, 2), (1, 3, 1, 4)],
)
def test_processes_share_the_cores_and_have_one_at_most(
    cores: int, others: int, processes: int, expected_s: float
) -> None:
    machine = Machine(World(), cores=cores, others=others)

    found = ends(machine, [(Processor(machine), 0, 1) for _ in range(processes)])

    assert found == pytest.approx([expected_s] * processes)


def test_who_comes_later_slows_down_who_was_there() -> None:
    machine = Machine(World(), cores=8)
    one = Processor(machine)

    # Alone for half of its second, then together with the other; the other alone for the rest of its own.
    assert ends(machine, [(one, 0, 1), (one, 0.5, 1)]) == pytest.approx([1.5, 2.0])


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 10), st.floats(0.001, 5)), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_no_core_is_idle_where_there_is_work(jobs: list[tuple[int, float, float]]) -> None:
    machine = Machine(World(), cores=1)
    processors = [Processor(machine) for _ in range(3)]

    found = ends(machine, [(processors[number], at_s, seconds) for number, at_s, seconds in jobs])

    free_s = 0.0
    for _, at_s, seconds in sorted(jobs, key=lambda job: job[1]):
        free_s = max(free_s, at_s) + seconds
    assert max(found) == pytest.approx(free_s)


def test_slots_are_given_in_order_and_patience_ends() -> None:
    world, told = World(), list[tuple[str, float, bool]]()
    slots = Slots(world, 1)

    def want(name: str, patience_s: float) -> Task:
        got = yield Acquire(slots, patience_s)
        told.append((name, world.now_s, got))
        if got:
            yield Wait(3)
            slots.release()

    for at_s, (name, patience_s) in enumerate([("a", 9), ("b", 9), ("hasty", 0.5), ("c", 9)]):
        world.start(want(name, patience_s), at_s=at_s)
    world.run()

    assert told == [("a", 0, True), ("hasty", 2.5, False), ("b", 3, True), ("c", 6, True)]


@pytest.mark.parametrize("load", [0.4, 0.7])
def test_one_server_waits_as_the_formula_for_fixed_service_has_it(load: float) -> None:
    service_s = 0.5
    arrivals = drawn(rate=load / service_s, seconds=3000, burst=1, seed=7)

    found = statistics.mean(latencies(simulate(small(latency_s=service_s), arrivals, seed=1, every_s=1000)))

    assert found == pytest.approx(service_s * (1 + load / (2 * (1 - load))), rel=0.08)


def test_a_shared_processor_is_as_slow_as_the_formula_for_sharing_has_it() -> None:
    load, service_s = 0.6, 0.5
    arrivals = drawn(rate=load / service_s, seconds=3000, burst=1, seed=7)

    found = statistics.mean(latencies(simulate(small(threads=MANY, cpu_s=service_s), arrivals, seed=1, every_s=1000)))

    assert found == pytest.approx(service_s / (1 - load), rel=0.08)


SYSTEMS = st.builds(
    lambda threads, instances, quota, ceiling, attempts, patience_s: replace(
        small(threads=threads, instances=instances, latency_s=2.0, cpu_s=0.1),
        quota={} if quota is None else {"work": quota},
        ceiling=ceiling,
        pushing={
            "ingest": Pushing(10**9),
            "work": Pushing(50, first_window=2, patience_s=patience_s, min_backoff_s=1, attempts=attempts),
        },
    ),
    st.integers(1, 4),
    st.integers(1, 3),
    st.none() | st.integers(0, 30),
    st.just(math.inf) | st.integers(0, 20),
    st.integers(1, 4),
    st.just(math.inf) | st.floats(0, 10),
)
ARRIVALS = st.builds(
    lambda rate, burst, seed: drawn(rate=rate, seconds=20, burst=burst, seed=seed),
    st.sampled_from([0.5, 2]),
    st.integers(1, 10),
    st.integers(0, 99),
)


@given(SYSTEMS, ARRIVALS, st.sampled_from([15, math.inf]))
@settings(max_examples=40, deadline=None)
def test_no_upload_is_lost(system: System, arrivals: tuple[float, ...], until_s: float) -> None:
    outcome = simulate(system, arrivals, seed=1, until_s=until_s)

    fates = [(each.finished_s is not None, each.held, each.dead) for each in outcome.uploads]
    assert all(sum(fate) <= 1 for fate in fates)
    if until_s == math.inf:
        assert all(sum(fate) == 1 for fate in fates)
    tally = outcome.tallies["work"]
    assert sum(held for _, held, _ in fates) == tally.held
    assert sum(dead for _, _, dead in fates) == tally.dead
    assert tally.calls - tally.refused <= system.ceiling
    assert tally.calls <= tally.delivered * MAX_ATTEMPTS


@given(st.integers(1, 3), st.integers(1, 3), ARRIVALS)
@settings(max_examples=40, deadline=None)
def test_more_instances_make_nobody_wait_longer(threads: int, instances: int, arrivals: tuple[float, ...]) -> None:
    few, more = (
        latencies(simulate(small(threads=threads, instances=count, latency_s=2.0), arrivals, seed=1))
        for count in (instances, instances + 1)
    )

    assert all(one >= other - 1e-9 for one, other in zip(few, more, strict=True))


def test_there_are_as_many_at_once_as_come_while_one_is_there() -> None:
    arrivals = drawn(rate=2, seconds=200, burst=4, seed=3)

    outcome = simulate(small(threads=3, instances=2, latency_s=2.0), arrivals, seed=1, every_s=0.05)

    at_once = statistics.mean(count for _, count in outcome.timeline)
    assert at_once * outcome.timeline[-1][0] == pytest.approx(sum(latencies(outcome)), rel=0.02)


def test_a_quota_of_nothing_ends_in_dead_letters_and_a_ceiling_holds() -> None:
    one = small(threads=4, latency_s=1.0)
    pushing = {**one.pushing, "work": Pushing(MANY, min_backoff_s=1, max_backoff_s=4, attempts=3)}

    refused = simulate(replace(one, quota={"work": 0}, pushing=pushing), [0.0], seed=1)
    held = simulate(replace(one, ceiling=3), [0.0, 1.0, 2.0, 3.0, 4.0], seed=1)

    assert refused.uploads[0].dead
    assert refused.tallies["work"].delivered == 3
    assert refused.tallies["work"].refused == 3 * MAX_ATTEMPTS
    assert [each.held for each in held.uploads] == [False, False, False, True, True]


def test_a_fleet_starts_cold_and_fills_instances_up_to_the_target() -> None:
    system = small(latency_s=100.0)
    system = replace(system, functions={**system.functions, "work": Function(10, 100, cold_s=2.0, target=0.6, warm=0)})

    outcome = simulate(system, [0.0] * 12, seed=1)

    assert outcome.instances["work"] == 2  # six each
    assert latencies(outcome) == pytest.approx([102.0] * 12)
    assert outcome.billed_s["work"] == pytest.approx(2 * 102.0)


def test_a_window_grows_with_acknowledgements() -> None:
    system = small(threads=100, latency_s=1.0)
    system = replace(system, pushing={**system.pushing, "work": Pushing(16, first_window=2)})

    outcome = simulate(system, [0.0] * 30, seed=1)

    assert sorted(map(round, latencies(outcome))) == [1] * 2 + [2] * 4 + [3] * 8 + [4] * 16
    assert outcome.windows["work"] == 16


def test_waits_of_an_upload_stay_together() -> None:
    system = replace(small(), waits=(Waits(upload_s=1, told_s=1), Waits(upload_s=5, told_s=5)))

    assert set(map(round, latencies(simulate(system, [0.0] * 50, seed=1)))) == {2, 10}
