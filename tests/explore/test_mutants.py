"""The explorer can fail: every protocol that is broken on purpose is found, by the invariant it breaks."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tests.explore.__main__ import main
from tests.explore.batch_mutants import BATCH_MUTANTS
from tests.explore.exhaustive import SCHEDULES, bases, interleavings, singles
from tests.explore.mutants import (
    CEILING_MUTANTS,
    HOLDING_MUTANTS,
    JOINT_MUTANTS,
    MUTANTS,
    REFERENCE_MUTANTS,
    skip_the_lease,
)
from tests.explore.reuse_mutants import REUSE_MUTANTS
from tests.explore.run import explore

if TYPE_CHECKING:
    from tests.explore.mutants import Mutation


@pytest.mark.parametrize(("mutate", "broken"), MUTANTS.items(), ids=[mutate.__name__ for mutate in MUTANTS])
def test_a_broken_protocol_is_found(mutate: Mutation, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    unbroken = chain.from_iterable(bases("segment", schedule) for schedule in SCHEDULES)
    plans = chain(unbroken, singles("segment", "once"), interleavings("caption"))

    found = next((explored for explored in map(explore, plans) if explored.violations), None)

    assert found is not None, "no plan broke an invariant"
    assert [violation for violation in found.violations if violation.startswith(broken)], found.violations


@pytest.mark.parametrize(
    ("scenario", "mutate", "broken"),
    [
        *(("held", *each) for each in HOLDING_MUTANTS.items()),
        *(("dear", *each) for each in CEILING_MUTANTS.items()),
        *(("gs", *each) for each in REFERENCE_MUTANTS.items()),
        *(("joint", *each) for each in JOINT_MUTANTS.items()),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_broken_way_of_holding_of_spending_of_naming_addresses_or_of_sharing_an_ask_is_found(
    scenario: str, mutate: Mutation, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)

    found = next((explored for explored in map(explore, singles(scenario, "once")) if explored.violations), None)

    assert found is not None, "no plan broke an invariant"
    assert [violation for violation in found.violations if violation.startswith(broken)], found.violations


@pytest.mark.parametrize(("mutate", "shown"), REUSE_MUTANTS.items(), ids=[each.__name__ for each in REUSE_MUTANTS])
def test_a_broken_way_of_sharing_answers_is_found(
    mutate: Mutation, shown: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    scenario, schedule, broken = shown
    plans = singles(scenario, schedule) if schedule == "once" else bases(scenario, schedule)

    found = next((explored for explored in map(explore, plans) if explored.violations), None)

    assert found is not None, "no plan broke an invariant"
    assert [violation for violation in found.violations if violation.startswith(broken)], found.violations


@pytest.mark.parametrize(("mutate", "shown"), BATCH_MUTANTS.items(), ids=[each.__name__ for each in BATCH_MUTANTS])
def test_a_broken_way_of_following_batch_jobs_is_found(
    mutate: Mutation, shown: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    scenario, schedule, broken = shown
    plans = singles(scenario, schedule) if schedule == "once" else bases(scenario, schedule)

    found = next((explored for explored in map(explore, plans) if explored.violations), None)

    assert found is not None, "no plan broke an invariant"
    assert [violation for violation in found.violations if violation.startswith(broken)], found.violations


def test_a_run_that_breaks_an_invariant_is_named_by_its_seed_and_replays_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_the_lease(monkeypatch)

    assert main(["--random", "20", "--seed", "1", "--jobs", "1"]) == 1
    output = capsys.readouterr().out
    first = next(line for line in output.splitlines() if line.startswith("  replay: "))
    assert main(["--replay", first.rsplit(" ", 1)[-1]]) == 1
    assert "BROKEN pay once" in capsys.readouterr().out
