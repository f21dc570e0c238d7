"""The day's ceiling and its grants."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery import budget
from shared.core.delivery.budget import Allowance, Ceiling

ceilings = st.builds(
    Ceiling,
    calls=st.one_of(st.none(), st.integers(1, 10**6)),
    usd=st.one_of(st.none(), st.floats(0.001, 10**5)),
)


@given(ceilings)
def test_all_grants_together_are_the_ceiling(ceiling: Ceiling) -> None:
    grants = [budget.grant(ceiling, number) for number in range(budget.grant_count(ceiling))]

    assert len(grants) <= budget.MAX_GRANTS
    assert sum(grant.calls for grant in grants) == (math.inf if ceiling.calls is None else ceiling.calls)
    assert sum(grant.usd for grant in grants) == pytest.approx(math.inf if ceiling.usd is None else ceiling.usd)
    assert all(grant.calls >= 1 for grant in grants)


@given(ceilings, ceilings)
def test_only_equal_ceilings_share_their_grants(one: Ceiling, other: Ceiling) -> None:
    same = budget.folder(one, "2026-11-21") == budget.folder(other, "2026-11-21")

    assert same == (one == other)


def test_taken_grants_are_not_free() -> None:
    assert budget.free_grants(Ceiling(calls=4), frozenset({0, 2})) == (1, 3)


def test_an_allowance_covers_a_call_only_if_both_sides_do() -> None:
    assert Allowance(1, 0.5).covers(0.5)
    assert not Allowance(0, 0.5).covers(0.1)
    assert not Allowance(5, 0.05).covers(0.1)


def test_an_answer_is_billed_as_the_model_that_served_it() -> None:
    body = {"usageMetadata": {"promptTokenCount": 1_000_000, "candidatesTokenCount": 0}, "candidates": []}
    at = "2026-11-21T09:00:00.000Z"

    asked = budget.paid_usd("gemini-3.8-flash", body, now_iso=at)
    served = budget.paid_usd("gemini-3.8-flash", {**body, "modelVersion": "gemini-3.5-flash-lite"}, now_iso=at)

    assert (asked, served) == (0.75, 0.30)


def test_the_cost_of_an_unknown_model_is_unknown() -> None:
    assert budget.paid_usd("gemini-99", {"usageMetadata": {"promptTokenCount": 5}}, now_iso="2026-11-21") is None
