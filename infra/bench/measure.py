"""Runs measurements, each in a fresh process, the variants of a benchmark taking turns."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.bench.model import Sample
from infra.local.process import child_environment, proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.bench.floor.stage import Size
    from infra.bench.model import Benchmark, Mode, Variant

ROOT = Path(__file__).resolve().parents[2]

_TIMEOUT_S = 900
_SAID_CHARS = 4000
_REPORT_START = """
import time
ended_s, cpu_s = time.monotonic(), time.process_time()
from infra.bench import rss
print(ended_s, cpu_s, rss.peak_mb())
"""


class MeasurementError(RuntimeError):
    """A measured process failed: there is no number to report."""


def samples(
    benchmark: Benchmark, *, mode: Mode, folder: Path, progress: Callable[[str], None], size: Size | None = None
) -> dict[str, list[Sample]]:
    """Measure every variant as often as the mode says; `size` is that of a stage, where the benchmark has one."""
    for variant in benchmark.variants:
        if variant.kind == "start" and variant.runs(mode):
            _start(variant, folder)  # compiles what it imports, off the record
    taken: dict[str, list[Sample]] = {}
    with _measuring(benchmark, folder, size) as measured:
        for variant in turns(benchmark.variants, mode):
            sample = measured(variant)
            so_far = taken.setdefault(variant.name, [])
            so_far.append(sample)
            progress(f"{benchmark.name}: {variant.name} {len(so_far)}/{variant.runs(mode)}: {sample.wall_ms:.1f} ms")
    return taken


@contextlib.contextmanager
def _measuring(benchmark: Benchmark, folder: Path, size: Size | None) -> Iterator[Callable[[Variant], Sample]]:
    """Yield what measures a variant once."""
    if all(variant.kind != "served" for variant in benchmark.variants):
        yield lambda variant: (_start if variant.kind == "start" else _work)(variant, folder)
        return
    from infra.bench.floor.stage import Stage

    with Stage(folder, size=size) as stage:
        yield lambda variant: stage.measure(variant) if variant.kind == "served" else _work(variant, folder)


def turns(variants: Sequence[Variant], mode: Mode) -> Iterator[Variant]:
    """Yield the variants one after another, again and again: whatever else the machine does hits all of them."""
    for turn in range(max(variant.runs(mode) for variant in variants)):
        yield from (variant for variant in variants if turn < variant.runs(mode))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of measured processes: bytecode is compiled once, into the folder."""
    named = proxies(os.environ)  # nothing that is measured asks another machine
    kept = {name: value for name, value in os.environ.items() if name not in named}
    return child_environment(kept, pycache=folder / "pycache")


def run_python(folder: Path, *arguments: str) -> str:
    """Run Python in the repository's root and return what it printed.

    Raises:
        MeasurementError: it failed, with the end of what it said.
    """
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        said = ended.stderr[-_SAID_CHARS:]
        raise MeasurementError(f"Expected a measurement, found exit code {ended.returncode} of {arguments}:\n{said}")
    return ended.stdout


def _work(variant: Variant, folder: Path) -> Sample:
    printed = run_python(folder, "-m", "infra.bench.worker", variant.run, variant.argument, str(folder))
    found: Mapping[str, Any] = json.loads(printed.splitlines()[-1])
    return Sample(
        wall_ms=found["wall_s"] * 1000 / variant.units,
        cpu_ms=found["cpu_s"] * 1000 / variant.units,
        base_rss_mb=found["base_rss_mb"],
        peak_rss_mb=found["peak_rss_mb"],
        facts=found["facts"],
    )


def _start(variant: Variant, folder: Path) -> Sample:
    """Time a process from its start until its code has run; the clock is the same in all processes."""
    started_s = time.monotonic()
    ended_s, cpu_s, peak_mb = map(float, run_python(folder, "-c", variant.run + _REPORT_START).split())
    return Sample((ended_s - started_s) * 1000, cpu_s * 1000, base_rss_mb=None, peak_rss_mb=peak_mb)
