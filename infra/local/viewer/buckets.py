"""What is stored becomes what the catalog knows: everything that lies in the buckets, however much that is."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import NOT_FOUND
from typing import TYPE_CHECKING, Any, Final

from infra.local import topology
from infra.local.viewer import cards
from infra.local.viewer.errors import ApiError
from infra.local.viewer.names import Address
from shared.core.naming import LEASES, PARKED, decode_object_name
from shared.core.operating.works import leased_work, work_at
from shared.pipeline.worker.park import PARKED_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from infra.local.viewer.catalog import Catalog
    from infra.local.viewer.store import Store

MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError)
_AT_ONCE: Final = 8
_TELL_EVERY: Final = 100
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Buckets:
    """Reads the buckets into a catalog; each document once, for none ever changes."""

    store: Store
    catalog: Catalog
    _known: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, *, told: Callable[[int, int], None]) -> list[str]:
        """Read what is new and forget what is gone; return what could not be read. `told` hears (read, to be read).

        Raises:
            ApiError: 503 the stack is down.
        """
        with self._lock:
            self._uploads()
            troubles = self._documents(told)
            self._leases()
            return troubles + self._held()

    def took(self, address: Address) -> dict[str, Any]:
        """Read one document, and return it as a card.

        Raises:
            ApiError: it is not there; ValueError, KeyError, TypeError: it is no document.
        """
        card = cards.result_card(self.store.read(address).data, address)
        self.catalog.took(card)
        self._known.add(address.name)
        return card

    def _uploads(self) -> None:
        before = self.catalog.uploads()
        there = set(self.store.stored(topology.UPLOADS))
        for source in there - before:
            self.catalog.uploaded(source)
        for source in before - there:  # what was uploaded since the listing is in neither
            self.catalog.lost(source)

    def _documents(self, told: Callable[[int, int], None]) -> list[str]:
        before = set(self._known)
        there = [each for each in self.store.stored(topology.RESULTS) if cards.is_document(each.name)]
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

    def _leases(self) -> None:
        """Take what somebody is, or was, at work on for planned: a lease is the first trace that a worker leaves."""
        for each in self.store.stored(topology.WORK, prefix=LEASES):
            work = leased_work(each.name)
            name = decode_object_name(work.name) if work else None
            if work is not None and name is not None:
                self.catalog.planned(Address(work.bucket, name, work.generation), work.run, [work.task])

    def _held(self) -> list[str]:
        return [trouble for each in self.store.stored(topology.WORK, prefix=PARKED) for trouble in self._parked(each)]

    def _parked(self, address: Address) -> Iterable[str]:
        try:
            content = self.store.read(address).data
            code = self.store.metadata(address).get(PARKED_CODE, "the log says why")
            for card in cards.stored_held_cards(content, address, code=code):
                self.catalog.took(card)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise  # else it was released meanwhile
        except MALFORMED as error:
            yield _unreadable(address, error)


def _unreadable(address: Address, error: Exception) -> str:
    _log.warning("gs://%s/%s cannot be shown: %r", address.bucket, address.name, error)
    return f"{address.name} cannot be shown: {error!r}"
