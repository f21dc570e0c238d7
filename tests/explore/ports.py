"""Every port of the pipeline on the stage: the memory adapters behind numbered, breakable steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import AlreadyExistsError, AwayError, ChangedError, TransientError
from tests.rig import RESULTS, SETTINGS, UPLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shared.adapters.memory import ManualClock, MemoryModel, MemoryPublisher, MemoryStore
    from shared.core.gemini.request import ModelRequest
    from shared.core.ports import Message, ModelFile, ObjectInfo
    from tests.explore.ledger import Ledger
    from tests.explore.stage import Stage

ANSWER_S: Final = 8.0

_WORK_TARGETS: Final = {
    "leases": "lease",
    "replies": "reply",
    "held": "held",
    "spending": "grant",
    "releases": "release",
    "answers": "copy",
    "uses": "use",
    "seen": "seen",
    "dead": "letter",
}
_WITHIN: Final = {
    "leases/_answers/": "claim",
    "batches/lines/": "line",
    "batches/jobs/": "record",
    "batches/files/": "batch file",
}
"""Folders within those."""


def target(bucket: str, name: str) -> str:
    """Return what an object is to the protocol."""
    if bucket == UPLOADS:
        return "image"
    if bucket == RESULTS:
        if not name.endswith(".json"):
            return "file"
        return "error" if ".error-" in name else "document"
    if "/back-" in name:
        return "refund"
    folder = next((folder for folder in _WITHIN if name.startswith(folder)), None)
    return _WITHIN[folder] if folder else _WORK_TARGETS[name.partition("/")[0]]


class StagedStore:
    """The `ObjectStore` port."""

    def __init__(self, stage: Stage, store: MemoryStore, ledger: Ledger) -> None:
        self._stage = stage
        self._store = store
        self._ledger = ledger

    def create(
        self, bucket: str, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> int:
        def effect() -> int:
            generation = self._store.create(bucket, name, data, content_type=content_type, metadata=metadata)
            self._note(bucket, name, data)
            return generation

        return self._stage.call("create", target(bucket, name), effect, conflict=AlreadyExistsError)

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
        def effect() -> int:
            written = self._store.replace(
                bucket, name, data, generation=generation, content_type=content_type, metadata=metadata
            )
            self._note(bucket, name, data)
            return written

        return self._stage.call("replace", target(bucket, name), effect, conflict=ChangedError)

    def stat(self, bucket: str, name: str) -> ObjectInfo | None:
        return self._stage.call("stat", target(bucket, name), lambda: self._store.stat(bucket, name))

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        effect = partial(self._store.read, bucket, name, generation=generation, max_bytes=max_bytes)
        return self._stage.call("read", target(bucket, name), effect)

    def read_head(self, bucket: str, name: str, *, generation: int, max_bytes: int) -> bytes:
        effect = partial(self._store.read_head, bucket, name, generation=generation, max_bytes=max_bytes)
        return self._stage.call("read", target(bucket, name), effect)

    def delete(self, bucket: str, name: str, *, generation: int | None = None) -> None:
        self._stage.call(
            "delete", target(bucket, name), partial(self._store.delete, bucket, name, generation=generation)
        )

    def list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        return self._stage.call("list", target(bucket, prefix), lambda: self._store.list_names(bucket, prefix))

    def list_objects(
        self, bucket: str, prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        def effect() -> Sequence[tuple[str, ObjectInfo]]:
            return list(self._store.list_objects(bucket, prefix, start_after=start_after, end_before=end_before))

        yield from self._stage.call("list", target(bucket, prefix), effect)

    def list_folders(self, bucket: str, prefix: str) -> Sequence[str]:
        return self._stage.call("list", target(bucket, prefix), lambda: self._store.list_folders(bucket, prefix))

    def _note(self, bucket: str, name: str, data: bytes) -> None:
        process, now_s = self._stage.turns.process, self._stage.clock.time_s
        match target(bucket, name):
            case "lease":
                process.held_s = now_s
            case "reply":
                process.journalled_s = now_s
                self._ledger.journalled(process)
            case "line" if process.releases:
                self._ledger.settled(name)
        if bucket == RESULTS:
            self._ledger.wrote(name, data)


class StagedPublisher:
    """The `Publisher` port."""

    def __init__(self, stage: Stage, publisher: MemoryPublisher, ledger: Ledger) -> None:
        self._stage = stage
        self._publisher = publisher
        self._ledger = ledger

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        def effect() -> None:
            self._publisher.publish(topic, messages)
            if topic == SETTINGS.image_topic:
                self._stage.on_released(messages)
            else:
                self._ledger.published(messages)

        self._stage.call("publish", "event", effect)


class StagedModel:
    """The `VisionModel` port. An answer takes `ANSWER_S`, and is paid for even if nobody waits that long."""

    def __init__(self, stage: Stage, model: MemoryModel, ledger: Ledger, *, away: Callable[[], bool]) -> None:
        self._stage = stage
        self._model = model
        self._ledger = ledger
        self._away = away

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        begun = self._stage.clock.now_iso()

        def effect() -> Mapping[str, Any]:
            if self._away():
                raise AwayError("503: the model is overloaded")
            self._ledger.asked(self._stage.turns.process, request, at_s=self._stage.clock.time_s)
            self._stage.clock.time_s += min(ANSWER_S, timeout_s)
            answer = self._model.generate(request, timeout_s=timeout_s)
            self._ledger.billed(answer, begun=begun, ended=self._stage.clock.now_iso())
            if timeout_s < ANSWER_S:
                raise TransientError(f"no answer within {timeout_s:.2f} s")
            return answer

        return self._stage.call("generate", "answer", effect)

    def upload(self, name: str, data: bytes, *, mime_type: str, timeout_s: float) -> ModelFile:
        def effect() -> ModelFile:
            file = self._model.upload(name, data, mime_type=mime_type, timeout_s=timeout_s)
            self._ledger.uploads[name] = data
            return file

        return self._stage.call("upload", "upload", effect, conflict=AlreadyExistsError)

    def get_file(self, name: str, *, timeout_s: float) -> ModelFile | None:
        return self._stage.call("get_file", "upload", partial(self._model.get_file, name, timeout_s=timeout_s))

    def delete_file(self, name: str, *, timeout_s: float) -> None:
        self._stage.call("delete_file", "upload", partial(self._model.delete_file, name, timeout_s=timeout_s))

    def register_file(self, uri: str, *, timeout_s: float) -> ModelFile:
        return self._stage.call("register_file", "upload", partial(self._model.register_file, uri, timeout_s=timeout_s))


class StagedClock:
    """The `Clock` port: sleeping lets others act."""

    def __init__(self, stage: Stage, clock: ManualClock) -> None:
        self._stage = stage
        self._clock = clock

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def now_iso(self) -> str:
        return self._clock.now_iso()

    def sleep(self, seconds: float) -> None:
        self._stage.sleep(seconds)
