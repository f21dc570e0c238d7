"""Why an image event is parked, in words for people: what the viewer and the demo say of a `held` event's code."""

from __future__ import annotations

from shared.core.spending import DAY_BEGINS_HOUR_UTC

_WHY = {
    "configuration": "Gemini refuses the key or the model; the log says why",
    "daily_ceiling": "the day's ceiling is reached",
    "daily_quota": "Gemini's quota of the day is used up",
}


def why(code: str) -> str | None:
    """Return the words for a code, or None for one that is not known."""
    return _WHY.get(code)


def likely(hour: str) -> str:
    """Return what the hour until which an event is parked (`2026-11-22T08`) says of the reason, where no code does.

    >>> likely("2026-11-22T15")
    'Gemini refuses the key or the model; the log says why'
    """
    until_the_day_ends = int(hour[-2:]) == DAY_BEGINS_HOUR_UTC
    return "a limit of the day is reached; the log says which" if until_the_day_ends else _WHY["configuration"]
