"""What the topics and the functions' activity say, on its way into catalog, history and open pages."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from infra.local import activity, topology
from infra.viewer import cards
from infra.viewer.buckets import MALFORMED
from infra.viewer.errors import ApiError
from infra.viewer.history import Entry
from infra.viewer.names import Address
from shared.core.events.envelopes import source_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.local.activity import Activity
    from infra.local.viewer.listener import Heard
    from infra.viewer.buckets import Buckets
    from infra.viewer.catalog import Catalog
    from infra.viewer.feed import Feed
    from infra.viewer.history import History

_MAX_MESSAGES: Final = 20_000
_LEFT_OUT: Final = "left out"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Hearing:
    """Hears of everything once. Its methods may be called from any thread."""

    catalog: Catalog
    history: History
    buckets: Buckets
    feed: Feed
    brought_by: OrderedDict[str, Address] = field(default_factory=OrderedDict)
    """Which upload a message was about, by its id: the latest ones."""

    def handlers(self) -> Mapping[str, Callable[[Heard], None]]:
        """Return what is to be called with the messages of each topic."""
        return {
            topology.IMAGE_RESULTS: self._guarded(self.finished, "a result event"),
            topology.IMAGE_EVENTS: self._guarded(self.planned, "an image event"),
            topology.IMAGE_BACKFILL: self._guarded(self.planned, "an image event"),
            topology.UPLOAD_EVENTS: self._guarded(self.stored, "a storage event"),
            topology.IMAGE_DEAD: self._guarded(self.died, "a dead letter"),
        }

    def uploaded(self, source: Address) -> None:
        """An upload of a page is done; its storage event says so, too, a moment later."""
        self.catalog.uploaded(source)
        self.feed.changed()

    def stored(self, heard: Heard) -> None:
        """Something happened to an upload: it is there, or gone."""
        source = _source(heard.data)
        if source is None:
            raise ValueError("expected a storage object resource")
        kind = heard.attributes.get("eventType", "OBJECT_FINALIZE")
        if kind == "OBJECT_FINALIZE":
            self.catalog.uploaded(source)
            self.note(Entry(heard.at, "uploaded", source, "uploaded", listed=True))
        elif kind in {"OBJECT_DELETE", "OBJECT_ARCHIVE"}:
            self.catalog.lost(source)
            self.note(Entry(heard.at, "deleted", source, "the upload was deleted or replaced", listed=True))
        self.feed.changed()

    def planned(self, heard: Heard) -> None:
        """Tasks wait for a worker."""
        event = cards.planned_tasks(heard.data)
        self.catalog.planned(event.source, event.run, event.tasks)
        again = f", redrive {event.redrive}" if event.redrive else ""
        text = f"planned: {' and '.join(event.tasks)} in run {event.run}{again}"
        task = "+".join(event.tasks)
        self.note(Entry(heard.at, "planned", event.source, text, task, event.run, "waiting", listed=True))
        self.feed.changed()

    def finished(self, heard: Heard) -> None:
        """A task has a result, a failure, or is held."""
        if cards.is_held(heard.data):
            card = cards.held_card(heard.data)
            self.catalog.took(card)
        else:
            card = self.buckets.took(cards.event_address(heard.data, results=topology.RESULTS))
        source = Address(card["bucket"], card["name"], int(card["generation"]))
        words = ": ".join(each for each in (card["words"], card["reason"]) if each)
        text = f"result event: {card['status']}"
        details = {"said": card["caption"] or card["answer"] or words}
        entry = Entry(heard.at, "announced", source, text, card["task"], card["run"], card["status"], True, details)
        self.note(entry)
        self.feed.changed()

    def died(self, heard: Heard) -> None:
        """Pub/Sub gave an event up."""
        source = _source(heard.data)
        subscription = heard.attributes.get("CloudPubSubDeadLetterSourceSubscription", "a subscription")
        text = f"{subscription.rpartition('/')[2]} has given the event up: it is a dead letter now"
        self.note(Entry(heard.at, "dead_letter", source, text, status="failed", listed=True))
        self.feed.changed()

    def acted(self, lines: Iterable[Activity]) -> None:
        """The functions did something."""
        any_news = False
        for line in lines:
            source = self._source_of(line)
            if source is None:
                continue
            if line.what == _LEFT_OUT:
                self.catalog.left_out(source, str(line.details.get("reason", "")))
                any_news = True
            self.history.add(entry_of(line, source))
        if any_news:
            self.feed.changed()

    def note(self, entry: Entry) -> None:
        """Keep an entry, and tell every page of it."""
        self.history.add(entry)
        self.feed.send("log", entry.document())

    def _source_of(self, line: Activity) -> Address | None:
        """Return which upload a line is about; what a worker logs names the message that brought the event."""
        event = str(line.details.get("event") or "")
        if line.generation.isdigit():
            source = Address(line.bucket, line.name, int(line.generation))
            self.brought_by[event] = source
            while len(self.brought_by) > _MAX_MESSAGES:
                self.brought_by.popitem(last=False)
            return source
        return self.brought_by.get(event)

    def _guarded(self, handle: Callable[[Heard], None], what: str) -> Callable[[Heard], None]:
        def guarded(heard: Heard) -> None:
            try:
                handle(heard)
            except (ApiError, *MALFORMED) as error:
                _log.warning("%s could not be shown: %r", what, error)
                self.feed.problem(f"{what} could not be shown: {error}")

        return guarded


_PHRASES: Final[Mapping[str, str]] = {
    "asking": "the model is asked",
    "journalled": "the reply is in the journal",
    "committed": "the result is committed",
}


def entry_of(line: Activity, source: Address) -> Entry:
    """Return what a function did as an entry of an image's story."""
    details, task = dict(line.details), str(line.details.get("task") or "")
    if line.what == activity.DELIVERED:
        number = details.get("delivery")
        again = f", for the {_ordinal(number)} time" if isinstance(number, int) and number > 1 else ""
        kind, text = "delivered", f"delivered to {line.function}{again} (message {details.get('event')})"
    elif line.what == activity.ANSWERED:
        refused = activity.is_refusal(line)
        kind = "refused" if refused else "acknowledged"
        text = f"{line.function} answered {details.get('status')}: {'to be delivered again' if refused else kind}"
    else:
        severity = details.get("severity")
        kind = "warned" if severity in {"WARNING", "ERROR"} else "worked"
        reason = f": {details['reason']}" if details.get("reason") else ""
        attempt = f" (attempt {str(details['attempt'])[:8]})" if details.get("attempt") else ""
        text = f"{line.function}: {_PHRASES.get(line.what, line.what)}{reason}{attempt}"
    return Entry(
        line.at, kind, source, text, task, str(details.get("run") or ""), details=_plain(details | {"what": line.what})
    )


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if value is not None}


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in {11, 12, 13} else 0, "th")
    return f"{number}{ending}"


def _source(data: bytes) -> Address | None:
    named = source_named(data)
    return Address(named.bucket, named.name, named.generation) if named else None
