"""How far a backfill has come: a mark in the work bucket, from which it goes on after whatever has ended it.

A mark says at most that objects were looked at: what it leads to skip has its result, or was published. It counts only
where it lies at the name of the very backfill that reads it, and holds the whole of what that is about: another rule,
run, task or place makes another backfill. Whatever else lies there is told and left aside: the backfill then begins at
the beginning, which costs listings and no call.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.core import jsontext
from shared.core.json_fields import MAX_WHOLE_NUMBER, is_text
from shared.core.naming import BACKFILL

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK_SCHEMA: Final = "uplook.backfill/1"
MAX_MARK_BYTES = 100_000
_MAX_REASONS = 100

Position = str | int
"""Where a backfill is in what it reads: the name of an object in a listing, the number of a line in an inventory."""


class BadMarkError(ValueError):
    """What lies there is no mark of this backfill; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a backfill has seen: objects, and image events. `held` were not published: nobody answers their model."""

    objects: int = 0
    bytes: int = 0
    existing: int = 0
    failed_before: int = 0
    published: int = 0
    done: int = 0
    failed: int = 0
    gone: int = 0
    held: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum of both."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Mark:
    """All work of objects up to `after` is settled. Those up to `chosen` count no more against `limit_left`.

    `finished` is when all of it was settled (RFC 3339, UTC).
    """

    after: Position | None = None
    chosen: Position | None = None
    limit_left: int | None = None
    counts: Counts = field(default_factory=Counts)
    left_out: Mapping[str, int] = field(default_factory=dict)
    finished: str | None = None


def is_up_to(position: Position, last: Position | None) -> bool:
    """Whether a position is not behind another one of its type; None is before all."""
    if isinstance(position, int):
        return isinstance(last, int) and position <= last
    return isinstance(last, str) and position <= last


def mark_name(about: Mapping[str, Any]) -> str:
    """Return where the mark of a backfill lies in the work bucket; `about` is the whole of what it is to do."""
    digest = hashlib.sha256(jsontext.dump_compact(about)).hexdigest()
    return f"{BACKFILL}{digest[:32]}.json"


def format_mark(mark: Mark, about: Mapping[str, Any]) -> bytes:
    """Return a mark as it is stored."""
    counts = {name: getattr(mark.counts, name) for name in Counts.__slots__}
    return jsontext.dump(
        {
            "schema": MARK_SCHEMA,
            "about": about,
            "after": mark.after,
            "chosen": mark.chosen,
            "limit_left": mark.limit_left,
            "counts": counts,
            "left_out": dict(mark.left_out),
            "finished": mark.finished,
        }
    )


def parse_mark(data: bytes, about: Mapping[str, Any], *, positions: type[Position]) -> Mark:
    """Read the mark of the backfill that is about this; `positions` is the type of its positions.

    Raises:
        BadMarkError: it is malformed, or that of another backfill.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadMarkError(f"expected JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != MARK_SCHEMA:
        raise BadMarkError(f"expected a document of {MARK_SCHEMA}")
    if document.get("about") != json.loads(jsontext.dump(about)):
        raise BadMarkError("it is about another backfill")
    left, finished = document.get("limit_left"), document.get("finished")
    if left is not None and not _is_count(left):
        raise BadMarkError("limit_left: expected a whole number")
    if finished is not None and not is_text(finished):
        raise BadMarkError("finished: expected a time")
    return Mark(
        after=_position(document.get("after"), "after", positions),
        chosen=_position(document.get("chosen"), "chosen", positions),
        limit_left=left,
        counts=Counts(**_counted(document.get("counts"), "counts", Counts.__slots__)),
        left_out=_counted(document.get("left_out"), "left_out", None),
        finished=finished,
    )


def _position(found: Any, place: str, positions: type[Position]) -> Position | None:
    if found is None:
        return None
    if positions is int and _is_count(found):
        return int(found)
    if positions is str and is_text(found):
        return found
    raise BadMarkError(f"{place}: expected {'a name' if positions is str else 'a number'}")


def _counted(found: Any, place: str, names: tuple[str, ...] | None) -> dict[str, int]:
    fine = isinstance(found, dict) and len(found) <= _MAX_REASONS and all(map(_is_count, found.values()))
    if not fine or (names is not None and set(found) != set(names)) or not all(map(is_text, found)):
        raise BadMarkError(f"{place}: expected numbers by name")
    return dict(found)


def _is_count(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= MAX_WHOLE_NUMBER
