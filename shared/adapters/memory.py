"""In-memory twins of every port, with queued faults: for tests, and for trying a pipeline without any service.

They keep the laws of the real services that the delivery protocol stands on (generations, create-only writes,
ages by the server's clock); one contract suite runs on them and on the real adapters.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.adapters.memory_faults import Faults
from shared.core import jsontext
from shared.core.errors import AlreadyExistsError, ChangedError, ErrorCode, NotFoundError, PermanentError
from shared.core.ports import ModelFile, ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shared.core.gemini.request import ModelRequest
    from shared.core.ports import Clock, Message

__all__ = ["Faults", "ManualClock", "MemoryModel", "MemoryPublisher", "MemoryStore"]

_PAGE = 1000
_MIDNIGHT = dt.datetime.fromisoformat("2026-11-21T00:00:00")


@dataclass(frozen=True, slots=True)
class _Stored:
    data: bytes = field(repr=False)
    generation: int
    content_type: str
    metadata: Mapping[str, str]
    written_s: float


class MemoryStore:
    """The `ObjectStore` port. `clock` is the *server's* clock here."""

    def __init__(self, clock: Clock) -> None:
        self.faults = Faults()
        self._clock = clock
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, str], _Stored] = {}
        self._generations = itertools.count(1_700_000_000_000_000)

    def create(
        self, bucket: str, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Write an object that must not exist yet; return its generation."""
        self.faults.begin("create")
        with self._lock:
            if (bucket, name) in self._objects:
                raise AlreadyExistsError(f"gs://{bucket}/{name} exists.")
            generation = self._put((bucket, name), data, content_type, metadata)
        self.faults.end("create")
        return generation

    def replace(
        self,
        bucket: str,
        name: str,
        data: bytes,
        *,
        generation: int,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Overwrite exactly this generation; return the new one."""
        self.faults.begin("replace")
        with self._lock:
            live = self._objects.get((bucket, name))
            if (live.generation if live else 0) != generation:
                raise ChangedError(f"gs://{bucket}/{name} is not generation {generation}.")
            written = self._put((bucket, name), data, content_type, metadata)
        self.faults.end("replace")
        return written

    def stat(self, bucket: str, name: str) -> ObjectInfo | None:
        """Describe the live object, or None."""
        self.faults.begin("stat")
        live = self._objects.get((bucket, name))
        return None if live is None else self._info(live)

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        """Read an object."""
        self.faults.begin("read")
        live = self._objects.get((bucket, name))
        if live is None or generation not in (None, live.generation):
            raise NotFoundError(f"gs://{bucket}/{name}#{generation} does not exist.")
        if len(live.data) > max_bytes:
            raise PermanentError(ErrorCode.TOO_MANY_BYTES, f"gs://{bucket}/{name} is larger than {max_bytes:,} bytes.")
        return live.data

    def read_head(self, bucket: str, name: str, *, generation: int, max_bytes: int) -> bytes:
        """Read the first bytes of an object, at most so many."""
        self.faults.begin("read_head")
        live = self._objects.get((bucket, name))
        if live is None or generation != live.generation:
            raise NotFoundError(f"gs://{bucket}/{name}#{generation} does not exist.")
        return live.data[:max_bytes]

    def delete(self, bucket: str, name: str, *, generation: int | None = None) -> None:
        """Delete the live object (or exactly this generation); deleting what is gone is no error."""
        self.faults.begin("delete")
        with self._lock:
            live = self._objects.get((bucket, name))
            if live is not None and generation in (None, live.generation):
                del self._objects[(bucket, name)]

    def list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the names of all live objects below a prefix, in byte order."""
        self.faults.begin("list_names")
        with self._lock:
            names = [name for holder, name in self._objects if holder == bucket and name.startswith(prefix)]
        return sorted(names, key=str.encode)

    def list_objects(
        self, bucket: str, prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        """Yield every live object below a prefix, in byte order, page by page."""
        after = start_after
        while True:
            page = self._page(bucket, prefix, after=after, before=end_before)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def _page(
        self, bucket: str, prefix: str, *, after: str | None, before: str | None
    ) -> Sequence[tuple[str, ObjectInfo]]:
        self.faults.begin("list_objects")
        with self._lock:
            below = ((name, live) for (holder, name), live in self._objects.items() if holder == bucket)
            within = (
                (name, live)
                for name, live in below
                if name.startswith(prefix) and (after is None or name > after) and (before is None or name < before)
            )
            # Python orders texts by code points, which is the order of their UTF-8.
            page = heapq.nsmallest(_PAGE, within, key=lambda entry: entry[0])
        return [(name, self._info(live)) for name, live in page]

    def list_folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders right below a prefix, each as a whole prefix, in byte order."""
        self.faults.begin("list_folders")
        with self._lock:
            inside = [name for holder, name in self._objects if holder == bucket and name.startswith(prefix)]
        below = (name.removeprefix(prefix) for name in inside)
        return sorted({f"{prefix}{name.partition('/')[0]}/" for name in below if "/" in name}, key=str.encode)

    def _info(self, live: _Stored) -> ObjectInfo:
        return ObjectInfo(
            live.generation,
            len(live.data),
            jsontext.crc32c(live.data),
            dict(live.metadata),
            self._clock.monotonic_s() - live.written_s,
            content_type=live.content_type,
        )

    def _put(self, where: tuple[str, str], data: bytes, content_type: str, metadata: Mapping[str, str] | None) -> int:
        generation, now_s = next(self._generations), self._clock.monotonic_s()
        self._objects[where] = _Stored(data, generation, content_type, dict(metadata or {}), now_s)
        return generation


class MemoryPublisher:
    """The `Publisher` port: keeps what was published, by topic."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.messages: dict[str, list[Message]] = {}

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Keep the messages."""
        self.faults.begin("publish")
        self.messages.setdefault(topic, []).extend(messages)
        self.faults.end("publish")


class MemoryModel:
    """The `VisionModel` port: answers by a function, keeps requests and uploaded files."""

    def __init__(self, answer: Callable[[ModelRequest], Mapping[str, Any]]) -> None:
        self.faults = Faults()
        self.requests: list[ModelRequest] = []
        self.files: dict[str, ModelFile] = {}
        self.contents: dict[str, bytes] = {}
        self._answer = answer

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:  # noqa: ARG002 - the port
        """Answer at once."""
        self.requests.append(request)
        self.faults.begin("generate")
        reply = self._answer(request)
        self.faults.end("generate")
        return reply

    def upload(self, name: str, data: bytes, *, mime_type: str, timeout_s: float) -> ModelFile:  # noqa: ARG002 - the port
        """Keep the file."""
        self.faults.begin("upload")
        if name in self.files:
            raise AlreadyExistsError(f"{name} exists already.")
        self.files[name] = ModelFile(name, f"memory://{name}", mime_type, "ACTIVE")
        self.contents[name] = data
        self.faults.end("upload")
        return self.files[name]

    def get_file(self, name: str, *, timeout_s: float) -> ModelFile | None:  # noqa: ARG002 - the port
        """Describe a kept file."""
        self.faults.begin("get_file")
        return self.files.get(name)

    def delete_file(self, name: str, *, timeout_s: float) -> None:  # noqa: ARG002 - the port
        """Forget a file."""
        self.faults.begin("delete_file")
        self.files.pop(name, None)
        self.contents.pop(name, None)

    def register_file(self, uri: str, *, timeout_s: float) -> ModelFile:  # noqa: ARG002 - the port
        """Keep the address as a file."""
        self.faults.begin("register_file")
        name = f"files/registered-{len(self.files)}"
        self.files[name] = ModelFile(name, f"memory://{name}", "application/octet-stream", "ACTIVE")
        self.faults.end("register_file")
        return self.files[name]


class ManualClock:
    """The `Clock` port under a test's control: sleeping moves it, and calls `on_sleep` first."""

    def __init__(self, on_sleep: Callable[[float], None] = lambda _: None) -> None:
        self.time_s = 1000.0
        self.midnight = _MIDNIGHT
        self.on_sleep = on_sleep

    def monotonic_s(self) -> float:
        """The time it was set to."""
        return self.time_s

    def now_iso(self) -> str:
        """A day in November, unless `midnight` was set, and the manual seconds since it began."""
        moment = self.midnight + dt.timedelta(seconds=int(self.time_s))
        return f"{moment.isoformat()}.000Z"

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.on_sleep(seconds)
        self.time_s += seconds
