"""docs/costs.md stands on counts of today's product, and its ratios are as promised, or are said to be missed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.emulators.gemini.vision import weights
from shared.core.events.envelopes import Upload
from shared.core.gemini.prices import BATCH_FACTOR
from shared.core.gemini.request import InlineImage
from shared.core.planning.plan import plan
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source
from tests.costs import page, prices
from tests.costs.data import last_run
from tests.costs.outlines import MOST_POINTS, thinned
from tests.costs.rules import Counted, answer_tokens, counted
from tests.costs.run import DEFAULT_TASKS, PICTURES, Ask, Taken, Together, all_asks, emulated, plain, play
from tests.rig import SERVICE

FISH = Path(__file__).parents[1] / "replies" / "det_fish_gemini20exp"
AN_IMAGE = InlineImage(b"", "image/jpeg")
BY_WAY = {way: Ask(DEFAULT_TASKS, way) for way in page.WAYS}


def _of(way: Together) -> Taken:
    return last_run().of(BY_WAY[way])


def test_every_way_of_asking_was_run() -> None:
    assert set(last_run().together) == set(all_asks()), "run `python -m tests.costs` and commit what it writes"
    assert set(last_run().by_picture) == set(PICTURES)


@pytest.mark.parametrize("ask", all_asks(), ids=str)
def test_the_counts_are_of_what_the_product_asks_today(ask: Ask) -> None:
    """Where a prompt, a schema or a default has changed, run `python -m tests.costs` and commit what it writes."""
    source = Source("uploads", "any.jpg", 1)
    expected = {}
    for event in plan(Upload(source), ask.rules(), run="v1", service=SERVICE).events:
        request = dataclasses.replace(request_for(event), images=(AN_IMAGE,))
        if ask.form == "no schema":
            request = dataclasses.replace(request, schema=None)
        expected["+".join(event.tasks)] = (request.model, counted(request, ""))

    calls = last_run().of(ask).calls

    assert {call.tasks: (call.model, _each(call.rules, call.number)) for call in calls} == expected
    assert {call.number for call in calls} == {len(PICTURES)}


def _each(counts: Counted, number: int) -> Counted:
    parts = {name: value / number for name, value in dataclasses.asdict(counts).items()}
    return Counted(**{**parts, "answer": 0})


@pytest.mark.skipif(not weights.present(), reason="needs the local detector's weights: `make eyes` fetches them")
def test_a_run_today_takes_what_the_counts_say() -> None:
    """Answers may differ a little: another processor may round the detector's boxes otherwise."""
    with emulated() as model:
        found = list(play(plain(), model))

    for taken in found:
        known = last_run().of(taken.ask)
        assert (taken.served, taken.results, taken.items) == (known.served, known.results, known.items)
        assert (taken.messages, taken.class_a, taken.class_b) == (known.messages, known.class_a, known.class_b)
        assert taken.message_bytes == pytest.approx(known.message_bytes, rel=0.02)
        assert [call.tasks for call in taken.calls] == [call.tasks for call in known.calls]
        for call, before in zip(taken.calls, known.calls, strict=True):
            assert dataclasses.replace(call.emulator, answer=0) == dataclasses.replace(before.emulator, answer=0)
            assert dataclasses.replace(call.rules, answer=0) == dataclasses.replace(before.rules, answer=0)
            assert call.emulator.answer == pytest.approx(before.emulator.answer, rel=0.02)
            assert call.rules.answer == pytest.approx(before.rules.answer, rel=0.02)


@pytest.mark.parametrize("ask", all_asks(), ids=str)
def test_the_page_has_the_dollars_that_the_results_told(ask: Ask) -> None:
    taken = last_run().of(ask)

    assert page.usd(taken, day=SERVICE.today) == pytest.approx(taken.told_usd / len(PICTURES) * 1000, rel=1e-6)


