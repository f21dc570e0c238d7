"""The models: data that is sane, and safe answers about models nobody has heard of."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from shared.core.gemini import registry
from shared.core.gemini.registry import (
    SERVICES,
    BackendName,
    End,
    ModelProfile,
    known_models,
    profile,
    successors,
    switched_off,
)
from shared.core.gemini.service import Service, caution, may_be_off, refusal, stand_in
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.tasks.common.task import Task

TODAY = dt.date(2026, 11, 21)
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
RESOLUTIONS = ("low", "medium", "high", "ultra_high")
each_backend = pytest.mark.parametrize("backend", SERVICES)
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
    assert refusal(model, Service("vertex", model.prices[0].start)) is None
    assert model.resolution("ultra_high") == "ultra_high"


@each_model
@each_backend
def test_a_model_that_ends_has_successors_of_which_one_has_no_end(model: ModelProfile, backend: BackendName) -> None:
    chain = list(successors(model, backend))

    assert bool(chain) is (backend in model.ends)
    assert all(each.known and each.prices and backend in each.backends for each in chain)
    assert not chain or backend not in chain[-1].ends


@each_model
@each_backend
def test_limits_of_images_are_whole_bytes_and_what_goes_by_reference_may_be_largest(
    model: ModelProfile, backend: BackendName
) -> None:
    limits = model.limits(backend)

    assert 0 < (limits.inline or 1) < limits.object
    assert 0 < limits.url < limits.object


def test_sizes_are_those_of_the_model_and_the_back_end() -> None:
    assert profile("gemini-3.6-flash").limits("vertex").inline == 256_000_000
    assert profile("gemini-3.8-flash").limits("vertex").inline == 6_000_000
    assert profile("gemini-9-uranium").limits("vertex").object == 2 * 1024**3
    assert profile("gemini-3.6-flash").limits("developer").inline is None


@pytest.mark.fault(91)
@each_backend
@pytest.mark.parametrize("model", switched_off(), ids=lambda model: model.id)
def test_a_model_that_was_gone_early_is_refused_for_a_successor_that_goes_on(
    model: ModelProfile, backend: BackendName
) -> None:
    service = Service(backend, TODAY)
    instead = stand_in(model, service)

    assert instead is not None
    assert instead.known
    assert refusal(profile(model.id), service) == (
        f"{model.id} was shut down by {SERVICES[backend]} on {model.ends[backend].day}:"
        f" name {instead.id}, or set USE_SUCCESSORS=true"
    )


def test_every_id_of_published_guides_that_is_gone_is_known_as_gone() -> None:
    """Those of the guides of 2025, and of the pages that came after them."""
    assert {
        "gemini-2.0-flash-exp",
        "gemini-2.5-flash-preview-05-20",
        "gemini-2.5-pro-preview-06-05",
        "gemini-2.5-flash-preview-09-2025",
        "gemini-3.1-flash-lite-preview",
        "gemini-robotics-er-1.6-preview",
    } <= {model.id for model in switched_off()}


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_has_a_known_model_that_takes_its_thinking_level(task: Task) -> None:
    default = profile(task.model)

    assert default.known
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
        ("gemini-3.8-flash", "xhigh", "high"),
        ("gemini-4-hydrogen", "xhigh", "xhigh"),
        ("gemini-3.5-flash-lite", "minimal", "minimal"),
        ("gemini-4-neon", "xhigh", "xhigh"),
        ("gemini-9-uranium", "minimal", "low"),
        ("gemini-9-uranium", "xhigh", "high"),
        ("gemini-3.8-flash", "a lot", "low"),
    ],
)
def test_a_level_the_model_rejects_becomes_the_nearest_lower_one_or_its_lowest(
    model: str, wanted: str, asked_for: str
) -> None:
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
def test_a_media_resolution_the_model_rejects_becomes_the_nearest_lower_one(
    model: str, wanted: str, asked_for: str
) -> None:
    assert profile(model).resolution(wanted) == asked_for


@pytest.mark.parametrize("wanted", RESOLUTIONS)
@pytest.mark.parametrize("taken", [("low", "high"), ("medium",), ("low", "medium", "high"), RESOLUTIONS])
def test_what_is_asked_for_is_never_above_the_wish_unless_all_is(taken: tuple[str, ...], wanted: str) -> None:
    model = ModelProfile("gemini-9-uranium", media_resolutions=taken)

    below = [each for each in taken if RESOLUTIONS.index(each) <= RESOLUTIONS.index(wanted)]
    assert model.resolution(wanted) == (below or taken[:1])[-1]


@pytest.mark.fault(91, 115)
@pytest.mark.parametrize(
    ("model", "backend", "today", "words"),
    [
        ("gemini-2.5-flash", "developer", dt.date(2026, 11, 30), None),
        ("gemini-2.5-flash", "developer", dt.date(2026, 12, 1), "the Gemini Developer API on 2026-12-01"),
        ("gemini-2.5-flash", "vertex", dt.date(2026, 10, 19), None),
        ("gemini-2.5-flash", "vertex", dt.date(2026, 10, 20), "Vertex AI on 2026-10-20: name gemini-3.5-flash-lite"),
        ("gemini-2.5-flash-lite", "developer", TODAY, None),
        ("gemini-2.5-flash-lite", "vertex", TODAY, "Vertex AI on 2026-10-20"),
        ("gemini-3.7-flash", "developer", TODAY, "on 2026-10-08: name gemini-3.8-flash"),
        # Two days for one id: Vertex goes on with it.
        ("gemini-3.5-flash", "developer", TODAY, "on 2026-10-08: name gemini-3.6-flash, or set USE_SUCCESSORS=true"),
        ("gemini-3.5-flash", "vertex", TODAY, None),
        ("gemini-3.5-flash", "vertex", dt.date(2027, 6, 1), None),  # it may be off, and nobody has said that it is
        ("gemini-3.8-flash", "developer", TODAY, None),
        ("gemini-9-uranium", "developer", TODAY, None),
    ],
)
def test_a_model_is_refused_from_the_day_on_which_this_back_end_shuts_it_down(
    model: str, backend: BackendName, today: dt.date, words: str | None
) -> None:
    told = refusal(profile(model), Service(backend, today))

    assert (told is None) if words is None else (told is not None and words in told)


@pytest.mark.parametrize(
    ("model", "backend", "today", "words"),
    [
        ("gemini-2.5-pro", "developer", dt.date(2026, 10, 31), None),  # 31 days before
        (
            "gemini-2.5-pro",
            "developer",
            dt.date(2026, 11, 1),
            "will be shut down by the Gemini Developer API on 2026-12-01",
        ),
        ("gemini-2.5-pro", "developer", TODAY, "name gemini-3.8-flash"),
        ("gemini-3.5-flash", "vertex", dt.date(2027, 5, 1), "may be shut down by Vertex AI from 2027-05-19 on"),
        ("gemini-flash-latest", "developer", TODAY, "name the id of one model"),
        ("gemini-9-uranium", "developer", TODAY, "gemini-9-uranium is not in the model registry"),
        ("gemini-3.8-flash", "developer", TODAY, None),
        ("gemini-4-hydrogen", "vertex", TODAY, None),
        ("gemini-4-hydrogen", "developer", dt.date(2028, 1, 1), None),
        ("gemini-4-hydrogen", "vertex", dt.date(2028, 1, 1), "tells 45 days before it shuts gemini-4-hydrogen down"),
    ],
)
def test_a_model_that_ends_soon_or_that_nobody_knows_is_warned_about(
    model: str, backend: BackendName, today: dt.date, words: str | None
) -> None:
    told = caution(profile(model), Service(backend, today))

    assert (told is None) if words is None else (told is not None and words in told)


def test_a_model_of_another_back_end_is_refused_with_what_to_do() -> None:
    model = ModelProfile("gemini-9-uranium", backends=("developer",))

    assert refusal(model, Service("developer", TODAY)) is None
    assert refusal(model, Service("vertex", TODAY)) == (
        "gemini-9-uranium is served by the Gemini Developer API, and Vertex AI is asked: name a model that this one"
        " has, or change the back end (GOOGLE_GENAI_USE_ENTERPRISE)"
    )


def test_a_model_of_some_places_is_refused_elsewhere_on_vertex_alone() -> None:
    model = profile("gemini-robotics-er-2-preview")

    assert refusal(model, Service("vertex", TODAY)) is None
    assert refusal(model, Service("developer", TODAY, "europe-west4")) is None
    assert "in global only, and europe-west4 is asked" in (
        refusal(model, Service("vertex", TODAY, "europe-west4")) or ""
    )


def test_what_stands_in_has_no_end_behind_it_on_that_day() -> None:
    """A successor may end itself: then it is the next one's turn."""
    model = profile("gemini-3.5-flash-lite")

    assert [each.id for each in successors(model, "vertex")] == ["gemini-3.8-flash", "gemini-4-hydrogen"]
    for today, instead in ((dt.date(2027, 9, 1), "gemini-3.8-flash"), (dt.date(2027, 9, 2), "gemini-4-hydrogen")):
        found = stand_in(model, Service("vertex", today))
        assert found is not None
        assert found.id == instead


def test_successors_in_a_circle_end() -> None:
    end = End(TODAY, firm=True, successor="gemini-9-uranium")
    model = ModelProfile("gemini-9-uranium", ends={"vertex": end})

    assert list(successors(model, "vertex")) == []
    assert stand_in(model, Service("vertex", TODAY)) is None
    assert may_be_off(model, Service("vertex", TODAY))
    assert (refusal(model, Service("vertex", TODAY)) or "").endswith(": name another model")
