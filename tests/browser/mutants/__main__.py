"""`python -m tests.browser.mutants [--only NAME …] [--modules FILE …] [--patience SECONDS]`: is each mutant seen?

Everything happens in a copy of the repository. The tests of a file run without a mutant first, and must pass; then each
mutant's test must fail, where the table says. 0: all are seen; 1: one is not; 2: the tests are not green.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.mutants import copied, plugin
from tests.browser.mutants.judging import Mutant, Ran, judge, not_green
from tests.browser.mutants.table import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_S = 60.0
STACK_PATIENCE_S = 150.0
"""Of the tests that start a whole stack, and wait for the lease of a dead worker."""

_WHOLE_STACK = "test_whole_stack.py"
_TAIL_CHARS = 3000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants, and say of each whether it is seen."""
    args = _parser().parse_args(arguments)
    chosen = [each for each in MUTANTS if each.name in args.only and each.module in args.modules]
    missed = []
    with tempfile.TemporaryDirectory(prefix="uplook-mutants-") as folder:
        run = _Run(copied.copy_to(Path(folder)), Path(folder), args.patience)
        for module in dict.fromkeys(each.module for each in chosen):
            own = [each for each in chosen if each.module == module]
            began_s = time.monotonic()
            if red := not_green(run.tests(module, sorted({each.test.partition("::")[2] for each in own}))):
                _say("\n  ".join([f"{module} is not green without a mutant, so it says nothing:", *red]))
                return 2
            _say(f"{module}: green without a mutant, after {time.monotonic() - began_s:.0f} s")
            for verdict in map(judge, own, [run.with_mutants(module, own)] * len(own)):
                missed += [] if verdict.seen else [verdict]
                state = "seen  " if verdict.seen else "MISSED"
                _say(f"  {state} {verdict.mutant.name}: {verdict.words}")
            _say(f"  {len(own)} mutants, {time.monotonic() - began_s:.0f} s")
    _say(f"{len(chosen) - len(missed)} of {len(chosen)} mutants are seen.")
    return 1 if missed else 0


class _Run:
    """Runs tests in a copy."""

    def __init__(self, copy: Path, folder: Path, patience_s: float | None) -> None:
        self._copy, self._folder, self._patience_s = copy, folder, patience_s

    def tests(self, module: str, functions: Sequence[str], mutants: Sequence[Mutant] = ()) -> list[Ran]:
        """Run some tests of a file in a process, with mutants or with none."""
        record = self._folder / "record.jsonl"
        record.unlink(missing_ok=True)
        patience_s = self._patience_s or (STACK_PATIENCE_S if module == _WHOLE_STACK else PATIENCE_S)
        env = os.environ | {
            plugin.MUTANTS_VARIABLE: " ".join(each.name for each in mutants),
            plugin.RECORD_VARIABLE: str(record),
            plugin.PATIENCE_VARIABLE: str(patience_s),
            "PYTHONPYCACHEPREFIX": str(self._folder / "pycache"),
        }
        argv = [sys.executable, "-m", "pytest", "-p", "tests.browser.mutants.plugin", "-p", "no:cacheprovider"]
        argv += [f"tests/browser/{module}::{each}" for each in functions]
        ended = subprocess.run(argv, cwd=self._copy, env=env, capture_output=True, text=True, check=False)
        if not record.exists():
            raise RuntimeError(f"Expected tests to run, found:\n{(ended.stdout + ended.stderr)[-_TAIL_CHARS:]}")
        return [Ran(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]

    def with_mutants(self, module: str, mutants: Sequence[Mutant]) -> list[Ran]:
        """Run each mutant's test: those of the page beside one viewer, each of the viewer with a viewer of its own."""
        pages = [each for each in mutants if each.in_the_page]
        groups = [pages] if pages else []
        groups += [[each] for each in mutants if not each.in_the_page]
        ran: list[Ran] = []
        for group in groups:
            with contextlib.ExitStack() as stack:
                for each in group:
                    if not each.in_the_page:
                        stack.enter_context(copied.mutated(self._copy, each))
                functions = sorted({each.test.partition("::")[2] for each in group})
                ran += self.tests(module, functions, group)
        return ran


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.mutants", description=__doc__)
    names, modules = [each.name for each in MUTANTS], sorted({each.module for each in MUTANTS})
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help="these mutants")
    parser.add_argument("--modules", nargs="+", choices=modules, default=modules, metavar="FILE", help="of these files")
    parser.add_argument("--patience", type=float, metavar="SECONDS", help="how long a test waits before it is red")
    return parser


if __name__ == "__main__":
    sys.exit(main())
