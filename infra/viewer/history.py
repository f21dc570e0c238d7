"""What happened since the viewer started: kept here, so that a page that is loaded anew knows all of it."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.viewer.names import Address

MAX_ENTRIES: Final = 50_000
MAX_OF_IMAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: when (RFC 3339), what (`kind`), of which image, and a sentence for people in `text`.

    `listed`: the log of events shows it too; the rest is for the image's story.
    """

    at: str
    kind: str
    source: Address | None
    text: str
    task: str = ""
    run: str = ""
    status: str = ""
    listed: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as the page gets it."""
        made = asdict(self)
        made.pop("source")
        return made | {"name": self.source.name if self.source else None}


class History:
    """The latest entries, in the order in which they were heard of. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._listed: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._of_image: defaultdict[Address, deque[Entry]] = defaultdict(lambda: deque(maxlen=MAX_OF_IMAGE))
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Keep an entry."""
        with self._lock:
            if entry.listed:
                self._listed.append(entry)
            if entry.source is not None:
                self._of_image[entry.source].append(entry)

    def latest(self, limit: int) -> list[Entry]:
        """Return the newest entries of the log of events, the oldest of them first."""
        with self._lock:
            return list(self._listed)[-limit:]

    def of(self, source: Address) -> list[Entry]:
        """Return all that is known of one image generation, oldest first."""
        with self._lock:
            return list(self._of_image.get(source, ()))