def test_two_calls_by_default_and_one_together_answer_every_task() -> None:
    calls = {way: sum(call.number for call in _of(way).calls) / len(PICTURES) for way in page.WAYS}

    assert calls == {"apart": 3, "default": 2, "all": 1}
    assert {_of(way).results for way in page.WAYS} == {len(PICTURES) * len(DEFAULT_TASKS)}
    assert len({_of(way).items for way in page.WAYS}) == 1


def test_by_default_the_three_tasks_cost_thirty_percent_less_than_by_three_calls() -> None:
    assert page.saved(_of("default"), _of("apart")) >= 0.30


def test_everything_together_saves_forty_percent_where_a_picture_shows_one_thing() -> None:
    """40 % over all pictures is not reached: two of five show eight things, and outlines are paid for in any case."""
    saved = {name: page.saved(found[2], found[0]) for name, found in last_run().by_picture.items()}
    of_one_thing = [name for name, found in last_run().by_picture.items() if found[0].items == 2]

    assert of_one_thing == ["cat.webp", "coffee.heic"]
    assert all(saved[name] >= 0.40 for name in of_one_thing)
    assert 0.35 <= page.saved(_of("all"), _of("apart")) < 0.40


def test_by_googles_rules_fewer_calls_save_less() -> None:
    """Outlines take thrice the tokens that the emulator counts: 30 % and 40 % are not reached."""
    assert 0.25 <= page.saved(_of("default"), _of("apart"), "rules") < 0.30
    assert 0.28 <= page.saved(_of("all"), _of("apart"), "rules") < 0.40


def test_by_batch_everything_costs_half_of_that_again() -> None:
    assert BATCH_FACTOR == 0.5
    [default] = (line for line in page.blocks()["ways"].splitlines() if "by default" in line)
    cells = [cell.strip() for cell in default.split("|")]

    assert float(cells[5]) == pytest.approx(float(cells[3]) / 2, abs=0.006)
    assert float(cells[8]) == pytest.approx(float(cells[6]) / 2, abs=0.006)


def test_no_request_of_ours_reaches_what_the_service_caches_from() -> None:
    calls = [call for taken in last_run().together.values() for call in taken.calls]

    assert max((call.rules.text + call.rules.schema) / call.number for call in calls) < page.CACHED_FROM_TOKENS / 2


def test_a_recorded_answer_took_the_tokens_that_the_rule_says() -> None:
    usage = json.loads((FISH / "meta.json").read_text(encoding="utf-8"))["usage"]
    answer = (FISH / "response.txt").read_text(encoding="utf-8")

    assert answer_tokens(answer) == pytest.approx(usage["candidatesTokenCount"], rel=0.02)


@example([(500 + round(400 * math.cos(turn)), 500 + round(300 * math.sin(turn))) for turn in range(59)], 24)
@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=3, max_size=60, unique=True),
    st.sampled_from(MOST_POINTS),
)
def test_an_outline_is_thinned_to_points_of_its_own(points: list[tuple[int, int]], most: int) -> None:
    thin = [tuple(point) for point in thinned(points, most)]

    assert set(thin) <= set(points)
    assert len(thin) <= most
    assert len(points) > most or thin == points


def test_fewer_points_keep_small_objects_and_not_large_ones() -> None:
    by_points = {each.name: each for each in last_run().of(Ask(("segment",))).shortened}

    assert by_points["at most 60 points"].least == by_points["without blanks"].least == 1.0
    assert by_points["at most 24 points"].small >= 0.99
    assert by_points["at most 24 points"].least < 0.95
    assert by_points["at most 24 points"].rules < by_points["at most 60 points"].rules


@pytest.mark.parametrize("source", prices.sources(), ids=lambda source: source.name)
def test_every_list_price_says_where_and_when_it_was_read(source: prices.Source) -> None:
    day = source.as_of.rpartition(" ")[2]

    assert source.url.startswith("https://")
    assert dt.date.fromisoformat(day) >= dt.date(2026, 9, 1)


def test_a_model_without_a_price_is_named() -> None:
    with pytest.raises(ValueError, match="gemini-robotics-er-2-preview"):
        prices.usd_of([("gemini-robotics-er-2-preview", Counted(image=1))], day=SERVICE.today)
