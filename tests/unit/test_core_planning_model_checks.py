"""Models as the rules name them, on a given day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.core.gemini.registry import SERVICES, known_models, profile, switched_off
from shared.core.gemini.service import Service, may_be_off
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.model_checks import ModelChoice, cautions, maskless, model_to_ask, refusals
from shared.core.planning.rules import Rule, Rules, parse_rules
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.gemini.registry import BackendName

TODAY = dt.date(2026, 11, 21)
SERVICE = Service("developer", TODAY)
SEGMENT = 'tasks = ["segment"]'
MASKLESS = "gemini-3.1-flash-lite"
ANNOUNCED = sorted(
    {
        (backend, end.day, "successors" if follows else "as it is")
        for model in (*known_models(), *switched_off())
        for backend, end in model.ends.items()
        for follows in (False, True)
    }
)
"""Every day on which a back end may shut a model down."""


def _rules(**models: str) -> Rules:
    return Rules(Choices(for_task={task: TaskChoices(model=model) for task, model in models.items()}))


def test_the_tasks_own_models_are_fine_today() -> None:
    for backend in SERVICES:
        assert refusals(Rules(Choices()), Service(backend, TODAY)) == []
        assert cautions(Rules(Choices()), Service(backend, TODAY)) == []


@pytest.mark.fault(91)
@pytest.mark.parametrize(("backend", "day", "how"), ANNOUNCED)
def test_on_the_day_after_every_announced_one_each_task_asks_a_model_that_certainly_answers(
    backend: BackendName, day: dt.date, how: str
) -> None:
    service = Service(backend, day + dt.timedelta(days=1), use_successors=how == "successors")

    for task in TASKS.values():
        choice = model_to_ask(task.name, task.model, service)
        model = profile(choice.model)
        assert choice.refused is None
        assert not may_be_off(model, service)
        assert (choice.replaced is None) is (model.id == task.model)
        assert not task.wants_masks or model.masks != "none"


def test_what_stood_in_for_a_default_is_replaced_in_its_turn() -> None:
    """An event that was planned with the first successor may wait until that one is gone, too."""
    service = Service("vertex", dt.date(2027, 9, 3))

    assert model_to_ask("caption", "gemini-3.8-flash", service).model == "gemini-4-hydrogen"


@pytest.mark.fault(91)
@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-pro-preview-06-05"])
def test_a_named_model_that_is_gone_is_refused_and_its_successor_asked_only_if_the_deployment_says_so(
    model: str,
) -> None:
    held = model_to_ask("detect", model, SERVICE)
    followed = model_to_ask("detect", model, replace(SERVICE, use_successors=True))

    assert (held.model, held.replaced) == (model, None)
    assert "USE_SUCCESSORS" in (held.refused or "")
    assert followed.refused is None
    assert not may_be_off(profile(followed.model), SERVICE)
    assert model in (followed.replaced or "")


def test_an_unknown_model_is_asked_whatever_the_deployment_says() -> None:
    for follows in (False, True):
        assert model_to_ask("detect", "gemini-9-uranium", replace(SERVICE, use_successors=follows)) == ModelChoice(
            "gemini-9-uranium"
        )


def test_every_place_that_names_a_retired_model_is_told_and_no_default_that_it_replaces() -> None:
    rules = _rules(**dict.fromkeys(TASKS, "gemini-2.0-flash"))

    told = refusals(rules, SERVICE)
    assert [line.partition(".")[0] for line in told] == ["defaults"] * len(TASKS)


def test_2_5_may_be_named_until_the_day_it_is_shut_down() -> None:
    rules = Rules(Choices(), (Rule(None, "", Choices(for_all=TaskChoices(model="gemini-2.5-pro"))),))
    before, after = (Service("developer", dt.date(2026, *day)) for day in ((11, 30), (12, 1)))

    assert refusals(rules, before) == []
    assert [line.partition(":")[0] for line in cautions(rules, before)] == ["rules[0].model"]
    assert [line.partition(":")[0] for line in refusals(rules, after)] == ["rules[0].model"]
    assert cautions(rules, after) == []
    follows = replace(after, use_successors=True)
    assert refusals(rules, follows) == []
    assert "gemini-3.8-flash is asked in its place" in cautions(rules, follows)[0]


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

    assert cautions(rules, SERVICE) == ([f"{place}: {maskless('segment', MASKLESS)}"] if place else [])


def test_only_a_task_with_masks_is_told_that_there_will_be_none() -> None:
    assert maskless("detect", MASKLESS) is None
    assert "such as gemini-3.8-flash" in (maskless("segment", MASKLESS) or "")
