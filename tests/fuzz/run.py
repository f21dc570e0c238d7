"""Fuzzes the hostile inputs: `python -m tests.fuzz.run --target all --seconds 600`.

Each target is a process of its own, two at a time. What a run discovers stays in `.local/fuzz/corpus` and is the
start of the next one; an input that breaks a law is kept in `.local/fuzz` with the command that replays it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.seeds import TARGETS, write_seeds

FOLDER = Path(__file__).parent
COMMITTED = FOLDER / "corpus"
SHARED = {"costs": "images"}
"""Targets that start with the corpus and the dictionary of another one, whose inputs mean the same to them."""

REPOSITORY = FOLDER.parents[1]
WORK = REPOSITORY / ".local" / "fuzz"

_PROCESSES = 2
_MISSING = """\
Expected the fuzzer atheris, found no such package in this environment.
It runs on Linux (x86-64) with Python 3.11 to 3.13; there, `make fuzz` installs it. Elsewhere the known inputs
can still be replayed: python -m pytest tests/fuzz
"""
_NO_ATHERIS = 2
_INTERRUPTED = 72  # libFuzzer's exit code
# The fuzzer itself grows by half a kilobyte an execution: a run of an hour must not look like a leak of ours.
_LIMITS = ("-rss_limit_mb=4096", "-print_final_stats=1")
_TIMEOUT_S, _TIMEOUTS_S = 10, {"costs": 120}
"""The fuzzer's own limit is one of the clock; a target that counts CPU time must not fail where a machine is busy."""

