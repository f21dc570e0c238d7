"""Judges a storm by what it left behind: a pure function of the evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.storm.attempts import Attempt

SHORT = 16
"""As many characters of a key are in the logs."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One image and task: `result` is the object that must be there, `asked` what the model sees of it."""

    key: str
    result: str
    lease: str
    asked: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the model answered; a `lost` answer never left it."""

    asked: tuple[str, str]
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen when all was quiet.

    `generations` counts every generation there ever was of each object in the results bucket; `ids` are those of the
    documents by name, `told` those of the result events by the document they name; `leases` are states by name;
    `undocumented` says what of documents and events the closed schemas do not list.
    """

    wanted: Sequence[Wanted]
    generations: Mapping[str, int]
    ids: Mapping[str, str]
    told: Mapping[str, Sequence[str]]
    leases: Mapping[str, str]
    calls: Sequence[Call]
    attempts: Sequence[Attempt]
    kills: int
    dead_lettered: int = 0
    undocumented: Sequence[str] = ()
    notes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """The model's answers: one each that counts, those lost on purpose, and those that nobody could keep any more.

    `died` with their worker; `late` came when their worker's time was up.
    """

    answered: int
    needed: int
    lost: int
    died: int
    late: int
    unexplained: int


def judge(found: Evidence) -> list[str]:
    """Return every violation."""
    return [*_lost(found), *_written_twice(found), *_untold(found), *_held(found), *_paid(found), *_undocumented(found)]


def account(found: Evidence) -> Account:
    """Return where all answers went."""
    answered, lost = _counts(found)
    died, late = _died(found), _late(found)
    counted = Counter[str]()
    for each in found.wanted:
        key = each.key[:SHORT]
        extra = max(answered[each.asked] - lost[each.asked] - 1, 0)
        counted["died"] += (dead := min(extra, died[key]))
        counted["late"] += (behind := min(extra - dead, late[key]))
        counted["unexplained"] += extra - dead - behind
    return Account(
        answered.total(), len(found.wanted), lost.total(), counted["died"], counted["late"], counted["unexplained"]
    )


def _counts(found: Evidence) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    answered = Counter(call.asked for call in found.calls)
    lost = Counter(call.asked for call in found.calls if call.lost)
    return answered, lost


def _died(found: Evidence) -> Counter[str]:
    return Counter(attempt.key for attempt in found.attempts if attempt.died_asking)


def _late(found: Evidence) -> Counter[str]:
    return Counter(attempt.key for attempt in found.attempts if attempt.ran_out_of_time)


def _lost(found: Evidence) -> Iterator[str]:
    for each in found.wanted:
        if each.result not in found.ids:
            yield f"lost: {each.result} does not exist"
        elif found.ids[each.result] != each.key:
            yield f"mixed up: {each.result} has the id of another event"
    for name in found.ids.keys() - {each.result for each in found.wanted}:
        yield f"more than one result: {name}"
    if found.dead_lettered:
        yield f"lost: {found.dead_lettered} events became dead letters"


def _written_twice(found: Evidence) -> Iterator[str]:
    for name, count in found.generations.items():
        if count != 1:
            yield f"written twice: {name} had {count} generations"


def _undocumented(found: Evidence) -> Iterator[str]:
    yield from (f"undocumented: {each}" for each in found.undocumented)


def _untold(found: Evidence) -> Iterator[str]:
    for each in found.wanted:
        ids = found.told.get(each.result, ())
        if not ids:
            yield f"untold: no result event names {each.result}"
        elif set(ids) != {each.key}:
            yield f"told under several ids: {each.result}: {sorted(set(ids))}"


def _held(found: Evidence) -> Iterator[str]:
    """A lease that stays behind a result is the mark of a key that was seen; any other would hold somebody up."""
    done = {each.lease for each in found.wanted if each.result in found.ids}
    for name, state in found.leases.items():
        if state == "held" and name not in done:
            yield f"held for nobody: {name}"


def _paid(found: Evidence) -> Iterator[str]:
    answered, lost = _counts(found)
    died, late = _died(found), _late(found)
    asked = {each.asked for each in found.wanted}
    for each in found.wanted:
        kept = answered[each.asked] - lost[each.asked]
        deaths, delays = died[each.key[:SHORT]], late[each.key[:SHORT]]
        if kept < 1:
            yield f"unpaid: {each.result} has no answer of the model behind it"
        if kept > 1 + deaths + delays:
            ended = f"{deaths} attempts died before they kept theirs, {delays} ran out of time"
            yield f"paid twice: {each.result}: {kept} answers, {ended}"
    for call in found.calls:
        if call.asked not in asked:
            yield f"asked for nobody: {call.asked}"
