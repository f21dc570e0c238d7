"""What calls cost at list price, in US dollars: probably and at most, before they are made; and what they did cost."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from shared.core.gemini.registry import Price, known_models, profile
from shared.core.gemini.tokens import Tokens, estimate_tokens, most_tokens, room_for_thoughts
from shared.core.values import NOTHING_USED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.gemini.registry import ModelProfile
    from shared.core.gemini.request import ModelRequest
    from shared.core.values import Usage

BATCH_FACTOR = 0.5
"""What a batch job costs of the list price: https://ai.google.dev/gemini-api/docs/pricing, and Vertex's page alike."""

_MILLION = 1_000_000
_A_DAY = dt.timedelta(days=1)


def price_on(model: ModelProfile, day: dt.date) -> Price | None:
    """Return the list price of a day, or None where it is unknown."""
    return max((price for price in model.prices if price.start <= day), key=lambda price: price.start, default=None)


def billed(requested: str, served: str | None) -> ModelProfile:
    """Return the model that a call is billed as: the one that answered, or the one asked where that is unknown.

    Requests to a retired model are routed to its successor, and billed as that.
    """
    answered = profile(served or requested)
    return answered if answered.known else profile(requested)


def cost_usd(model: ModelProfile, usage: Usage, *, day: dt.date, by_batch: Usage = NOTHING_USED) -> float | None:
    """Return what calls cost at the list price of that day, or None where price or tokens are unknown.

    `by_batch` is the part of the usage that a batch job has brought, at its own price.
    """
    price = price_on(model, day)
    if usage.prompt_tokens is None or price is None:
        return None
    return round(_usd(price, _billed_tokens(usage)) - (1 - BATCH_FACTOR) * _usd(price, _billed_tokens(by_batch)), 8)


def estimate_usd(request: ModelRequest, *, images_px: Sequence[tuple[int, int]], day: dt.date) -> float | None:
    """Return what a call will probably cost, or None where the price is unknown. See `estimate_tokens`.

    `images_px` holds (width, height) of every image as it is sent.
    """
    model = profile(request.model)
    tokens = estimate_tokens(
        model,
        images_px=images_px,
        text_bytes=request.text_bytes,
        max_output_tokens=request.max_output_tokens,
        media_resolution=request.media_resolution,
    )
    price = price_on(model, day)
    return None if price is None else round(_usd(price, tokens), 8)


def most_usd(request: ModelRequest, *, images_px: Sequence[tuple[int, int]], day: dt.date) -> float | None:
    """Return what a call can cost at most, or None where the price is unknown. See `most_tokens` and `dearest_on`.

    It is not rounded: no call that keeps to its limits costs more.
    """
    price = dearest_on(profile(request.model), day)
    return None if price is None else _usd(price, _most(request, images_px))


def reserve_usd(request: ModelRequest, *, images_px: Sequence[tuple[int, int]], day: dt.date) -> float:
    """Return what to reserve for a call: `most_usd`, where the price is unknown that of the dearest known model."""
    price = dearest_on(profile(request.model), day) or _dearest_of_all()
    return _usd(price, _most(request, images_px))


def spent_usd(requested: str, *, served: str | None, usage: Usage, day: dt.date) -> float | None:
    """Return what an answered call cost at most, not rounded; None where its price or its tokens cannot be told.

    Whatever the total has beyond the prompt costs as much as words. An answer that names no model may come from
    any of those to which requests are routed.
    """
    price = dearest_on(billed(requested, served), day)
    if price is None or usage.prompt_tokens is None or usage.total_tokens is None:
        return None
    said = (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    return _usd(price, Tokens(usage.prompt_tokens, max(said, usage.total_tokens - usage.prompt_tokens)))


def dearest_on(model: ModelProfile, day: dt.date) -> Price | None:
    """Return the highest price at which a call on that day may be billed, or None where none is known.

    Nobody says in which time zone a price changes: the days before and after count, too. A retired model is answered,
    and billed, as its successor.
    """
    days = (day - _A_DAY, day, day + _A_DAY)
    found = [
        price for each in _answering(model, days[-1]) for when in days if (price := price_on(each, when)) is not None
    ]
    return _highest(found) if found else None


def _billed_tokens(usage: Usage) -> Tokens:
    return Tokens(usage.prompt_tokens or 0, (usage.output_tokens or 0) + (usage.thought_tokens or 0))


def _answering(model: ModelProfile, day: dt.date) -> Sequence[ModelProfile]:
    """Return a model with whatever its requests may be routed to by that day: a back end may have shut it down."""
    found, open_ends = {model.id: model}, [model]
    while open_ends:
        for end in open_ends.pop().ends.values():
            if end.day <= day and end.successor not in found:
                found[end.successor] = profile(end.successor)
                open_ends.append(found[end.successor])
    return tuple(found.values())


def _dearest_of_all() -> Price:
    return _highest([price for model in known_models() for price in model.prices])


def _highest(prices: Sequence[Price]) -> Price:
    start = max(price.start for price in prices)
    return Price(start, max(price.usd_in for price in prices), max(price.usd_out for price in prices))


def _most(request: ModelRequest, images_px: Sequence[tuple[int, int]]) -> Tokens:
    return most_tokens(
        profile(request.model),
        images_px=images_px,
        text_bytes=request.text_bytes,
        max_output_tokens=request.max_output_tokens,
        thoughts=room_for_thoughts(level=request.thinking_level, budget=request.thinking_budget),
        media_resolution=request.media_resolution,
    )


def _usd(price: Price, tokens: Tokens) -> float:
    return (tokens.prompt * price.usd_in + tokens.output * price.usd_out) / _MILLION
