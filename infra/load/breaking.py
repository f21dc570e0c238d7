"""Where a system breaks, and what is at its limit then. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infra.load.measured import Run
    from infra.load.system import Outcome

GROWS: Final = 0.35
"""Where more than this part of what comes in the second half of a load is left at its end, the backlog grows."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One rate: which part of what came in the second half was left over, and the resources by how full they were."""

    rate: float
    left: float
    resources: Mapping[str, float]

    @property
    def breaks(self) -> bool:
        """Whether the backlog grows."""
        return self.left > GROWS

    @property
    def first(self) -> str:
        """The resource that is nearest to its limit."""
        return max(self.resources, key=lambda name: self.resources[name])


def left_over(ends: Sequence[tuple[float, float | None]]) -> float:
    """Return which part of the arrivals of the second half of a load the backlog has grown by until its last arrival.

    >>> left_over([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]), left_over([(0, 9), (1, 9), (2, 9), (3, 9), (4, 9)])
    (0.0, 1.0)
    """
    last_s = max(arrived for arrived, _ in ends)
    half_s = last_s / 2

    def there(at_s: float) -> int:
        return sum(arrived <= at_s and (end is None or end > at_s) for arrived, end in ends)

    came = sum(half_s < arrived <= last_s for arrived, _ in ends)
    return (there(last_s) - there(half_s)) / came if came else 0.0


def of_run(run: Run, rate: float, *, concurrency: Mapping[str, int], cores: float, others: float) -> Reached:
    """Return what a measured run has reached; while uploads came, and not behind them."""
    last_s = max(each.arrived_s for each in run.uploads)
    samples = [each for each in run.samples if each.at_s <= last_s]
    until = samples[-1] if len(samples) > 1 else run.samples[-1]
    first = run.samples[0]
    cpu_s = {name: until.usage[name].cpu_s - first.usage[name].cpu_s for name in until.usage}
    busy_s = dict.fromkeys(concurrency, 0.0)
    for each in run.deliveries:
        if each.function in busy_s:
            busy_s[each.function] += max(
                0.0, min(each.answered_s - run.began_s, until.at_s) - each.came_s + run.began_s
            )
    return Reached(
        rate,
        left_over([(each.arrived_s, each.finished_s) for each in run.uploads]),
        fullness(cpu_s, busy_s, concurrency=concurrency, seconds=until.at_s, cores=cores, others=others),
    )


def of_outcome(
    outcome: Outcome, rate: float, *, concurrency: Mapping[str, int], cores: float, others: float
) -> Reached:
    """Return what a simulation has reached, which ended with the last arrival."""
    return Reached(
        rate,
        left_over([(each.arrived_s, each.finished_s) for each in outcome.uploads]),
        fullness(
            outcome.cpu_s,
            {
                name: sum(
                    min(each.visits[name].answered_s, outcome.ended_s) - each.visits[name].came_s
                    for each in outcome.uploads
                    if name in each.visits
                )
                for name in concurrency
            },
            concurrency=concurrency,
            seconds=outcome.ended_s,
            cores=cores,
            others=others,
        ),
    )


def fullness(
    cpu_s: Mapping[str, float],
    busy_s: Mapping[str, float],
    *,
    concurrency: Mapping[str, int],
    seconds: float,
    cores: float,
    others: float,
) -> dict[str, float]:
    """Return how full each resource was, 1 being all of it: cores, the one core of a process, threads of a function.

    >>> found = fullness({"caption": 1.5}, {"caption": 8.0}, concurrency={"caption": 8}, seconds=2, cores=2, others=0)
    >>> found
    {'all cores': 0.375, 'the core of caption': 0.75, 'threads of caption': 0.5}
    """
    ours = cores * cores / (cores + others)  # of the cores, as many processes as there are cores get so much
    one = min(1.0, cores / (1 + others))
    return (
        {"all cores": sum(cpu_s.values()) / seconds / ours}
        | {f"the core of {name}": used / seconds / one for name, used in cpu_s.items()}
        | {f"threads of {name}": busy_s[name] / seconds / count for name, count in concurrency.items()}
    )


def table(measured: Sequence[Reached], simulated: Sequence[Reached]) -> str:
    """Return both, rate by rate."""
    lines = [f"{'rate':>6}{'left over':>11}{'simulated':>11}  nearest to its limit, measured and simulated"]
    for one, other in zip(measured, simulated, strict=True):
        near = " / ".join(f"{each.first} {each.resources[each.first]:.0%}" for each in (one, other))
        lines.append(f"{one.rate:6.2f}{one.left:11.0%}{other.left:11.0%}  {near}")
    return "\n".join(lines)
