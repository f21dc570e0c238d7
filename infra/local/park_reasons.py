"""Why an image event is parked, in words for people: what the viewer and the demo say of a `held` event's code."""

from __future__ import annotations

from shared.core.errors import ErrorCode

_WHY: dict[str, str] = {
    ErrorCode.CONFIGURATION: "Gemini refuses the key or the model, or a role is missing; the log says why",
    ErrorCode.DAILY_CEILING: "the day's ceiling is reached",
    ErrorCode.DAILY_QUOTA: "Gemini's quota of the day is used up",
    ErrorCode.MODEL_AWAY: "Gemini has been away or overloaded for a while",
}


def why(code: str) -> str:
    """Return the words for a code; one that is not known speaks for itself."""
    return _WHY.get(code, code)
