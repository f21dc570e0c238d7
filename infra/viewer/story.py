"""The story of one image generation: what the viewer has heard of it, and what the buckets tell."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from infra.viewer.catalog import is_local
from shared.core.naming import paths
from shared.core.values import Source
from shared.operate.status_image import read_story
from shared.operate.status_reading import Outcomes, read_facts
from shared.operate.status_scope import StatusScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.viewer.history import Entry
    from infra.viewer.names import Address
    from shared.core.operating.story import Happening
    from shared.pipeline.ports import Ports

_TOLD_BETTER: Final = frozenset({"journalled", "committed", "held", "planned", "forgotten", "left out"})
"""Lines of the functions' logs that the buckets or an event tell, too, and with more in it."""


def read_image_story(
    source: Address, runs: Iterable[str], heard: Iterable[Entry], ports: Ports
) -> list[dict[str, Any]]:
    """Return all that is known of an image generation, oldest first, as the page shows it.

    Raises:
        TransientError: the store is away.
    """
    value = Source(source.bucket, source.name, source.generation or 0)
    roots = tuple(f"{paths(value, run=run, task='any').folder}/" for run in dict.fromkeys((ports.settings.run, *runs)))
    scope = StatusScope(roots, roots[0].partition("/")[2], (source.bucket, source.name))
    unreadable: list[str] = []
    facts = read_facts(scope, ports, Outcomes(scope, ports), reading=lambda _: None)
    known = read_story(scope, ports, facts, on_unreadable=unreadable.append).happenings
    now = ports.clock.now_iso()
    unread = [{"at": now, "kind": "problem", "task": "", "run": "", "text": text, "details": {}} for text in unreadable]
    return in_order(heard, known, generation=str(source.generation)) + unread


def in_order(heard: Iterable[Entry], known: Iterable[Happening], *, generation: str) -> list[dict[str, Any]]:
    """Put together what was heard and what the buckets say.

    The upload is told once: its size by the bucket, which knows ages in whole seconds, its moment by the event.
    """
    entries = list(heard)
    uploaded = next((each.at for each in entries if each.kind == "uploaded"), None)
    stored = [each for each in known if each.details.get("generation", generation) == generation]
    sized = any(each.kind == "uploaded" for each in stored)
    told = [_of_entry(each) for each in entries if not (sized and each.kind == "uploaded") and not _is_known(each)]
    made = [_of_happening(each) for each in stored]
    made = [each | {"at": uploaded} if uploaded and each["kind"] == "uploaded" else each for each in made]
    return sorted([*told, *made], key=_moment)


def _is_known(entry: Entry) -> bool:
    return entry.kind in {"worked", "warned"} and entry.details.get("what") in _TOLD_BETTER


def _of_entry(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "kind": entry.kind,
        "task": entry.task,
        "run": entry.run,
        "text": entry.text,
        "details": dict(entry.details),
    }


def _of_happening(each: Happening) -> dict[str, Any]:
    return {
        "at": each.at,
        "kind": each.kind,
        "task": each.task,
        "run": each.run,
        "text": _unpaid(each),
        "details": dict(each.details),
    }


def _unpaid(each: Happening) -> str:
    """Return what is told; what this machine has answered must not look paid."""
    if each.usd is None or not is_local(each.details.get("model")):
        return each.told
    price = f"for {each.usd:.6f} dollars"
    return each.told.replace(price, f"for nothing (a model would have taken about {each.usd:.6f} dollars)")


_FIRST: Final = ("uploaded", "planned", "delivered")
_LAST: Final = ("announced", "acknowledged", "refused")


def _moment(each: Mapping[str, Any]) -> tuple[dt.datetime, int]:
    """By time; what must have come first comes first within a moment."""
    kind = each["kind"]
    rank = _FIRST.index(kind) - len(_FIRST) if kind in _FIRST else 1 + _LAST.index(kind) if kind in _LAST else 0
    at = dt.datetime.fromisoformat(each["at"])
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC), rank
