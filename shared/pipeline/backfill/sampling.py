"""What results have taken, learned from a sample of them: of the same run, or of other runs about the same bucket."""

from __future__ import annotations

import itertools
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.core.errors import NotFoundError, PermanentError
from shared.core.planning.existing import task_committed
from shared.pipeline.concurrency import concurrently
from shared.pipeline.worker import lease

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.core.planning.estimating import Samples
    from shared.pipeline.ports import Ports

READ = 24
"""Results that are read of each task for a mean. Pictures of one bucket are much alike."""

_RUNS, _NAMES = 3, 1000
"""Other runs that are looked into where a run has no results yet, and how many names of each."""


def learn(
    samples: Samples, needed: Sequence[tuple[str, str]], known: Iterable[tuple[str, str]], ports: Ports, *, bucket: str
) -> None:
    """Read results of the tasks and models that are needed: those that are `known` (task, name), then of other runs."""
    _read(samples, _some(known, {task for task, _ in needed}), ports)
    for run in _runs(ports):
        lacking = {task for task, model in needed if not samples.suffice(task, model)}
        if not lacking:
            return
        listed = ports.store.list_objects(ports.settings.results_bucket, f"{run}{bucket}/")
        names = (name for name, _ in itertools.islice(listed, _NAMES))
        _read(samples, _some(_documents(names), lacking), ports)


def read_results(names: Sequence[str], ports: Ports) -> list[Mapping[str, Any]]:
    """Return these result documents; what is gone meanwhile, or is none, is left out."""
    found = concurrently([partial(_document, name, ports) for name in names])
    return [each for each in found if each is not None]


def _read(samples: Samples, names: Sequence[str], ports: Ports) -> None:
    for document in read_results(names, ports):
        samples.add(document)


def _some(known: Iterable[tuple[str, str]], tasks: set[str]) -> list[str]:
    """Return some names of each task, from all over what is known."""
    by_task: dict[str, list[str]] = {task: [] for task in tasks}
    for task, name in known:
        if task in by_task:
            by_task[task].append(name)
    return [name for names in by_task.values() for name in names[:: max(1, len(names) // READ)][:READ]]


def _documents(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        task = task_committed(name)
        if task is not None:
            yield task, name


def _runs(ports: Ports) -> Sequence[str]:
    """Return the newest runs by name, this deployment's own first: each as a folder of the results bucket."""
    settings = ports.settings
    found = ports.store.list_folders(settings.results_bucket, settings.results_prefix)
    own = f"{settings.results_prefix}{settings.run}/"
    return sorted(found, key=lambda folder: (folder == own, folder), reverse=True)[:_RUNS]


def _document(name: str, ports: Ports) -> Mapping[str, Any] | None:
    try:
        data = ports.store.read(ports.settings.results_bucket, name, max_bytes=lease.MAX_DOCUMENT_BYTES)
        document: dict[str, Any] = json.loads(data)
    except (NotFoundError, PermanentError, ValueError, RecursionError):
        return None  # an estimate needs no document of which others tell (`cost` says what is wrong with it)
    return document if isinstance(document, dict) else None
