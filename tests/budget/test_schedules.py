"""What is paid in a day stays below its ceiling, whatever instances do: over a thousand random schedules."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import pytest

from shared.core.delivery import budget
from shared.core.errors import AlreadyExistsError
from shared.core.gemini import prices
from shared.pipeline.instance.budget import DayBudget
from shared.pipeline.instance.budgets import Budgets, NestedBudget
from tests.budget.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.core.delivery.budget import Allowance
    from shared.pipeline.instance.budgets import NestedReservation

SCHEDULES: Final = 1200
FOR_A_MUTANT: Final = 400


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of lines that nobody reads take longer than what they tell of."""
    level = logging.getLogger("uplook").level
    logging.getLogger("uplook").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("uplook").setLevel(level)


@pytest.mark.fault(141)
def test_no_day_of_any_schedule_costs_more_than_its_ceiling_or_than_a_budget_in_it() -> None:
    broken = {seed: found for seed in range(SCHEDULES) if (found := Schedule(seed).play().broken())}

    assert broken == {}


def test_the_schedules_spend_what_the_ceiling_lets_them_and_use_again_what_comes_back() -> None:
    """So that the proof is none of a guard that lets nobody pass."""
    played = [Schedule(seed).play() for seed in range(200)]
    alone = [each for each in played if not each.budgets]
    limited = [each for each in alone if each.ceiling.usd is not None and each.ceiling.usd <= 0.4]
    used = [max(each.paid.by_bill.values(), default=0) / each.ceiling.whole.nano_usd for each in limited]

    assert sum(part > 0.5 for part in used) > len(used) / 4


def test_the_budgets_of_the_schedules_are_spent_as_well() -> None:
    played = [Schedule(seed).play() for seed in range(200)]
    used = [
        max(
            max(paid.by_bill.values(), default=0) / budget.whole.nano_usd,
            max(paid.billed.values(), default=0) / budget.whole.calls,
        )
        for each in played
        for budget, paid in each.paid_of.items()
    ]

    # Few, for the calls of a schedule are of four tenants; `_forget_the_budgets` shows that the limits are met.
    assert sum(part > 0.5 for part in used) > len(used) / 20


def _estimate_low(patch: pytest.MonkeyPatch) -> None:
    exact = prices.reserve_usd
    patch.setattr(prices, "reserve_usd", lambda *args, **options: exact(*args, **options) / 8)


def _take_for_granted_what_others_took(patch: pytest.MonkeyPatch) -> None:
    create = DayBudget._create

    def careless(guard: DayBudget, *arguments: Any) -> None:
        try:
            create(guard, *arguments)
        except AlreadyExistsError:
            return

    patch.setattr(DayBudget, "_create", careless)


def _keep_what_was_put_back(patch: pytest.MonkeyPatch) -> None:
    over = DayBudget._over

    def keeping(guard: DayBudget, day: str, *arguments: Any) -> Allowance | None:
        amount = over(guard, day, *arguments)
        if amount is not None:
            guard._ledgers[day].left = guard._ledgers[day].left.plus(amount)
        return amount

    patch.setattr(DayBudget, "_over", keeping)


def _forget_that_a_return_was_taken(patch: pytest.MonkeyPatch) -> None:
    read = budget.read_pool
    patch.setattr(
        budget, "read_pool", lambda ceiling, names: read(ceiling, [name for name in names if "/took-" not in name])
    )
    _take_for_granted_what_others_took(patch)


def _refund_what_was_lost(patch: pytest.MonkeyPatch) -> None:
    settle = DayBudget.settle

    def trusting(guard: DayBudget, reserved: Any, spent_usd: float | None, ports: Any) -> None:
        settle(guard, reserved, 0.0 if spent_usd is None else spent_usd, ports)

    patch.setattr(DayBudget, "settle", trusting)


def _refund_into_any_day(patch: pytest.MonkeyPatch) -> None:
    end = DayBudget._end

    def anywhere(guard: DayBudget, reserved: Any, day: str, *, unspent: Allowance) -> None:
        end(guard, reserved, max(guard._ledgers, default=day), unspent=unspent)

    patch.setattr(DayBudget, "_end", anywhere)


def _reserve_in_the_first_day_only(patch: pytest.MonkeyPatch) -> None:
    days_of = budget.days_of
    patch.setattr(budget, "days_of", lambda now_iso, timeout_s: days_of(now_iso, timeout_s=timeout_s)[:1])


def _forget_the_budgets(patch: pytest.MonkeyPatch) -> None:
    of = Budgets.of
    patch.setattr(Budgets, "of", lambda self, source: NestedBudget(of(self, source)._guards[-1:]))


def _let_a_budget_stand_for_the_ceiling(patch: pytest.MonkeyPatch) -> None:
    of = Budgets.of
    patch.setattr(Budgets, "of", lambda self, source: NestedBudget(of(self, source)._guards[:1]))


def _give_back_what_a_later_guard_refused(patch: pytest.MonkeyPatch) -> None:
    """Where the last guard has no room, all get a call back, the last one, too."""

    def to_all(nested: NestedBudget, reserved: NestedReservation) -> None:
        for guard in nested._guards if reserved.parts else ():
            guard.refund(reserved.parts[0])

    patch.setattr(NestedBudget, "refund", to_all)


def _let_one_pay_for_all(patch: pytest.MonkeyPatch) -> None:
    def settle(nested: NestedBudget, reserved: NestedReservation, spent_usd: float | None, ports: Any) -> None:
        for guard, part in zip(nested._guards, reserved.parts, strict=True):
            guard.settle(part, spent_usd if guard is nested._guards[-1] else 0.0, ports)

    patch.setattr(NestedBudget, "settle", settle)


MUTANTS: Final[tuple[Callable[[pytest.MonkeyPatch], None], ...]] = (
    _estimate_low,
    _take_for_granted_what_others_took,
    _keep_what_was_put_back,
    _forget_that_a_return_was_taken,
    _refund_what_was_lost,
    _refund_into_any_day,
    _reserve_in_the_first_day_only,
    _forget_the_budgets,
    _let_a_budget_stand_for_the_ceiling,
    _give_back_what_a_later_guard_refused,
    _let_one_pay_for_all,
)


@pytest.mark.parametrize("mutate", MUTANTS, ids=[mutate.__name__.strip("_") for mutate in MUTANTS])
def test_a_guard_that_is_broken_on_purpose_is_found(
    mutate: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)

    assert any(Schedule(seed).play().broken() for seed in range(FOR_A_MUTANT))
