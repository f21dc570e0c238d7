"""An upload is gone: everything that was made of it goes too, in every run.

Removing takes away what the delivery protocol stands on, so it is done by the protocol: the lease of each task first,
as its holder; then the journal, with which a late duplicate could rebuild the rest; then the documents, so that no
reader follows one to a missing file; then the files; the lease last. Each step may be repeated: what a crash leaves,
the next delivery removes. A duplicate of the upload's own event that comes later finds no image: it is `skipped`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import logs
from shared.core import naming
from shared.core.errors import TransientError
from shared.core.events import storage_events
from shared.core.naming import Paths
from shared.pipeline.worker import lease

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.events.envelopes import Upload
    from shared.core.values import Source
    from shared.pipeline.ports import Ports

_ATTEMPT = "forget"
"""One for all deliveries: what one has seized before it died, the next may finish at once."""

_ANY_TASK = "any"


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


def forget(upload: Upload, ports: Ports) -> None:
    """Remove results, journalled replies, held events and leases of exactly this generation.

    Raises:
        TransientError: a delivery is at work on it; the same event should be delivered again.
    """
    source = upload.source
    with logs.context(bucket=source.bucket, object=source.name, generation=str(source.generation)):
        reason = _left_alone(source, ports)
        if reason is not None:
            logs.info("left alone", reason=reason)
            return
        places = _places(ports)
        busy = [paths for paths in _found(source, places, ports) if not _remove(paths, places, ports)]
        if busy:
            raise TransientError(f"{', '.join(paths.lease for paths in busy)}: deliveries are still at work on it.")


def _left_alone(source: Source, ports: Ports) -> str | None:
    settings = ports.settings
    if source.bucket not in settings.upload_buckets:
        return "not an upload bucket"
    own = storage_events.lies_among_results(
        source, results_bucket=settings.results_bucket, results_prefix=settings.results_prefix
    )
    return "it lies below the results' prefix" if own else None


def _places(ports: Ports) -> Sequence[_Place]:
    """Return where to look, in the order of removal."""
    work = ports.settings.work_bucket
    days = ports.store.list_folders(work, naming.PARKED)
    return [
        _Place(work, naming.REPLIES),
        *(_Place(work, day) for day in days),
        _Place(ports.settings.results_bucket, ports.settings.results_prefix),
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


def _remove(paths: Paths, places: Sequence[_Place], ports: Ports) -> bool:
    """Remove all of one task, and say whether that was possible."""
    generation = lease.seize(paths, ports, attempt=_ATTEMPT)
    if generation is None:
        return False
    removed = 0
    for place in places:
        # Listed only now: whoever held the lease may have written until a moment ago.
        names = [name for name, task in place.names(paths.folder, ports) if task == paths.task and name != paths.lease]
        for name in names:  # in byte order: `detect.json` comes before `detect/overlay.jpg`
            ports.store.delete(place.bucket, name)
            removed += 1
    ports.store.delete(ports.settings.work_bucket, paths.lease, generation=generation)
    logs.info("forgotten", task=paths.task, folder=paths.folder, objects=removed)
    return True
