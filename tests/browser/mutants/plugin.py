"""A pytest plugin for a copy of the repository: a test runs for each of its mutants, and what it did is written down.

The patience of all waits is that of the environment: who waits in vain for what a mutant took away is red sooner.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import tests.browser.whole_stack
import tests.services  # noqa: F401 - see below
from tests import waiting
from tests.browser.mutants import copied
from tests.browser.mutants.judging import Mutant, Outcome, Ran
from tests.browser.mutants.table import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

MUTANTS_VARIABLE: Final = "BROWSER_MUTANTS"
RECORD_VARIABLE: Final = "BROWSER_MUTANTS_RECORD"
PATIENCE_VARIABLE: Final = "BROWSER_MUTANTS_PATIENCE_S"
_SAID_CHARS: Final = 300
_ROOT: Final = Path(__file__).parents[3]

# Before the tests import it by value, and after those who start services have: that takes as long as it takes.
waiting.WAIT_S = float(os.environ.get(PATIENCE_VARIABLE, waiting.WAIT_S))
(waiting.wait_until.__kwdefaults__ or {})["timeout_s"] = waiting.WAIT_S
_CHOSEN: Final = [each for each in MUTANTS if each.name in os.environ.get(MUTANTS_VARIABLE, "").split()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a test run for each of its mutants."""
    name = f"{Path(str(metafunc.definition.path)).name}::{metafunc.function.__name__}"
    own = [each for each in _CHOSEN if each.test == name]
    if own:
        metafunc.parametrize("mutant", own, ids=[each.name for each in own], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests without a mutant, and parameters that a mutant is not for."""
    if not _CHOSEN:
        return
    left = [each for each in items if _wanted(each)]
    config.hook.pytest_deselected(items=[each for each in items if each not in left])
    items[:] = left


def _wanted(item: pytest.Item) -> bool:
    mutant = mutant_of(item)
    return mutant is not None and all(f"-{each}-" in f"-{item.callspec.id}-" for each in mutant.only)  # type: ignore[attr-defined]


def mutant_of(item: pytest.Item) -> Mutant | None:
    """Return the mutant that a test runs with."""
    found: Mutant | None = getattr(item, "callspec", None) and item.callspec.params.get("mutant")  # type: ignore[attr-defined]
    return found


@pytest.fixture(autouse=True)
def mutant(request: pytest.FixtureRequest) -> Iterator[None]:
    """Break the page for one test. A mutant of the viewer itself was there before it started."""
    chosen: Mutant | None = getattr(request, "param", None)
    if chosen is None or not chosen.in_the_page:
        yield
        return
    with copied.mutated(_ROOT, chosen):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Write down what became of a test: one line for its call, and one for what went wrong before or after."""
    report = yield
    if call.when == "call" or report.outcome != "passed":
        chosen, error = mutant_of(item), call.excinfo
        outcome: Outcome = report.outcome if call.when == "call" or report.outcome == "skipped" else "error"
        at = [str(each.statement).strip() for each in error.traceback if _of_a_test(each.path)] if error else []
        said = " ".join(str(error.value).split())[:_SAID_CHARS] if error else ""
        ran = Ran(item.name, chosen.name if chosen else None, outcome, at, said, call.duration)
        with Path(os.environ[RECORD_VARIABLE]).open("a", encoding="utf-8") as record:
            record.write(json.dumps(asdict(ran)) + "\n")
    return report


def _of_a_test(path: Path | str) -> bool:
    return str(Path(path)).startswith(str(_ROOT / "tests"))
