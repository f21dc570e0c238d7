"""Models as the rules name them, on a given day."""

from __future__ import annotations

import datetime as dt

from shared.core.choices import Choices, TaskChoices
from shared.core.model_checks import cautions, problems
from shared.core.rules import Rule, Rules
from shared.core.tasks import TASKS

TODAY = dt.date(2026, 11, 21)


def _rules(**models: str) -> Rules:
    return Rules(Choices(for_task={task: TaskChoices(model=model) for task, model in models.items()}))


def test_the_tasks_own_models_are_fine_today() -> None:
    assert problems(Rules(Choices()), today=TODAY) == cautions(Rules(Choices()), today=TODAY) == []


def test_every_place_that_names_a_retired_model_is_told_and_no_default_that_it_replaces() -> None:
    rules = _rules(**dict.fromkeys(TASKS, "gemini-3.1-flash-lite"))

    assert len(problems(rules, today=dt.date(2027, 5, 7))) == len(TASKS)
    assert [line.partition(".")[0] for line in problems(rules, today=dt.date(2027, 5, 7))] == ["defaults"] * len(TASKS)


def test_2_5_may_be_named_until_the_day_it_is_retired() -> None:
    rules = Rules(Choices(), (Rule(None, "", Choices(for_all=TaskChoices(model="gemini-2.5-pro"))),))

    assert problems(rules, today=dt.date(2026, 11, 30)) == []
    assert [line.partition(":")[0] for line in cautions(rules, today=dt.date(2026, 11, 30))] == ["rules[0].model"]
    assert [line.partition(":")[0] for line in problems(rules, today=dt.date(2026, 12, 1))] == ["rules[0].model"]
