"""The models: data that is sane, and safe answers about models nobody has heard of."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from shared.core.gemini import registry
from shared.core.gemini.registry import ModelProfile, caution, known_models, profile, refusal, switched_off, unserved
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.tasks.common.task import Task

TODAY = dt.date(2026, 11, 21)
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
RESOLUTIONS = ("low", "medium", "high", "ultra_high")
each_model = pytest.mark.parametrize("model", known_models(), ids=lambda model: model.id)


@each_model
def test_a_model_says_how_it_thinks_with_levels_from_the_lowest_up(model: ModelProfile) -> None:
    assert list(model.levels) == [level for level in LEVELS if level in model.levels]
    assert bool(model.levels) is (model.thinking == "level")


@each_model
def test_a_model_says_how_little_it_thinks_by_budget_only_where_it_thinks_by_budget(model: ModelProfile) -> None:
    assert model.least_budget >= 0
    assert model.least_budget == 0 or model.thinking == "budget"


@each_model
def test_a_model_takes_media_resolutions_from_the_lowest_up_and_counts_tokens_by_its_generation(
    model: ModelProfile,
) -> None:
    assert list(model.media_resolutions) == [each for each in RESOLUTIONS if each in model.media_resolutions]
    assert model.media_resolutions
    assert (model.counting == "tiles") is (model.thinking != "level")


@each_model
def test_a_model_has_known_masks_and_back_ends(model: ModelProfile) -> None:
    assert model.masks in {"png", "polygon", "none"}
    assert set(model.backends) <= {"developer", "vertex"}
    assert model.backends


@each_model
def test_prices_stand_in_the_order_of_their_days_and_answers_cost_more_than_prompts(model: ModelProfile) -> None:
    days = [price.start for price in model.prices]

    assert days == sorted(set(days))
    assert all(0 < price.usd_in < price.usd_out < 100 for price in model.prices)


def test_a_model_of_today_is_a_table_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the day is: its price may begin today, and a model that counts tiles may take `ultra_high`."""
    table = {
        "thinking": "budget",
        "masks": "png",
        "media_resolutions": ["low", "ultra_high"],
        "sampling": False,
        "counting": "tiles",
        "backends": ["vertex"],
        "prices": [{"from": dt.datetime.now(dt.UTC).date(), "usd_in": 1.0, "usd_out": 2.0}],
    }
    document = {"gemini-9-plutonium": table, "switched_off": {}}
    monkeypatch.setattr(registry, "_document", lambda: document)
    registry._registry.cache_clear()
    try:
        (model,) = known_models()
    finally:
        registry._registry.cache_clear()

    test_prices_stand_in_the_order_of_their_days_and_answers_cost_more_than_prompts(model)
    test_a_model_takes_media_resolutions_from_the_lowest_up_and_counts_tokens_by_its_generation(model)
    assert refusal(model, model.prices[0].start) is None
    assert model.resolution("ultra_high") == "ultra_high"


@each_model
def test_a_model_that_ends_has_a_successor_that_goes_on(model: ModelProfile) -> None:
    assert (model.retired is None) is (model.successor is None)
    if model.successor is not None:
        assert profile(model.successor).known
        assert profile(model.successor).retired is None
        assert profile(model.successor).prices


@pytest.mark.fault(91)
@pytest.mark.parametrize("model", switched_off(), ids=lambda model: model.id)
def test_a_model_that_was_gone_early_is_refused_for_a_successor_that_goes_on(model: ModelProfile) -> None:
    assert (
        refusal(profile(model.id), TODAY)
        == f"{model.id} was retired on {model.retired}: name {model.successor} instead"
    )
    assert profile(model.successor or "") in known_models()
    assert profile(model.successor or "").retired is None


def test_every_id_of_published_guides_that_is_gone_is_known_as_gone() -> None:
    """Those of the guides of 2025, and of the pages that came after them."""
    assert {
        "gemini-2.0-flash-exp",
        "gemini-2.5-flash-preview-05-20",
        "gemini-2.5-pro-preview-06-05",
        "gemini-robotics-er-1.6-preview",
    } <= {model.id for model in switched_off()}


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_has_a_known_model_that_lives_and_takes_its_thinking_level(task: Task) -> None:
    default = profile(task.model)

    assert default.known
    assert default.retired is None
    assert task.thinking in default.levels


