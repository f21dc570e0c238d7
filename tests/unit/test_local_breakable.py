"""The ceiling that a button of the page uses up, and makes new again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local.breakable import BUDGET, PREFIX, write_rules
from infra.local.viewer import spending
from shared.config import Settings
from shared.core.delivery import budget
from shared.core.errors import ErrorCode, ParkError
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules, parse_rules
from shared.core.values import Source
from shared.pipeline.instance.budget import DayBudget
from shared.pipeline.upkeep.room import note_released, room_calls
from tests.rig import Rig

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = Source("uploads", f"{PREFIX}coffee.heic", 1)


def broken_rig() -> Rig:
    return Rig(rules=Rules(Choices(), budgets=(BUDGET,)))


def room_of(rig: Rig) -> int | None:
    return room_calls(rig.ports, BUDGET.scope_id)


def test_the_rules_of_a_stack_are_its_own_and_the_budget(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[defaults]\ntasks = ["caption"]\n[[budgets]]\nprefix = "a/"\nmax_calls_per_day = 3\n', "utf-8-sig")
    (tmp_path / "state").mkdir()
    found = parse_rules(write_rules(own, tmp_path / "state").read_text(encoding="utf-8"))
    assert found.defaults == parse_rules(own.read_text(encoding="utf-8-sig")).defaults
    assert [each.scope.prefix for each in found.budgets if each.scope] == ["a/", PREFIX]
    assert found.budgets_for("uploads", f"{PREFIX}x.jpg") == (BUDGET,)


def test_rules_that_come_with_the_code_take_the_budget(tmp_path: Path) -> None:
    assert parse_rules(write_rules(Settings.rules_file, tmp_path).read_text(encoding="utf-8")).budgets == (BUDGET,)


@pytest.mark.parametrize("text", [b"[defaults", b"budgets = []\n", b"\xff", None])
def test_rules_that_cannot_take_it_are_left_to_whoever_reads_them(tmp_path: Path, text: bytes | None) -> None:
    own = tmp_path / "own.toml"
    if text is not None:
        own.write_bytes(text)
    assert write_rules(own, tmp_path) == own


def test_a_used_up_ceiling_refuses_the_next_call_and_a_new_one_takes_as_many_as_ever() -> None:
    rig = broken_rig()
    guard = DayBudget(BUDGET)
    guard.reserve(0.0, rig.ports, timeout_s=60)
    assert spending.use_up(rig.ports) == (BUDGET.calls or 0) - 1
    assert spending.use_up(rig.ports) == 0
    with pytest.raises(ParkError) as refused:
        DayBudget(BUDGET).reserve(0.0, rig.ports, timeout_s=60)
    assert refused.value.code == ErrorCode.DAILY_CEILING
    assert room_of(rig) == 0
    spending.begin_anew(rig.ports)
    assert room_of(rig) == BUDGET.calls
    DayBudget(BUDGET).reserve(0.0, rig.ports, timeout_s=60)


def test_what_was_released_of_an_earlier_ceiling_takes_nothing_from_a_new_one() -> None:
    rig = broken_rig()
    for _ in range(3):
        spending.use_up(rig.ports)
        spending.begin_anew(rig.ports)
        note_released([SAMPLE] * 9, rig.ports)
        assert room_of(rig) == (BUDGET.calls or 0) - 9
        spending.begin_anew(rig.ports)
        assert room_of(rig) == BUDGET.calls


def test_no_other_days_or_ceilings_are_touched() -> None:
    rig = broken_rig()
    today = budget.day_of(rig.clock.now_iso())
    days = ((BUDGET, "2001-01-01"), (budget.Ceiling(calls=BUDGET.calls), today))
    others = [f"{budget.folder(ceiling, day)}grant-0001" for ceiling, day in days]
    for name in others:
        rig.ports.store.create(rig.ports.settings.work_bucket, name, b"", content_type="text/plain")
    spending.begin_anew(rig.ports)
    assert all(rig.ports.store.stat(rig.ports.settings.work_bucket, name) for name in others)
