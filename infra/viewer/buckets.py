"""What is stored becomes what the catalog knows: everything that lies in the buckets, however much that is."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import NOT_FOUND
from typing import TYPE_CHECKING, Any, Final

from infra.viewer import cards
from infra.viewer.errors import ApiError
from infra.viewer.names import Address
from shared.core.naming import LEASES, PARKED, decode_object_name
from shared.core.operating.works import leased_work, work_at
from shared.pipeline.worker.park import PARKED_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from infra.viewer.catalog import Catalog
    from infra.viewer.store import Store

MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError)
_AT_ONCE: Final = 8
_TELL_EVERY: Final = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What of the buckets is shown: images of the generation `since` and later; `older` ones are left out."""

    uploads: Sequence[Address]
    documents: Sequence[Address]
    since: int = 0
    older: int = 0


def newest_of(uploads: Sequence[Address], documents: Sequence[Address], count: int | None) -> Shown:
    """Return the uploads and documents of the `count` newest images; None for all.

    A generation is a moment in microseconds (https://cloud.google.com/storage/docs/metadata#generation-number): it
    tells which image is newer, and in one moment there is hardly ever a second one. Where there is, both count as one.
    """
    generations = {upload.generation or 0 for upload in uploads} | {_generation(each) for each in documents}
    if count is None or len(generations) <= count:
        return Shown(uploads, documents)
    since = sorted(generations)[-count]
    return Shown(
        [each for each in uploads if (each.generation or 0) >= since],
        [each for each in documents if _generation(each) >= since],
        since,
        len(generations) - count,
    )


def _generation(document: Address) -> int:
    """Return the generation of the image that a document is about: the folder it lies in."""
    return int(document.name.rsplit("/", 2)[1])


@dataclass(slots=True)
class Buckets:
    """Reads the buckets into a catalog; each document and held event once, for none ever changes.

    `newest`: how many images at most, the newest of all; None for however many there are.
    """

    store: Store
    catalog: Catalog
    newest: int | None = None
    _known: set[str] = field(default_factory=set)
    _parked: dict[Address, Sequence[dict[str, Any]]] = field(default_factory=dict)
    """What is held, by the generation of its object: a release or another reason makes a new one."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, *, told: Callable[[int, int], None]) -> list[str]:
        """Read what is new and forget what is gone; return what could not be read. `told` hears (read, to be read).

        Raises:
            ApiError: 503 the stack is down.
        """
        with self._lock:
            shown = self._listed()
            self.catalog.older = shown.older
            self._uploads(shown.uploads)
            troubles = self._documents(shown.documents, told)
            self._leases(shown.since)
            return troubles + self._held(shown.since)

    def took(self, address: Address) -> dict[str, Any]:
        """Read one document, and return it as a card.

        Raises:
            ApiError: it is not there; ValueError, KeyError, TypeError: it is no document.
        """
        card = cards.result_card(self.store.read(address).data, address)
        self.catalog.took(card)
        self._known.add(address.name)
        return card

    def _listed(self) -> Shown:
        places = self.store.places
        uploads = [
            each
            for bucket in places.uploads
            for each in self.store.stored(bucket)
            if not places.is_result(each.bucket, each.name)
        ]
        results = self.store.stored(places.results, prefix=places.results_prefix)
        return newest_of(uploads, [each for each in results if cards.is_document(each.name)], self.newest)

    def _uploads(self, there: Collection[Address]) -> None:
        before = self.catalog.uploads()
        for source in set(there) - before:
            self.catalog.uploaded(source)
        for source in before - set(there):  # what was uploaded since the listing is in neither
            self.catalog.lost(source)

    def _documents(self, there: Collection[Address], told: Callable[[int, int], None]) -> list[str]:
        before = set(self._known)
        names = {each.name for each in there}
        for name in before - names:
            self._known.discard(name)
            self._forget(name)
        new = [each for each in there if each.name not in before]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = []
            for done, trouble in enumerate(pool.map(self._document, new), 1):
                found += [trouble] if trouble else []
                if done % _TELL_EVERY == 0 or done == len(new):
                    told(done, len(new))
        return found

    def _document(self, address: Address) -> str | None:
        try:
            self.took(address)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            return error.message
        except MALFORMED as error:
            self._known.add(address.name)  # told once
            return _unreadable(address, error)
        return None

    def _forget(self, name: str) -> None:
        found = work_at(name)
        if found is None:
            return
        work, object_name = found[0], decode_object_name(found[0].name)
        if object_name is not None:
            self.catalog.forgot(Address(work.bucket, object_name, work.generation), work.run, work.task)

    def _leases(self, since: int) -> None:
        """Take what somebody is, or was, at work on for planned: a lease is the first trace that a worker leaves."""
        for each in self.store.stored(self.store.places.work, prefix=LEASES):
            work = leased_work(each.name)
            name = decode_object_name(work.name) if work else None
            if work is not None and name is not None and work.generation >= since:
                self.catalog.planned(Address(work.bucket, name, work.generation), work.run, [work.task])

    def _held(self, since: int) -> list[str]:
        there = self.store.stored(self.store.places.work, prefix=PARKED)
        self._parked = {each: self._parked[each] for each in there if each in self._parked}
        troubles = (self._held_event(each, since) for each in there)
        return [trouble for trouble in troubles if trouble]

    def _held_event(self, address: Address, since: int) -> str | None:
        try:
            if address not in self._parked:
                self._parked[address] = self._cards_of(address)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            return None  # it was released meanwhile
        except MALFORMED as error:
            return _unreadable(address, error)
        for card in self._parked[address]:
            if int(card["generation"]) >= since:
                self.catalog.took(card)
        return None

    def _cards_of(self, parked: Address) -> Sequence[dict[str, Any]]:
        content = self.store.read(parked).data
        code = self.store.metadata(parked).get(PARKED_CODE, "the log says why")
        return cards.stored_held_cards(content, parked, code=code)


def _unreadable(address: Address, error: Exception) -> str:
    _log.warning("gs://%s/%s cannot be shown: %r", address.bucket, address.name, error)
    return f"{address.name} cannot be shown: {error!r}"
