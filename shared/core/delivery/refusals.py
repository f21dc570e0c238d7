"""What to do about a refused request before it is believed: a pure decision, from what was tried so far.

A refusal costs nothing, and Google's words are not always about what they say: a fetcher that is throttled for a second
answers 400 like a request that can never succeed. So a refusal of what went by reference is heard once more, then the
image travels inside the request; one for its size takes the next way; and only what is left is final.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.errors import (
    FileUnavailableError,
    ModelRejectedError,
    PassingRefusalError,
    SchemaRefusedError,
    SizeRefusedError,
)

Step = Literal["again", "anew", "another_way", "inline", "without_schema", "redeliver", "final"]
"""again: the same request after a pause. anew: the file or object that is not there travels anew. another_way: whatever
way is left, for its size. inline: inside the request. redeliver: it may pass, beyond this delivery."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was done about refusals of one request so far; `closed` says that no (further) way is open."""

    repeats: int = 0
    anew: bool = False
    inline: bool = False
    closed: bool = False
    without_schema: bool = False

    def noting(self, step: Step) -> Tried:
        """Return the same with one more step taken."""
        match step:
            case "again":
                return replace(self, repeats=self.repeats + 1)
            case "anew":
                return replace(self, anew=True)
            case "inline":
                return replace(self, inline=True)
            case "without_schema":
                return replace(self, without_schema=True)
            case _:
                return self


def next_step(
    error: FileUnavailableError | ModelRejectedError, tried: Tried, *, by_reference: bool, has_schema: bool
) -> Step:
    """Return what comes next; `by_reference` says whether the service had to fetch an image itself.

    Every step but a last one is taken a bounded number of times, so that each sequence of refusals ends.
    """
    if isinstance(error, FileUnavailableError):
        return "redeliver" if tried.anew else "anew"
    if isinstance(error, SizeRefusedError):
        return "final" if tried.closed else "another_way"
    passing = isinstance(error, PassingRefusalError)
    if tried.repeats < (MAX_ATTEMPTS - 1 if passing else int(by_reference)):
        return "again"
    if by_reference and not tried.inline and not tried.closed:
        return "inline"
    return _last_step(error, tried, by_reference=by_reference, has_schema=has_schema)


def _last_step(error: ModelRejectedError, tried: Tried, *, by_reference: bool, has_schema: bool) -> Step:
    if isinstance(error, PassingRefusalError) and by_reference:
        return "redeliver"  # there is no other way, and the fetcher may have its breath back later
    if isinstance(error, SchemaRefusedError) and has_schema and not tried.without_schema:
        return "without_schema"
    return "final"
