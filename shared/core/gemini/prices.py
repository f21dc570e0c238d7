"""What calls cost at list price, in US dollars: before they are made, and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.gemini.registry import profile
from shared.core.gemini.tokens import estimate_tokens, image_tokens

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from shared.core.gemini.registry import ModelProfile, Price
    from shared.core.values import Usage

_MILLION = 1_000_000


def price_on(model: ModelProfile, day: dt.date) -> Price | None:
    """Return the list price of a day, or None where it is unknown."""
    return max((price for price in model.prices if price.start <= day), key=lambda price: price.start, default=None)


def billed(requested: str, served: str | None) -> ModelProfile:
    """Return the model that a call is billed as: the one that answered, or the one asked where that is unknown.

    Requests to a retired model are routed to its successor, and billed as that.
    """
    answered = profile(served or requested)
    return answered if answered.known else profile(requested)


def cost_usd(model: ModelProfile, usage: Usage, *, day: dt.date) -> float | None:
    """Return what a call cost at the list price of that day, or None where price or tokens are unknown."""
    if usage.prompt_tokens is None:
        return None
    output_tokens = (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    return _usd(model, usage.prompt_tokens, output_tokens, day)


def estimate_usd(
    model: ModelProfile,
    *,
    images_px: Sequence[tuple[int, int]],
    text_bytes: int,
    max_output_tokens: int,
    media_resolution: str | None,
    day: dt.date,
) -> float | None:
    """Return what a call will probably cost, or None where the price is unknown. See `estimate_tokens`."""
    tokens = estimate_tokens(
        model,
        images_px=images_px,
        text_bytes=text_bytes,
        max_output_tokens=max_output_tokens,
        media_resolution=media_resolution,
    )
    return _usd(model, tokens.prompt, tokens.output, day)


def most_usd(
    model: ModelProfile,
    *,
    images_px: Sequence[tuple[int, int]],
    text_bytes: int,
    max_output_tokens: int,
    media_resolution: str | None,
    day: dt.date,
) -> float | None:
    """Return what a call can cost at most, or None where the price is unknown.

    Every byte of text counts as a token, and the answer is as long as its limit allows; thoughts are within it.
    """
    pixels = sum(image_tokens(model, size_px, media_resolution) for size_px in images_px)
    return _usd(model, pixels + text_bytes, max_output_tokens, day)


def _usd(model: ModelProfile, prompt_tokens: int, output_tokens: int, day: dt.date) -> float | None:
    price = price_on(model, day)
    if price is None:
        return None
    return round((prompt_tokens * price.usd_in + output_tokens * price.usd_out) / _MILLION, 8)
