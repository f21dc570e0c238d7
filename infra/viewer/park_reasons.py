"""Why an image event is parked, in words for people: what the viewer and the demo say of a `held` event's code."""

from __future__ import annotations

from shared.core.errors import ErrorCode
from shared.core.operating.mending import wait_of


def why(code: str) -> str:
    """Return the words for a code; one that is not known speaks for itself."""
    hint = "; the log says why" if code == ErrorCode.CONFIGURATION else ""
    return wait_of(code).why + hint
