"""The mark of one backfill in the work bucket: read with care, and written by one process at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core.errors import ChangedError, NotFoundError, PermanentError, SettingsError
from shared.core.jsontext import crc32c
from shared.core.planning import marks
from shared.core.planning.marks import BadMarkError, Mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.planning.marks import Position
    from shared.pipeline.ports import Ports


class MarkBook:
    """Reads and writes the mark of the backfill that is `about` this."""

    def __init__(self, ports: Ports, about: Mapping[str, Any], *, positions: type[Position]) -> None:
        self._ports = ports
        self._about = about
        self._positions = positions
        self._bucket = ports.settings.work_bucket
        self.name = marks.mark_name(about)
        self._generation = 0

    def read(self) -> Mark | None:
        """Return the mark, or None; what is none of this backfill's is told, and counts for nothing."""
        there = self._ports.store.stat(self._bucket, self.name)
        if there is None:
            return None
        self._generation = there.generation
        try:
            data = self._ports.store.read(
                self._bucket, self.name, generation=there.generation, max_bytes=marks.MAX_MARK_BYTES
            )
            return marks.parse_mark(data, self._about, positions=self._positions)
        except NotFoundError as error:
            raise self._taken() from error
        except (PermanentError, BadMarkError) as error:
            logs.warning(
                "not a mark of this backfill: it begins at the beginning, and writes over it",
                mark=f"gs://{self._bucket}/{self.name}",
                reason=str(error),
            )
            return None

    def write(self, mark: Mark) -> None:
        """Keep the mark.

        Raises:
            SettingsError: another process has written it meanwhile: the same backfill runs twice.
            TransientError: it is not known to be kept.
        """
        data = marks.format_mark(mark, self._about)
        try:
            self._generation = self._ports.store.replace(
                self._bucket, self.name, data, generation=self._generation, content_type="application/json"
            )
        except ChangedError as error:
            there = self._ports.store.stat(self._bucket, self.name)
            if there is None or there.crc32c != crc32c(data):
                raise self._taken() from error
            self._generation = there.generation  # this very write, whose answer was lost

    def _taken(self) -> SettingsError:
        return SettingsError(
            f"another process has written gs://{self._bucket}/{self.name}: the same backfill runs twice. Let one of"
            " them end, or give each a part with --shard; nothing is lost, and nothing was paid for twice."
        )
