"""What the journal and the documents of a task say about images: which they saw, and which copies of them there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core.delivery import batch_lines, journal
from shared.core.delivery.batch_lines import BatchLineError
from shared.core.delivery.journal import JournalError
from shared.core.errors import NotFoundError, PermanentError
from shared.core.values import Source
from shared.pipeline.worker.lease import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.pipeline.ports import Ports

_SCHEME = "gs://"


@dataclass(frozen=True, slots=True)
class Traces:
    """What was found: stored images that a question was about, and files of the Files API (`files/ID`)."""

    images: frozenset[Source] = frozenset()
    files: frozenset[str] = frozenset()

    def plus(self, other: Traces) -> Traces:
        """Return both together."""
        return Traces(self.images | other.images, self.files | other.files)

    def name(self, source: Source) -> bool:
        """Whether exactly this generation is among the images."""
        return _bare(source.bucket, source.name, source.generation) in self.images


def of_replies(names: Iterable[str], ports: Ports) -> Traces:
    """Return what these journalled replies say; one that cannot be read is told, and says nothing."""
    images, files = set[Source](), set[str]()
    for name, data in _read(ports.settings.work_bucket, names, ports):
        try:
            reply = journal.parse_reply(data)
        except JournalError as error:
            logs.error("not one of our journalled replies", object=name, reason=str(error))
            continue
        files.update(reply.files)
        for each in reply.asked.images if reply.asked else ():
            images.update(_source(each.uri, each.generation))
    return Traces(frozenset(images), frozenset(files))


def of_lines(names: Iterable[str], ports: Ports) -> Traces:
    """Return what these batch lines say; one that cannot be read is told, and says nothing."""
    files = set[str]()
    for name, data in _read(ports.settings.work_bucket, names, ports):
        try:
            files.update(batch_lines.parse_line(data).entry.files)
        except BatchLineError as error:
            logs.error("not one of our batch lines", object=name, reason=str(error))
    return Traces(files=frozenset(files))


def of_documents(names: Iterable[str], ports: Ports) -> Traces:
    """Return which images these documents list; one that cannot be read is told, and lists none."""
    images = set[Source]()
    for name, data in _read(ports.settings.results_bucket, names, ports):
        try:
            listed = json.loads(data).get("images") or ()
            for each in listed:
                images.update(_source(each["uri"], each["generation"]))
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            logs.error("not one of our results", object=name, reason=repr(error))
    return Traces(frozenset(images))


def _read(bucket: str, names: Iterable[str], ports: Ports) -> Iterator[tuple[str, bytes]]:
    for name in names:
        try:
            yield name, ports.store.read(bucket, name, max_bytes=MAX_DOCUMENT_BYTES)
        except NotFoundError:
            continue  # removed by another delivery
        except PermanentError as error:
            logs.error("it cannot be read", object=name, reason=error.message)


def _source(uri: Any, generation: Any) -> Iterator[Source]:
    """Yield the object that is named; an image from the web is none."""
    bucket, _, name = str(uri).removeprefix(_SCHEME).partition("/")
    if str(uri).startswith(_SCHEME) and str(generation or "").isdecimal():
        yield _bare(bucket, name, int(generation))


def _bare(bucket: str, name: str, generation: int) -> Source:
    return Source(bucket, name, generation)
