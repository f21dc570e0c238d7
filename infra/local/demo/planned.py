"""What every upload will be asked, by the product's own rules, and a key under which the answer can be kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.local import topology
from infra.local.demo.choosing import content_type
from shared.core import jsontext
from shared.core.events.envelopes import Upload as Uploaded
from shared.core.events.envelopes import settings_document
from shared.core.events.manifest import is_manifest
from shared.core.planning.plan import plan
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.local.demo.samples import Sample
    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.service import Service
    from shared.core.planning.rules import Rules

_TASKS = "uplook-tasks"
_NOTHING = "ask"  # without a question there is nothing to ask: the upload is there, for manifests, and costs nothing


@dataclass(frozen=True, slots=True)
class Asked:
    """One task of one upload. Whatever changes the answer changes the key: bytes, name, settings, who is asked."""

    event: ImageEvent
    key: str

    @property
    def task(self) -> str:
        """The task's name."""
        return self.event.task


@dataclass(frozen=True, slots=True)
class Upload:
    """A file under the name that it gets, what it is asked, and the metadata to upload it with."""

    name: str
    sample: Sample
    asked: tuple[Asked, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans uploads as `ingest` will; `asker` names the Gemini that answers."""

    rules: Rules
    run: str
    asker: str
    service: Service | None = None

    def plan(self, samples: Mapping[str, Sample]) -> list[Upload]:
        """Return what each file is asked; a manifest's key changes with every other file, for it may name any."""
        digests = {name: _digest(sample) for name, sample in samples.items()}
        together = _hash(sorted(digests.items()))
        return [
            self._upload(name, sample, together if is_manifest(name) else digests[name])
            for name, sample in samples.items()
        ]

    def only(self, upload: Upload, wanted: Iterable[str]) -> Upload | None:
        """Return an upload that is asked these tasks alone, as metadata can say it, or None where it cannot."""
        named = ",".join(wanted) or _NOTHING
        metadata = {**upload.metadata, _TASKS: named}
        events = self._events(upload.name, metadata)
        asked = tuple(each for each in upload.asked if each.event in events)
        fits = len(asked) == len(events)
        return replace(upload, asked=asked, metadata=metadata) if fits else None

    def _upload(self, name: str, sample: Sample, digest: str) -> Upload:
        events = self._events(name, sample.metadata)
        asked = tuple(Asked(event, self._key(event, digest)) for event in events)
        return Upload(name, sample, asked, sample.metadata)

    def _events(self, name: str, metadata: Mapping[str, str]) -> tuple[ImageEvent, ...]:
        source = Source(topology.UPLOADS, name, 1, content_type=content_type(name))
        events = plan(Uploaded(source, metadata), self.rules, run=self.run, service=self.service).events
        # Task by task: an answer that is kept serves its task again, with whichever others it was asked for.
        views = {view.task: view.alone() for event in events for view in event.views()}
        wanted = self.rules.choices_for(source.bucket, source.name, metadata)[0].tasks or ()
        return tuple(views[task] for task in dict.fromkeys((*wanted, *views)) if task in views)

    def _key(self, event: ImageEvent, digest: str) -> str:
        settings = settings_document(event.settings)
        return _hash([self.asker, event.source.name, digest, self.run, event.task, settings])


def _digest(sample: Sample) -> str:
    with sample.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(value: object) -> str:
    return hashlib.sha256(jsontext.dump_compact(value)).hexdigest()
