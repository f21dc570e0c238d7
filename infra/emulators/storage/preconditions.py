"""Generation and metageneration preconditions: parsed once, checked against what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import condition_not_met, invalid, not_modified

if TYPE_CHECKING:
    from collections.abc import Mapping

Stamp = tuple[int, int]
"""The generation and metageneration of what is there."""

MISSING: Stamp = (0, 0)
"""The stamp of a name without a live object: `ifGenerationMatch=0` means "must not exist"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a request demands of its target; None demands nothing."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    def check(self, stamp: Stamp, *, reading: bool = False) -> None:
        """Pass silently if every condition holds.

        Raises:
            ApiError: 412; but 304 if a read fails only because the target has *not* changed.
        """
        generation, metageneration = stamp
        if self.generation_match not in (None, generation) or (self.metageneration_match not in (None, metageneration)):
            raise condition_not_met()
        if self.generation_not_match == generation or self.metageneration_not_match == metageneration:
            raise not_modified() if reading else condition_not_met()


def from_query(query: Mapping[str, Any], *, prefix: str = "if") -> Conditions:
    """Return the conditions in a query string, or in the `objectPreconditions` of a compose request.

    The prefix `ifSource` names the conditions on the source of a copy.
    """
    return Conditions(
        generation_match=integer(query, f"{prefix}GenerationMatch"),
        generation_not_match=integer(query, f"{prefix}GenerationNotMatch"),
        metageneration_match=integer(query, f"{prefix}MetagenerationMatch"),
        metageneration_not_match=integer(query, f"{prefix}MetagenerationNotMatch"),
    )


def from_headers(headers: Mapping[str, str]) -> Conditions:
    """Return the conditions in the headers of an XML API request."""
    return Conditions(
        generation_match=integer(headers, "x-goog-if-generation-match"),
        metageneration_match=integer(headers, "x-goog-if-metageneration-match"),
    )


def check_etag(headers: Mapping[str, str], etag: str) -> None:
    """Apply `If-Match` and `If-None-Match` to a read."""
    if not _names(headers.get("if-match", "*"), etag):
        raise condition_not_met()
    if _names(headers.get("if-none-match", ""), etag):
        raise not_modified()


def integer(source: Mapping[str, Any], key: str) -> int | None:
    """Return the whole number under `key`, if there is one.

    Raises:
        ApiError: 400, it is none.
    """
    value = source.get(key)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise invalid(f"Invalid value for {key}: expected an integer, found {value!r}.") from None


def _names(header: str, etag: str) -> bool:
    return any(item.strip().strip('"') in (etag, "*") for item in header.split(","))
