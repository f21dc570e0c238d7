"""Before anything is paid for: what would be sent where, what it can cost, and whether somebody said yes."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.process import ServiceError
from shared.core.gemini import prices
from shared.core.tasks.common.requests import request_for

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from shared.core.events.envelopes import ImageEvent

_LEAST_SPARE, _SPARE_PART = 10, 10
_YES = frozenset({"y", "yes"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made: the event that asks for it, and (width, height) of its images."""

    event: ImageEvent
    images_px: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls per model, the most calls that the ceiling lets pass, and US dollars (None: a price is unknown)."""

    calls: Counter[str]
    most_calls: int
    likely_usd: float | None
    most_usd: float | None


def estimate(calls: Sequence[Call], *, day: dt.date) -> Estimate:
    """Return what these calls cost at the list prices of a day.

    A tenth more calls than images need (at least 10) may pass: an answer that cannot be used is asked for once more.
    """
    models = Counter(call.event.settings.model for call in calls)
    spare = max(_LEAST_SPARE, len(calls) // _SPARE_PART)
    likely, most = _prices(calls, prices.estimate_usd, day), _prices(calls, prices.most_usd, day)
    return Estimate(
        models,
        len(calls) + spare,
        None if likely is None else sum(likely),
        None if most is None else sum(most) + spare * max(most, default=0.0),
    )


def _prices(calls: Sequence[Call], price: Callable[..., float | None], day: dt.date) -> list[float] | None:
    found = []
    for call in calls:
        usd = price(request_for(call.event), images_px=call.images_px, day=day)
        if usd is None:
            return None
        found.append(usd)
    return found


def offer(what: str, where: str, cost: Estimate) -> list[str]:
    """Return the lines that say what is sent where and what it costs; `what` and `where` are parts of a sentence."""
    models = ", ".join(f"{count} of {model}" for model, count in cost.calls.most_common())
    lines = [f"{what} would go to {where}.", f"Calls: {models}; the ceiling of this run lets {cost.most_calls} pass."]
    if cost.likely_usd is None or cost.most_usd is None:
        return [*lines, "Cost: unknown, because the registry has no price of a model (docs/models.md)."]
    return [*lines, f"Cost at list price: about {_usd(cost.likely_usd)}, at most {_usd(cost.most_usd)}."]


def _usd(amount: float) -> str:
    """Two digits are enough, and never less than it is.

    >>> _usd(0.001), _usd(12.341)
    ('$0.01', '$12.35')
    """
    cents = -int(-amount * 100 // 1)
    return f"${max(1, cents) / 100:,.2f}"


def require_yes(*, yes: bool, ask: Callable[[str], str] = input, terminal: bool | None = None) -> None:
    """Return if somebody agrees: by `YES=1`, or by typing yes in a terminal.

    Raises:
        ServiceError: nobody did.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty() if terminal is None else terminal):
        raise ServiceError("this costs money, and there is no terminal to ask in: say YES=1 (--yes) to go on.")
    try:
        answer = ask("Go on? Type yes: ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in _YES:
        raise ServiceError("the answer was not yes: nothing was sent.")
