"""Members of JSON objects from outside, each as a typed value or as an error that names it."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, TypeGuard

from shared.core.errors import ErrorCode, EventRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_WHOLE_NUMBER = (1 << 63) - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_text(value: Any) -> TypeGuard[str]:
    """Whether it is a text that UTF-8 can carry: JSON escapes can spell half a surrogate pair."""
    return isinstance(value, str) and _SURROGATE.search(value) is None


def text(value: Mapping[str, Any], key: str) -> str:
    """Return a text that must be there."""
    found = value.get(key)
    if not is_text(found) or not found:
        raise malformed(key, "a text", found)
    return found


def name(value: Mapping[str, Any], key: str, is_fine: Callable[[str], bool], expected: str) -> str:
    """Return a text that must be there and be `is_fine`."""
    found = text(value, key)
    if not is_fine(found):
        raise malformed(key, expected, found)
    return found


def optional_text(value: Mapping[str, Any], key: str) -> str | None:
    """Return a text, or None where there is none that can be used."""
    found = value.get(key)
    return found if is_text(found) and found else None


def optional_time(value: Mapping[str, Any], key: str) -> str | None:
    """Return a time with its offset (RFC 3339) as it is written, or None for all else.

    >>> optional_time({"at": "2026-11-29T08:00:00.123Z"}, "at"), optional_time({"at": "2026-11-29"}, "at")
    ('2026-11-29T08:00:00.123Z', None)
    """
    found = value.get(key)
    try:
        return found if isinstance(found, str) and dt.datetime.fromisoformat(found).tzinfo is not None else None
    except ValueError:
        return None


def count(value: Mapping[str, Any], key: str) -> int:
    """Return a whole number above 0 that must be there."""
    found = value.get(key)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= MAX_WHOLE_NUMBER:
        raise malformed(key, "a whole number above 0", found)
    return found


def malformed(place: str, expected: str, found: Any) -> EventRejectedError:
    """Return the error to raise: what was expected, and what was found."""
    return EventRejectedError(ErrorCode.MALFORMED_EVENT, f"{place}: expected {expected}, found {shown(found)}.")


def shown(found: Any) -> str:
    """A short form that no value can break: a deep list or a huge number refuses its own `str`."""
    if isinstance(found, str):
        return repr(found[:200])
    if found is None or isinstance(found, bool | float) or (isinstance(found, int) and abs(found) <= MAX_WHOLE_NUMBER):
        return repr(found)
    return f"a {type(found).__name__}"
