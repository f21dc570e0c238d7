"""`Range` of a download and `Content-Range` of a resumable upload."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import ApiError, invalid

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-(?:\d+|\*)|\*)/(?P<total>\d+|\*)")


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Where a piece of an upload begins, and how long the whole is; None where the sender does not say.

    Without a start it is no piece at all but a question: how much has arrived?
    """

    start: int | None
    total: int | None


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the (start, stop) a download asks for; None is the whole body, also for what is not understood.

    Raises:
        ApiError: 416, nothing of the range exists.
    """
    match = _RANGE.fullmatch(header or "")
    if not match or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        text = f"The requested range cannot be satisfied: {header} of {size} bytes."
        raise ApiError(416, text, reason="requestedRangeNotSatisfiable", xml_code="InvalidRange")
    return start, stop


def parse_content_range(header: str) -> ContentRange:
    """Return what `header` says.

    Raises:
        ApiError: 400, it says nothing intelligible.
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if not match:
        raise invalid(f"Failed to parse Content-Range header: {header!r}.")
    start, total = match["start"], match["total"]
    return ContentRange(None if start is None else int(start), None if total == "*" else int(total))
