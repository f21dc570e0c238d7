"""Explores the delivery protocol: `python -m tests.explore --exhaustive --random 100000 --seed 1`.

Every run is a number: `--replay NUMBER` plays it alone and prints each step. A plan is one line of text, too, and
`--replay 'caption once 4:die-after'` plays that. The exit code is 1 where an invariant was broken.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from itertools import chain
from typing import TYPE_CHECKING, Final

from tests.explore.exhaustive import shares
from tests.explore.plans import draw, parse
from tests.explore.run import explore
from tests.explore.telling import tell_seeds, tell_share

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.explore.plans import Plan
    from tests.explore.run import Explored
    from tests.explore.telling import Told

_PROGRESS_S: Final = 10.0
_SHOWN: Final = 20
_CHUNK: Final = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore what the options ask for."""
    options = _parser().parse_args(arguments)
    if options.replay is not None:
        found = explore(options.replay)
        _say(story(found))
        return 1 if found.violations else 0
    every = shares() if options.exhaustive else ()
    end = options.seed + options.random
    seeds = (range(first, min(first + _CHUNK, end)) for first in range(options.seed, end, _CHUNK))
    if options.jobs == 1:
        return _explore(chain(map(tell_share, every), map(tell_seeds, seeds)), seed=options.seed)
    # Spawned: a fork would inherit the actors' pool without its threads.
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        told = chain(pool.imap_unordered(tell_share, every), pool.imap_unordered(tell_seeds, seeds))
        return _explore(told, seed=options.seed)


def story(found: Explored) -> str:
    """Return a run step by step, with how each delivery ended and what was broken."""
    began_s = found.deliveries[0].started_s
    steps = [
        f"#{step.number:<4}{step.at_s - began_s:9.2f} s  delivery {step.process.number:<3}"
        f"{step.operation:>10} {step.target:<9}{'  <- ' + step.fault if step.fault else ''}".rstrip()
        for step in found.trace
    ]
    ends = [f"delivery {process.number} of message {process.message}: {process.ending}" for process in found.deliveries]
    broken = [f"BROKEN {violation}" for violation in found.violations] or ["every invariant holds"]
    return "\n".join((str(found.plan), *steps, *ends, *broken))


def _explore(told: Iterable[list[Told]], *, seed: int) -> int:
    start = said = time.monotonic()
    runs = steps = faults = broken = 0
    for found in chain.from_iterable(told):
        runs += 1
        steps += found.steps
        faults += found.faults
        broken += bool(found.violations)
        if found.violations and broken <= _SHOWN:
            _say("\n".join((*_broken(found), f"  replay: python -m tests.explore --replay {found.name}")))
        if time.monotonic() - said > _PROGRESS_S:
            said = time.monotonic()
            _say(f"{runs:,} runs, {runs / (said - start):.0f} per second, {broken} broken")
    seconds = max(time.monotonic() - start, 1e-9)
    _say(
        f"seed {seed}: {runs:,} runs, {steps:,} steps, {faults:,} faults in {seconds:.0f} s"
        f" ({runs / seconds:.0f} runs per second): {broken or 'no'} run{'' if broken == 1 else 's'} broke an invariant"
    )
    return 1 if broken else 0


def _broken(found: Told) -> Iterator[str]:
    yield f"{found.name}: {found.plan}"
    yield from (f"  {violation}" for violation in found.violations)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.explore", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N random plans with up to four faults")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first random plan's number (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (default: all cores)")
    parser.add_argument("--exhaustive", action="store_true", help="all single faults, all pairs, all turns")
    parser.add_argument(
        "--replay", type=_plan, metavar="SEED", help="one run alone, by its number or its plan, step by step"
    )
    return parser


def _plan(text: str) -> Plan:
    try:
        return draw(int(text)) if text.isdigit() else parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