def test_an_unknown_model_is_taken_for_one_of_today_and_says_that_it_is_unknown() -> None:
    assert profile("gemini-9-uranium") == ModelProfile(
        id="gemini-9-uranium",
        thinking="level",
        levels=("low", "medium", "high"),
        masks="polygon",
        media_resolutions=("low", "medium", "high"),
        sampling=False,
        counting="fixed",
        prices=(),
        known=False,
    )


@pytest.mark.parametrize(
    ("model", "wanted", "asked_for"),
    [
        ("gemini-3.8-flash", "minimal", "low"),  # answered with 400 otherwise
        ("gemini-3.8-flash", "medium", "medium"),
        ("gemini-3.8-flash", "xhigh", "low"),
        ("gemini-4-hydrogen", "xhigh", "xhigh"),
        ("gemini-3.5-flash-lite", "minimal", "minimal"),
        ("gemini-9-uranium", "minimal", "low"),
        ("gemini-3.8-flash", "a lot", "low"),
    ],
)
def test_a_level_the_model_rejects_becomes_its_lowest(model: str, wanted: str, asked_for: str) -> None:
    assert profile(model).level(wanted) == asked_for


@pytest.mark.parametrize(
    ("model", "wanted", "told"),
    [
        ("gemini-3.8-flash", "low", "low"),
        ("gemini-3.8-flash", "minimal", "low (minimal is not among low, medium, high)"),
        ("gemini-2.5-flash-lite", "low", "budget 0"),
        ("gemini-2.5-pro", "low", "budget 128"),
        ("gemini-2.0-flash", "low", "none"),
    ],
)
def test_how_a_model_is_asked_to_think_is_told_as_it_is_sent(model: str, wanted: str, told: str) -> None:
    assert profile(model).thinks(wanted) == told


@pytest.mark.parametrize(
    ("model", "wanted", "asked_for"),
    [
        ("gemini-3.8-flash", "ultra_high", "ultra_high"),
        ("gemini-2.5-flash", "ultra_high", "high"),
        ("gemini-2.5-flash", "low", "low"),
        ("gemini-9-uranium", "ultra_high", "high"),
    ],
)
def test_a_media_resolution_the_model_rejects_becomes_its_highest(model: str, wanted: str, asked_for: str) -> None:
    assert profile(model).resolution(wanted) == asked_for


@pytest.mark.fault(91, 115)
@pytest.mark.parametrize(
    ("model", "today", "reason"),
    [
        ("gemini-2.5-flash", dt.date(2026, 11, 30), None),
        (
            "gemini-2.5-flash",
            dt.date(2026, 12, 1),
            "gemini-2.5-flash was retired on 2026-12-01: name gemini-3.5-flash-lite instead",
        ),
        # Switched off, and its requests answered by another model.
        ("gemini-3.7-flash", TODAY, "gemini-3.7-flash was retired on 2026-10-08: name gemini-3.8-flash instead"),
        ("gemini-3.5-flash", TODAY, "gemini-3.5-flash was retired on 2026-10-08: name gemini-3.6-flash instead"),
        ("gemini-3.8-flash", TODAY, None),
        ("gemini-9-uranium", TODAY, None),
    ],
)
def test_a_retired_model_is_refused_with_its_successor_named(model: str, today: dt.date, reason: str | None) -> None:
    assert refusal(profile(model), today) == reason


@pytest.mark.parametrize(
    ("model", "today", "words"),
    [
        ("gemini-2.5-pro", dt.date(2026, 10, 31), None),  # 31 days before
        ("gemini-2.5-pro", dt.date(2026, 11, 1), "will be retired on 2026-12-01"),
        ("gemini-2.5-pro", TODAY, "name gemini-3.8-flash"),
        ("gemini-flash-latest", TODAY, "name the id of one model"),
        ("gemini-9-uranium", TODAY, "gemini-9-uranium is not in the model registry"),
        ("gemini-3.8-flash", TODAY, None),
    ],
)
def test_a_model_that_ends_within_a_month_or_that_nobody_knows_is_warned_about(
    model: str, today: dt.date, words: str | None
) -> None:
    told = caution(profile(model), today)

    assert (told is None) if words is None else (told is not None and words in told)


def test_a_model_of_another_back_end_is_refused_with_what_to_do() -> None:
    model = ModelProfile("gemini-9-uranium", backends=("developer",))

    assert unserved(model, "developer") is None
    assert unserved(model, "vertex") == (
        "gemini-9-uranium is served by the Gemini Developer API, and Vertex AI is asked: name a model that this one"
        " has, or change the back end (GOOGLE_GENAI_USE_ENTERPRISE)"
    )