_EXECUTIONS = re.compile(r"^stat::number_of_executed_units: (\d+)", re.MULTILINE)
_PROGRESS = re.compile(r"^#(\d+)\t.*?cov: (\d+) ft: (\d+)", re.MULTILINE)
_ARTIFACT = re.compile(r"Test unit written to (\S+)")
_EXCEPTION = re.compile(r"=== Uncaught Python exception: ===\n(.+?)\n==\d+== ERROR", re.DOTALL)
_PLACE = re.compile(r'^  File "(?:.*/)?(.+?)", line (\d+)', re.MULTILINE)
_ALARM = re.compile(r"^SUMMARY: (.+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the run of one target ended; `failure` says what broke, `artifact` is the input that did it."""

    target: str
    seconds: float
    new_inputs: int
    executions: int
    edges: int
    features: int
    failure: str | None = None
    artifact: Path | None = None

    @property
    def replay(self) -> str | None:
        """The command that shows the failure again, with or without a fuzzer."""
        if self.artifact is None:
            return None
        shown = self.artifact.relative_to(REPOSITORY) if self.artifact.is_relative_to(REPOSITORY) else self.artifact
        return f"python -m tests.fuzz.run --target {self.target} --replay {shown}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the summary, and return the exit code: 1 where anything broke."""
    options = _options(arguments)
    if options.replay:
        return _replay(options.target, options.replay)
    if find_spec("atheris") is None:
        sys.stderr.write(_MISSING)
        return _NO_ATHERIS
    targets = TARGETS if options.target == "all" else (options.target,)
    with ThreadPoolExecutor(_PROCESSES) as pool:
        runs = [pool.submit(_fuzz, target, options.seconds, options.corpus.resolve()) for target in targets]
        outcomes = [run.result() for run in runs]
    sys.stdout.write(summary(outcomes))
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def engine_command(target: str, *arguments: str | Path) -> list[str]:
    """Return the command of one fuzzing process; there, too, a warning is an error."""
    return [sys.executable, "-W", "error", "-m", "tests.fuzz.engine", target, *map(str, arguments)]


def read_log(target: str, log: str, *, code: int, seconds: float, new_inputs: int) -> Outcome:
    """Return what libFuzzer reported: its last line of progress, its statistics, and what stopped it."""
    progress = _PROGRESS.findall(log)
    last = [int(number) for number in progress[-1]] if progress else [0, 0, 0]
    total, artifact = _EXECUTIONS.search(log), _ARTIFACT.search(log)
    return Outcome(
        target,
        seconds,
        new_inputs,
        executions=int(total[1]) if total else last[0],
        edges=last[1],
        features=last[2],
        failure=_failure(log, code) if code else None,
        artifact=Path(artifact[1]) if artifact else None,
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the table of all targets, and under it each failure with its input."""
    lines = [f"{'target':<12}{'executions':>12}{'per second':>12}{'edges':>8}{'features':>10}{'new':>7}{'crashes':>9}"]
    lines += [
        f"{out.target:<12}{out.executions:>12,}{out.executions / max(out.seconds, 1):>12,.0f}{out.edges:>8,}"
        f"{out.features:>10,}{out.new_inputs:>7,}{int(out.failure is not None):>9}"
        for out in outcomes
    ]
    for out in outcomes:
        if out.failure:
            lines += ["", f"{out.target} failed: {out.failure}", f"  log:    {WORK / out.target}.log"]
            lines += [f"  replay: {out.replay}"] if out.replay else []
    return "\n".join(lines) + "\n"


def _fuzz(target: str, seconds: int, corpus: Path) -> Outcome:
    own = corpus / target
    write_seeds(target, WORK / "seeds" / target)
    own.mkdir(parents=True, exist_ok=True)
    before = len(list(own.iterdir()))
    known = [folder for folder in (WORK / "seeds" / target, COMMITTED / SHARED.get(target, target)) if folder.is_dir()]
    command = engine_command(
        target,
        *_LIMITS,
        f"-timeout={_TIMEOUTS_S.get(target, _TIMEOUT_S)}",
        f"-max_total_time={seconds}",
        f"-dict={FOLDER / 'dictionaries' / SHARED.get(target, target)}.dict",
        f"-artifact_prefix={WORK / target}-",
        *(own, *known),
    )
    log, start = WORK / f"{target}.log", time.monotonic()
    with log.open("wb") as output:
        ended = subprocess.run(command, cwd=REPOSITORY, env=_environment(), stdout=output, stderr=output, check=False)
    return read_log(
        target,
        log.read_text(errors="replace"),
        code=ended.returncode,
        seconds=time.monotonic() - start,
        new_inputs=len(list(own.iterdir())) - before,
    )


def _failure(log: str, code: int) -> str:
    """Return the exception and the place it came from, else libFuzzer's own words (a timeout, too much memory)."""
    if exception := _EXCEPTION.search(log):
        words, places = exception[1].split("\n")[0], _PLACE.findall(exception[1])
        return f"{words} ({places[-1][0]}:{places[-1][1]})" if places else words
    if alarm := _ALARM.search(log):
        return alarm[1]
    if code == _INTERRUPTED:
        return "it was interrupted"
    return f"the process ended with code {code}: {log.strip().rpartition(chr(10))[2] or 'it said nothing'}"


def _environment() -> dict[str, str]:
    """Return the environment with a fixed order of sets, so that an input that fails once fails again."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def _replay(target: str, file: Path) -> int:
    """Run one input without a fuzzer; what it breaks is raised, with its traceback."""
    importlib.import_module(f"tests.fuzz.target_{target}").fuzz_one(file.read_bytes())
    sys.stdout.write(f"{file} breaks no law of {target}.\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="Fuzz Uplook's hostile inputs.")
    parser.add_argument("--target", choices=(*TARGETS, "all"), default="all")
    parser.add_argument("--seconds", type=int, default=600, metavar="N", help="for each target (default: 600)")
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus", metavar="DIR", help="where discoveries go")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this one input instead, without a fuzzer")
    options = parser.parse_args(arguments)
    if options.replay and options.target == "all":
        parser.error("--replay needs one --target: inputs mean something else to each")
    return options


if __name__ == "__main__":
    sys.exit(main())
