"""Where the registry and a page of Google's differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.gemini.prices import price_on
from shared.core.gemini.registry import known_models, profile, switched_off

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from shared.core.gemini.pages import Page, PageEnd, PagePrice
    from shared.core.gemini.registry import BackendName, End, ModelProfile


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a page says, and the registry otherwise or not at all."""

    model: str
    what: str
    page: str
    registry: str


def differences(page: Page, *, backend: BackendName, today: dt.date) -> list[Difference]:
    """Return everything that a page says differently, by id. What it does not speak of is no difference."""
    known = {model.id for model in (*known_models(), *switched_off())}
    missing = [Difference(each, "id", "has it", "lacks it") for each in sorted(page.ids - known)]
    ends = [each for end in page.ends if end.model in known for each in _of_end(end, backend)]
    prices = [
        each
        for model, (usd_in, usd_out) in page.prices.items()
        if model in known
        for name, price in (("input", usd_in), ("output", usd_out))
        if price is not None
        for each in _of_price(profile(model), name, price, today)
    ]
    return [*missing, *dict.fromkeys(ends), *prices]


def _of_end(found: PageEnd, backend: BackendName) -> Iterator[Difference]:
    end = profile(found.model).ends.get(backend)
    page = "none announced" if found.day is None else f"{found.day}{' or later' if found.or_later else ''}"
    if not _same_end(found, end, backend):
        yield Difference(found.model, "end", page, _shown(end))
    if found.successor is not None and end is not None and found.successor != end.successor:
        yield Difference(found.model, "successor", found.successor, end.successor)


def _same_end(found: PageEnd, end: End | None, backend: BackendName) -> bool:
    if found.day is None or end is None:
        return found.day is None and end is None
    # The Developer API's page calls all of its days the earliest ones, above the table; Vertex's does so day by day.
    same_kind = end.firm is not found.or_later if backend == "vertex" or found.or_later else True
    return found.day == end.day and same_kind


def _shown(end: End | None) -> str:
    return "none" if end is None else f"{end.day}{'' if end.firm else ' or later'}"


def _of_price(model: ModelProfile, name: str, price: PagePrice, today: dt.date) -> Iterator[Difference]:
    days = [(min(today, price.until) if price.until else today, price.usd)]
    for day, usd in (*days, *((price.later,) if price.later else ())):
        ours = price_on(model, day)
        known = None if ours is None else ours.usd_in if name == "input" else ours.usd_out
        if known != usd:
            yield Difference(
                model.id, f"{name} price on {day}", f"{usd:.2f}", "unknown" if known is None else f"{known:.2f}"
            )
