"""A ceiling too low for a single call is told of before any image waits for it."""

from __future__ import annotations

import datetime as dt

from shared.core.gemini.service import Service
from shared.core.planning.choices import Choices
from shared.core.planning.costs import most_usd_of, too_dear
from shared.core.planning.rules import parse_rules
from shared.core.tasks.catalogue import TASKS

SERVICE = Service("developer", dt.date(2026, 11, 29))
RULES = parse_rules("""
[defaults]
tasks = ["caption", "segment"]
[[rules]]
prefix = "fine/"
model = "gemini-4-carbon"
""")


def test_each_task_that_never_fits_is_named_with_its_place_and_what_it_can_cost() -> None:
    found = too_dear(RULES, max_usd_per_day=0.05, service=SERVICE)

    assert [text.partition(":")[0] for text in found] == ["defaults.segment", "rules[0].caption", "rules[0].segment"]
    assert "MAX_USD_PER_DAY is 0.05" in found[0]


def test_a_ceiling_that_fits_and_none_at_all_are_no_reason_for_words() -> None:
    assert too_dear(RULES, max_usd_per_day=1.0, service=SERVICE) == []
    assert too_dear(RULES, max_usd_per_day=None, service=SERVICE) == []


def test_no_task_as_it_comes_reserves_more_than_the_fifth_part_of_a_small_ceiling() -> None:
    """The local stack's own ceiling is a dollar: whatever is tried there must fit into it, several times over."""
    most = {task: most_usd_of(task, Choices(), service=SERVICE) for task in TASKS}

    assert max(most.values()) < 0.2
    assert max(most["caption"], most["classify"]) < 0.015
