"""Models as the rules name them, on a given day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.model_checks import cautions, maskless, problems
from shared.core.planning.rules import Rule, Rules, parse_rules
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.gemini.limits import BackendName

TODAY = dt.date(2026, 11, 21)
SEGMENT = 'tasks = ["segment"]'
MASKLESS = "gemini-3.1-flash-lite"
BACKENDS: tuple[BackendName, ...] = ("developer", "vertex")


def _rules(**models: str) -> Rules:
    return Rules(Choices(for_task={task: TaskChoices(model=model) for task, model in models.items()}))


def test_the_tasks_own_models_are_fine_today() -> None:
    for backend in BACKENDS:
        assert problems(Rules(Choices()), today=TODAY, backend=backend) == []
    assert cautions(Rules(Choices()), today=TODAY) == []


def test_every_place_that_names_a_retired_model_is_told_and_no_default_that_it_replaces() -> None:
    rules = _rules(**dict.fromkeys(TASKS, "gemini-3.1-flash-lite"))

    told = problems(rules, today=dt.date(2027, 5, 7), backend="developer")
    assert [line.partition(".")[0] for line in told] == ["defaults"] * len(TASKS)


def test_2_5_may_be_named_until_the_day_it_is_retired() -> None:
    rules = Rules(Choices(), (Rule(None, "", Choices(for_all=TaskChoices(model="gemini-2.5-pro"))),))

    assert problems(rules, today=dt.date(2026, 11, 30), backend="developer") == []
    assert [line.partition(":")[0] for line in cautions(rules, today=dt.date(2026, 11, 30))] == ["rules[0].model"]
    told = problems(rules, today=dt.date(2026, 12, 1), backend="developer")
    assert [line.partition(":")[0] for line in told] == ["rules[0].model"]


@pytest.mark.parametrize(
    ("defaults", "rule", "place"),
    [
        (f'{SEGMENT}\nmodel = "{MASKLESS}"', "", "defaults.model"),
        (f'{SEGMENT}\n[defaults.segment]\nmodel = "{MASKLESS}"', "", "defaults.segment.model"),
        (SEGMENT, f'model = "{MASKLESS}"', "rules[0].model"),
        (f'model = "{MASKLESS}"', SEGMENT, "defaults.model"),
        (f'tasks = ["caption"]\nmodel = "{MASKLESS}"', "", None),
        (SEGMENT, f'tasks = ["caption"]\nmodel = "{MASKLESS}"', None),
        (f'{SEGMENT}\nmodel = "{MASKLESS}"\n[defaults.segment]\nmodel = "gemini-3.8-flash"', "", None),
        (f'{SEGMENT}\nmodel = "gemini-2.5-flash-lite"', "", None),  # PNGs
    ],
)
def test_masks_wanted_of_a_model_that_gives_none_are_warned_about_where_it_is_named(
    defaults: str, rule: str, place: str | None
) -> None:
    rules = parse_rules(f"[defaults]\n{defaults}\n[[rules]]\n{rule}")

    assert cautions(rules, today=TODAY) == ([f"{place}: {maskless('segment', MASKLESS)}"] if place else [])


def test_only_a_task_with_masks_is_told_that_there_will_be_none() -> None:
    assert maskless("detect", MASKLESS) is None
    assert "such as gemini-3.8-flash" in (maskless("segment", MASKLESS) or "")
