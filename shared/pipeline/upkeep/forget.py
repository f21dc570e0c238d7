"""An upload is gone: everything that was made of it goes too, in every run.

Removing takes away what the delivery protocol stands on, so it is done by the protocol: the leases of all tasks first,
as their holder, because one delivery may be at work on several tasks; then copies of the image outside, and the
upload's own copies of answers that others may share (`uses`); then the journal, which names them and with which a late
duplicate could rebuild the rest; then the documents, so that no reader follows one to a missing file; then the files;
the lease last. Each step may be repeated: what a crash leaves, the next delivery removes. A duplicate of the upload's
own event that comes later finds no image: it is `skipped`.

What others know of it goes too: the answers of manifests that it was part of, and storage events that nobody could
handle. NOT_REACHED is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from shared import logs
from shared.core import naming
from shared.core.delivery import seen
from shared.core.delivery.seen import SeenError
from shared.core.errors import ConfigurationError, FileUnavailableError, NotFoundError, PermanentError, TransientError
from shared.core.events import storage_events
from shared.core.events.manifest import is_manifest
from shared.core.naming import Paths
from shared.pipeline.concurrency import concurrently
from shared.pipeline.upkeep import traces, uses
from shared.pipeline.worker import lease

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.events.envelopes import Upload
    from shared.core.values import Source
    from shared.pipeline.ports import Ports
    from shared.pipeline.upkeep.traces import Traces

NOT_REACHED: Final = (
    "what consumers of results have copied, and result events that are on their way to them, with the object's name",
    "messages that the topics and subscriptions keep, for 7 days at most, with the object's name",
    "logs, with the object's name",
    "the object itself where the bucket keeps deleted objects or old versions",
    "manifests that name it: they are uploads of their own",
    "copies at the Files API that no journalled reply names: they expire 48 hours after their upload",
    "what the model's provider keeps, by its own terms",
    "a batch job that the image is part of, until it has ended and its answers were read: three days at most",
    "the mark of the last held event that went ahead as a probe, with the object's name, for 45 days at most",
    "the mark of a backfill, with the names of the last objects that it has come to, for 45 days at most",
    "dead letters that say of no object that they are about it: they are deleted after 45 days",
)
"""What stays when an upload is forgotten, and why. docs/operating.md has the same list."""

_ATTEMPT = "forget"
"""One for all deliveries: what one has seized before it died, the next may finish at once."""

_ANY_TASK = "any"
_FILE_TIMEOUT_S = 15.0
_MARKER_LENGTH = 64 + len(".json")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where folders of runs lie."""

    bucket: str
    root: str

    def names(self, folder: str, ports: Ports) -> Iterator[tuple[str, str]]:
        """Yield each object of a generation's folder, with the task it belongs to."""
        for name in ports.store.list_names(self.bucket, f"{self.root}{folder}/"):
            task = naming.task_of(name.removeprefix(self.root), folder=folder)
            if task is not None:
                yield name, task

    def of(self, paths: Paths, ports: Ports) -> list[str]:
        """Return the objects of one task but for its lease, in byte order: a document comes before its files."""
        return [name for name, task in self.names(paths.folder, ports) if task == paths.task and name != paths.lease]


def forget(upload: Upload, ports: Ports) -> None:
    """Remove results, journalled replies, held events and leases of exactly this generation, and what tells of it.

    Raises:
        TransientError: a delivery is at work on it; the same event should be delivered again.
    """
    source = upload.source
    with logs.context(bucket=source.bucket, object=source.name, generation=str(source.generation)):
        reason = _left_alone(source, ports)
        if reason is not None:
            logs.info("left alone", reason=reason)
            return
        if _is_still_there(source, ports):
            logs.error("a deletion is told of an object that is still there: nothing is forgotten")
            return
        places = _places(ports)
        found, manifest = list(_found(source, places, ports)), is_manifest(source.name)
        # All of them before anything is removed: whoever holds the lease of one task may commit others under it.
        seized = [(paths, lease.seize(paths, ports, attempt=_ATTEMPT)) for paths in found]
        busy = [paths for paths, generation in seized if generation is None]
        for paths, generation in seized:
            if generation is not None:
                _remove(paths, generation, places, ports, manifest=manifest)
        busy += _forget_answers(source, ports)
        letters = _remove_letters(source, ports)
        if busy:
            raise TransientError(f"{', '.join(paths.lease for paths in busy)}: deliveries are still at work on it.")
        logs.info("nothing of it is left but what cannot be reached", dead_letters=letters, not_reached=NOT_REACHED)


def _left_alone(source: Source, ports: Ports) -> str | None:
    settings = ports.settings
    if source.bucket not in settings.upload_buckets:
        return "not an upload bucket"
    own = storage_events.lies_among_results(
        source, results_bucket=settings.results_bucket, results_prefix=settings.results_prefix
    )
    return "it lies below the results' prefix" if own else None


def _is_still_there(source: Source, ports: Ports) -> bool:
    """Whether an event is wrong: whoever may publish one could erase results with it. Storage itself knows."""
    live = ports.store.stat(source.bucket, source.name)
    return live is not None and live.generation == source.generation


def _places(ports: Ports) -> Sequence[_Place]:
    """Return where to look, in the order of removal."""
    work = ports.settings.work_bucket
    days = ports.store.list_folders(work, naming.PARKED)
    return [
        _Place(work, naming.REPLIES),
        _Place(work, naming.BATCH_LINES),
        *(_Place(work, day) for day in days),
        _Place(ports.settings.results_bucket, ports.settings.results_prefix),
        _Place(work, naming.USES),
        _Place(work, naming.LEASES),
    ]


