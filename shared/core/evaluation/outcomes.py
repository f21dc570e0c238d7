"""What came of an image, for figures: an answer, a refusal, an answer that nobody can read, or nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSALS: Final = frozenset({ErrorCode.BLOCKED, ErrorCode.IMAGE_REFUSED, ErrorCode.REQUEST_REFUSED})


class ImageOutcome(StrEnum):
    """What came of one image. All but the first two count as nothing found, or nothing said."""

    ANSWERED = "answered"
    PARTIAL = "partial"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    MISSING = "missing"


def image_outcome(document: Mapping[str, Any] | None) -> ImageOutcome:
    """Return what came of an image by its result document; None: there is none."""
    if document is None:
        return ImageOutcome.MISSING
    if document["status"] in {"ok", "empty"}:
        return ImageOutcome.ANSWERED
    if document["status"] == "partial":
        return ImageOutcome.PARTIAL
    code = (document["error"] or {}).get("code")
    if code in _REFUSALS:
        return ImageOutcome.REFUSED
    return ImageOutcome.UNREADABLE if code == ErrorCode.FAILED else ImageOutcome.FAILED
