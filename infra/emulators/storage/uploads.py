"""Uploads that take more than one request: resumable sessions, and multipart uploads of the XML API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .payload import Payload, Spool
    from .preconditions import Conditions


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """A resumable upload: what was promised at its start, and what has arrived."""

    bucket: str
    name: str
    fields: Mapping[str, Any]
    claims: Mapping[str, str]
    conditions: Conditions
    spool: Spool
    done: dict[str, Any] | None = None
    """The object resource, once the upload is complete."""

    @property
    def size(self) -> int:
        """How many bytes have arrived."""
        return self.spool.size

    def write(self, offset: int, data: bytes) -> None:
        """Append what is new in `data`, which begins at `offset` of the whole.

        A sender that lost a response repeats itself, perhaps while its first request still trickles in:
        only bytes that continue what is there count.
        """
        if self.done is None:
            self.spool.write(data[max(0, self.size - offset) :])


@dataclass(slots=True, kw_only=True, eq=False)
class PartedUpload:
    """A multipart upload of the XML API: its parts by number, whatever order they came in."""

    fields: Mapping[str, Any]
    parts: dict[int, Payload] = field(default_factory=dict)
