"""What a run costs is said before it is made, and somebody has to agree."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from infra.local import cost_consent
from infra.local.ceiling import ceiling
from infra.local.process import ServiceError
from shared.core.events.envelopes import ImageEvent, Upload
from shared.core.gemini import prices
from shared.core.gemini.registry import profile
from shared.core.planning.plan import plan
from shared.core.planning.rules import parse_rules
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source

DAY = dt.date(2026, 11, 29)
RULES = parse_rules('[defaults]\ntasks = ["caption", "detect", "segment"]')


def _events(rules_text: str | None = None) -> tuple[ImageEvent, ...]:
    rules = parse_rules(rules_text) if rules_text else RULES
    return plan(Upload(Source("uploads", "cat.jpg", 1)), rules, run="v1").events


def _calls(count: int = 1, rules_text: str | None = None) -> list[cost_consent.Call]:
    return [cost_consent.Call(event, ((1600, 1200),)) for event in _events(rules_text) for _ in range(count)]


def test_the_estimate_is_the_products_own() -> None:
    expected = 0.0
    for event in _events():
        usd = prices.estimate_usd(request_for(event), images_px=((1600, 1200),), day=DAY)
        assert usd is not None
        expected += usd

    found = cost_consent.estimate(_calls(), day=DAY)

    assert found.likely_usd == pytest.approx(expected)
    assert found.calls == Counter(event.settings.model for event in _events())


def _longest_usd(event: ImageEvent) -> float:
    price = prices.price_on(profile(event.settings.model), DAY)
    assert price is not None
    return price.usd_out * request_for(event).max_output_tokens / 1e6


def test_the_most_it_costs_counts_every_call_that_may_pass_with_the_longest_answer() -> None:
    one, hundred = (cost_consent.estimate(_calls(count), day=DAY) for count in (1, 100))
    assert one.likely_usd is not None
    assert one.most_usd is not None
    assert hundred.most_usd is not None

    assert (one.most_calls, hundred.most_calls) == (2 + 10, 200 + 20)
    longest = max(_longest_usd(event) for event in _events())
    assert one.most_usd > one.likely_usd
    assert one.most_usd > 11 * longest
    assert hundred.most_usd > 10 * one.likely_usd


def test_nobody_guesses_the_price_of_a_model_that_has_none() -> None:
    cost = cost_consent.estimate(_calls(rules_text='[defaults]\ntasks = ["caption"]\nmodel = "gemini-99-new"'), day=DAY)

    assert (cost.likely_usd, cost.most_usd) == (None, None)
    assert "unknown" in cost_consent.offer("1 image", "the Gemini API", cost)[-1]


def test_the_offer_says_what_goes_where_and_what_it_costs() -> None:
    model = _events()[0].settings.model
    cost = cost_consent.Estimate(Counter({model: 36}), 46, 0.0512, 4.001)

    assert cost_consent.offer("12 images (3.4 MB)", "Vertex AI, in the project mine", cost) == [
        "12 images (3.4 MB) would go to Vertex AI, in the project mine.",
        f"Calls: 36 of {model}; the ceiling of this run lets 46 pass.",
        "Cost at list price: about $0.06, at most $4.01.",
    ]


@pytest.mark.parametrize("answer", ["yes", "Y", " yes "])
def test_yes_is_taken_in_a_terminal(answer: str) -> None:
    cost_consent.require_yes(yes=False, ask=lambda _: answer, terminal=True)


def _closed(_: str) -> str:
    raise EOFError


def test_anything_else_is_no() -> None:
    for ask in (lambda _: "", lambda _: "no", lambda _: "yes please", _closed):
        with pytest.raises(ServiceError, match="nothing was sent"):
            cost_consent.require_yes(yes=False, ask=ask, terminal=True)


def test_without_a_terminal_only_yes_1_agrees() -> None:
    with pytest.raises(ServiceError, match="YES=1"):
        cost_consent.require_yes(yes=False, ask=lambda _: "yes", terminal=False)
    cost_consent.require_yes(yes=True, terminal=False)


def test_the_stack_has_a_ceiling_of_its_own_which_is_low_where_it_costs() -> None:
    real, emulated = ceiling({}, real=True), ceiling({}, real=False)

    assert int(real["MAX_CALLS_PER_DAY"]) < int(emulated["MAX_CALLS_PER_DAY"])
    assert real.keys() == {"MAX_CALLS_PER_DAY", "MAX_USD_PER_DAY"}


def test_a_ceiling_that_was_set_is_taken_instead() -> None:
    assert ceiling({"MAX_USD_PER_DAY": "7", "MAX_CALLS_PER_DAY": " "}, real=True) == {"MAX_USD_PER_DAY": "7"}
