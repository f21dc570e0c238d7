"""The day's ceiling and its grants."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.delivery import budget
from shared.core.delivery.budget import Allowance, Ceiling

ceilings = st.builds(
    Ceiling,
    calls=st.one_of(st.none(), st.integers(1, 10**6)),
    usd=st.one_of(st.none(), st.floats(0.001, 10**5)),
)


DAY = "2026-11-21"
AMOUNT = Allowance(3, 5_000_000)


@given(ceilings)
def test_all_grants_together_are_the_ceiling_exactly(ceiling: Ceiling) -> None:
    grants = [budget.grant(ceiling, number) for number in range(budget.grant_count(ceiling))]

    assert len(grants) <= budget.MAX_GRANTS
    assert sum(grant.calls for grant in grants) == (math.inf if ceiling.calls is None else ceiling.calls)
    whole = math.inf if ceiling.usd is None else math.floor(ceiling.usd * budget.NANO)
    assert sum(grant.nano_usd for grant in grants) == whole == budget.read_pool(ceiling, []).free.nano_usd
    assert all(grant.calls >= 1 for grant in grants)


@given(ceilings, ceilings)
@example(Ceiling(usd=1_234_567.5), Ceiling(usd=1_234_567.6))
def test_only_equal_ceilings_share_their_grants(one: Ceiling, other: Ceiling) -> None:
    same = budget.folder(one, DAY) == budget.folder(other, DAY)

    assert same == (one == other)


def _names(*names: str) -> list[str]:
    return [f"{budget.folder(DOLLARS, DAY)}{name}" for name in names]


DOLLARS = Ceiling(calls=5, usd=0.1)


def test_what_is_taken_is_not_free_until_it_is_put_back_and_then_once() -> None:
    back = budget.back_name("attempt-1", AMOUNT)
    all_of_it = [f"grant-{number:04d}" for number in range(5)]

    assert budget.read_pool(DOLLARS, _names("grant-0000")).free == Allowance(4, 80_000_000)
    assert budget.read_pool(DOLLARS, _names(*all_of_it)).free == Allowance()
    (part,) = (pool := budget.read_pool(DOLLARS, _names(*all_of_it, back))).returned
    assert (part.name, part.amount, pool.free) == ("took-attempt-1", AMOUNT, AMOUNT)
    assert budget.read_pool(DOLLARS, _names(*all_of_it, back, part.name)).free == Allowance()


@pytest.mark.parametrize(
    "name",
    ["junk", "grant-0005", "grant-00001", "back-x", "back-x-1--5", "back-x-any-5", "back-Ä-1-5", "below/grant-0001"],
)
def test_a_foreign_name_counts_for_nothing_and_is_named(name: str) -> None:
    pool = budget.read_pool(DOLLARS, _names("grant-0000", name))

    assert (pool.foreign, pool.free.nano_usd) == (tuple(_names(name)), 80_000_000)


def test_nobody_can_put_back_more_than_was_taken() -> None:
    pool = budget.read_pool(DOLLARS, _names("grant-0000", "back-x-1-20000001"))

    assert (pool.returned, pool.foreign) == ((), tuple(_names("back-x-1-20000001")))


def test_a_part_that_is_enough_alone_is_taken_first_then_any_that_was_put_back_then_a_grant() -> None:
    grants = [f"grant-{number:04d}" for number in range(4)]
    pool = budget.read_pool(DOLLARS, _names(*grants, "back-small-1-5", "back-large-1-50", "back-poor-0-60"))

    def best(calls: int, nano_usd: int) -> str:
        part = pool.best(Allowance(calls, nano_usd), jitter=0.99)
        assert part is not None
        return part.name

    assert best(1, 40) == "took-large"
    assert best(1, 500) in {"took-small", "took-large", "took-poor"}
    assert best(0, 55) == "took-poor"
    assert budget.read_pool(DOLLARS, _names(*grants)).best(AMOUNT, jitter=0.5) == budget.Part(
        "grant-0004", Allowance(1, 20_000_000)
    )


def test_an_allowance_covers_a_call_only_if_both_sides_do() -> None:
    assert Allowance(1, 5).covers(Allowance(1, 5))
    assert not Allowance(0, 5).covers(Allowance(1, 1))
    assert not Allowance(5, 4).covers(Allowance(1, 5))


def test_an_instance_keeps_one_grant_or_what_its_running_calls_have_reserved_and_puts_the_rest_back() -> None:
    idle, busy = Allowance(), Allowance(2, 60_000_000)

    assert budget.surplus(DOLLARS, left=Allowance(50, 30_000_000), reserved=idle) is None
    assert budget.surplus(DOLLARS, left=Allowance(50, 90_000_000), reserved=idle) == Allowance(49, 70_000_000)
    assert budget.surplus(DOLLARS, left=Allowance(50, 90_000_000), reserved=busy) == Allowance(48, 30_000_000)
    assert budget.surplus(Ceiling(calls=50), left=Allowance(50, math.inf), reserved=idle) is None


def test_an_instance_may_always_take_one_call_and_more_only_within_its_share() -> None:
    ceiling, one = Ceiling(usd=32.0), Allowance(1, budget.NANO)

    assert not budget.share_is_used(ceiling, reserved=Allowance(), wanted=Allowance(1, 20 * budget.NANO))
    assert budget.share_is_used(ceiling, reserved=Allowance(1, 1), wanted=one)
    assert not budget.share_is_used(Ceiling(calls=5), reserved=Allowance(4, 9), wanted=one)