def _found(source: Source, places: Sequence[_Place], ports: Ports) -> Iterator[Paths]:
    """Yield the paths of every run and task that left anything."""
    prefix = ports.settings.results_prefix
    below = (folder.removeprefix(place.root) for place in places for folder in _folders(place, ports))
    for run in sorted({each.rstrip("/") for each in below}):
        if naming.is_run_name(run):
            folder = naming.paths(source, run=run, task=_ANY_TASK, prefix=prefix).folder
            tasks = {task for place in places for _, task in place.names(folder, ports)}
            yield from (Paths(folder, task, prefix) for task in sorted(tasks))


def _folders(place: _Place, ports: Ports) -> Sequence[str]:
    return ports.store.list_folders(place.bucket, place.root)


def _remove(
    paths: Paths, generation: int, places: Sequence[_Place], ports: Ports, *, manifest: bool, but: str | None = None
) -> None:
    """Remove all of one task of an image, or of a manifest, as the holder of its lease, which is of this generation.

    What says which images a manifest has seen goes, too, `but` for one marker.
    """
    known = _traces(paths, ports, manifest=manifest)
    _delete_copies(known, ports)
    _delete_markers(known, paths, ports, but=but)
    uses.give_up(paths, _Place(ports.settings.work_bucket, naming.USES).of(paths, ports), ports)
    removed = 0
    for place in places:
        # Listed only now: whoever held the lease may have written until a moment ago.
        for name in place.of(paths, ports):
            ports.store.delete(place.bucket, name)
            removed += 1
    ports.store.delete(ports.settings.work_bucket, paths.lease, generation=generation)
    logs.info("forgotten", task=paths.task, folder=paths.folder, objects=removed)


def _traces(paths: Paths, ports: Ports, *, manifest: bool) -> Traces:
    """Return what is known of a task's images: of a manifest's also by its documents, which outlive the journal."""
    settings = ports.settings
    replies = _Place(settings.work_bucket, naming.REPLIES)
    lines = _Place(settings.work_bucket, naming.BATCH_LINES)
    known = traces.of_replies(replies.of(paths, ports), ports).plus(traces.of_lines(lines.of(paths, ports), ports))
    if not manifest:
        return known
    results = _Place(settings.results_bucket, settings.results_prefix)
    return known.plus(traces.of_documents(_documents(results.of(paths, ports)), ports))


def _documents(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.endswith(".json")]


def _delete_copies(known: Traces, ports: Ports) -> None:
    """Delete the copies at the Files API: they are found by the journal alone, and so before it goes."""
    for name in sorted(known.files):
        reason = _why_copy_stays(name, ports)
        if reason is not None:
            logs.error("a copy at the Files API stays until it expires, 48 hours after its upload", reason=reason)


def _why_copy_stays(name: str, ports: Ports) -> str | None:
    if ports.model is None:
        return "there is no key for the Files API"
    try:
        ports.model.delete_file(name, timeout_s=_FILE_TIMEOUT_S)
    except (ConfigurationError, FileUnavailableError) as error:
        return str(error)
    return None


def _delete_markers(known: Traces, asking: Paths, ports: Ports, *, but: str | None) -> None:
    """Delete what says that this task has seen these images."""
    work = ports.settings.work_bucket
    names = sorted({seen.marker_name(image, asking) for image in known.images} - {but})
    concurrently([partial(ports.store.delete, work, name) for name in names])


def _forget_answers(source: Source, ports: Ports) -> list[Paths]:
    """Remove the answers of manifests that this image was part of; return those at which a delivery is at work."""
    folder = naming.about(source, kept=naming.SEEN)
    names = ports.store.list_names(ports.settings.work_bucket, folder)
    # What lies deeper is about objects whose names begin like this folder.
    own = [name for name in names if len(name) == len(folder) + _MARKER_LENGTH and "/" not in name[len(folder) :]]
    asked = [(name, _asking(name, source, ports)) for name in own]
    return [asking for name, asking in asked if asking and not _forget_answer(name, asking, source, ports)]


def _asking(name: str, source: Source, ports: Ports) -> Paths | None:
    try:
        data = ports.store.read(ports.settings.work_bucket, name, max_bytes=seen.MAX_BYTES)
        return seen.parse_marker(data, name=name, source=source, prefix=ports.settings.results_prefix)
    except NotFoundError:
        return None  # another delivery was faster
    except (PermanentError, SeenError) as error:
        logs.error("not one of our markers: it is left aside", object=name, reason=str(error))
        return None


def _forget_answer(marker: str, asking: Paths, source: Source, ports: Ports) -> bool:
    """Remove an answer if it is about the image, and the marker; say whether that was possible.

    The marker alone proves nothing: the answer may be about a later generation. The manifest itself is still there, so
    that its held events stay.
    """
    work, settings = ports.settings.work_bucket, ports.settings
    places = [_Place(work, naming.REPLIES), _Place(settings.results_bucket, settings.results_prefix)]
    begun = lease.is_held_by(asking, ports, attempt=_ATTEMPT)  # by a delivery that died over it
    if begun or _traces(asking, ports, manifest=True).name(source):
        generation = lease.seize(asking, ports, attempt=_ATTEMPT)
        if generation is None:
            return False
        _remove(asking, generation, places, ports, manifest=True, but=marker)
    elif lease.is_at_work(asking, ports):
        return False  # it may be about to name it
    ports.store.delete(work, marker)  # last: by it the next delivery finds what this one leaves
    return True


def _remove_letters(source: Source, ports: Ports) -> int:
    """Delete storage events about it that nobody could handle, with its name and metadata; return how many."""
    work, folder = ports.settings.work_bucket, naming.about(source, kept=naming.DEAD)
    names = [name for name in ports.store.list_names(work, folder) if "/" not in name.removeprefix(folder)]
    for name in names:
        ports.store.delete(work, name)
    return len(names)
