"""The values of the benchmarks. Times are milliseconds, memory is MB of 10^6 bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["quick", "full"]
Metric = Literal["cpu_ms", "wall_ms", "peak_rss_mb"]
Facts = Mapping[str, int | str]
"""What a work did, so that a reader can see that the variants did the same: items, files, bytes."""

Work = Callable[[], Facts]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of doing a thing.

    `run` is `module:function` for kind `work`: called with the folder of inputs and `argument`, it gets ready
    and returns the work to time. For kind `start` it is Python code, timed from the start of its process. For kind
    `served` it is a method of `infra.bench.floor.stage.Stage`: what functions do that its processes serve.
    `units` says how many equal things the work does: times are given for one. `against` names the variant that
    ratios are taken over. A variant with 0 runs is left out in that mode.
    """

    name: str
    says: str
    run: str
    argument: str = ""
    kind: Literal["work", "start", "served"] = "work"
    against: str | None = None
    units: int = 1
    quick: int = 5
    full: int = 9

    def runs(self, mode: Mode) -> int:
        """Return how often this variant runs."""
        return self.quick if mode == "quick" else self.full


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a metric of the worst of some variants, or on its ratio to the same metric of variant `over`.

    `beyond` names a variant whose metric is taken off first: what they take more than it does is bounded.

    `wall_ms` is for what other processes do, whose CPU time nobody counts: the least of all runs, as `cpu_ms` is.

    A run fails beyond the `limit`. A `goal` is nearer: what we want, and have not reached everywhere. It is told.

    Time is judged as a ratio only: machines differ in speed, and both sides of a ratio were measured in turns on one.

    Raises:
        ValueError: a bound on time without a variant that it is taken over, or a goal beyond the limit.
    """

    says: str
    metric: Metric
    of: tuple[str, ...]
    bound: Literal["at most", "at least"]
    limit: float
    over: str | None = None
    beyond: str | None = None
    goal: float | None = None

    def __post_init__(self) -> None:
        if self.metric in {"cpu_ms", "wall_ms"} and self.over is None:
            raise ValueError(f"Expected a variant to compare with, found an absolute bound on time: {self.says}")
        if self.goal is not None and not self.keeps(self.goal, self.limit):
            raise ValueError(f"Expected a goal within the limit of {self.limit:g}, found {self.goal:g}: {self.says}")

    def keeps(self, value: float, bound: float) -> bool:
        """Whether a value is on the good side of a bound."""
        return value <= bound if self.bound == "at most" else value >= bound


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One question, the ways to answer it, and what Uplook's must keep.

    `needs` names programs of which one has to be there: without any, the benchmark is left out. So it is where it is to
    run on one `system` alone (`platform.system()`), and this is another.
    """

    name: str
    says: str
    variants: tuple[Variant, ...]
    targets: tuple[Target, ...] = ()
    needs: tuple[str, ...] = ()
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. `base_rss_mb` is the peak before the work, its libraries imported; a start has none."""

    wall_ms: float
    cpu_ms: float
    base_rss_mb: float | None
    peak_rss_mb: float
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """All samples of one variant; `cpu_ratio` and `rss_ratio` are over the variant `against`.

    `cpu_ms` is the least of all runs: whatever else the machine does only adds to it.
    """

    name: str
    says: str
    runs: int
    median_ms: float
    min_ms: float
    max_ms: float
    cpu_ms: float
    base_rss_mb: float | None
    peak_rss_mb: float
    facts: Facts
    against: str | None = None
    cpu_ratio: float | None = None
    rss_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a target: `met` says whether its limit is kept, `reached` whether its goal is, if it has one."""

    says: str
    value: float
    bound: Literal["at most", "at least"]
    limit: float
    met: bool
    goal: float | None = None
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark, measured and judged."""

    benchmark: Benchmark
    results: tuple[Result, ...]
    judgements: tuple[Judgement, ...]
