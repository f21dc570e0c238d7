"""From what a person types to the folders that hold it: a deployment, a part of it, or one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core import naming
from shared.core.errors import NotFoundError, SettingsError
from shared.core.naming import LEASES, MAX_NAME_BYTES
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.config import Settings
    from shared.core.operating.works import WorkName
    from shared.core.ports import ObjectStore

_SCHEME = "gs://"
_ROOM = 3 * MAX_NAME_BYTES
"""More than an encoded name can take: the beginning of a name is never shortened."""


@dataclass(frozen=True, slots=True)
class StatusScope:
    """What is looked at: all below these folders, one for each run, such as `v1/` or `v1/uploads/photos/`.

    `below` is what they have in common behind the run. `image` is (bucket, object name) where it is one image.
    """

    roots: tuple[str, ...]
    below: str = ""
    image: tuple[str, str] | None = None

    def folders(self, kept: str) -> Sequence[str]:
        """Return the prefixes to list below a folder of the work bucket, or below the results' own prefix."""
        return [f"{kept}{root}" for root in self.roots]

    def takes(self, work: WorkName) -> bool:
        """Whether this work belongs: below the folder of `a` there are the objects whose names begin with `a/`, too."""
        whole = f"{work.run}/{work.bucket}/{work.name}/"
        return self.image is None or not {whole, f"{whole}{work.generation}/"}.isdisjoint(self.roots)


def scope_of(where: str | None, settings: Settings, store: ObjectStore) -> StatusScope:
    """Return what a place means; None is the whole deployment.

    Raises:
        SettingsError: it is no place of this deployment.
        NotFoundError: nothing is known of it.
    """
    runs = _runs(settings, store)
    if where is None:
        return StatusScope(tuple(f"{run}/" for run in runs))
    bucket, _, path = where.removeprefix(_SCHEME).partition("/")
    whole = "" if settings.results_among_uploads else settings.results_prefix  # a bucket alone is all results in it
    folder = f"{path.rstrip('/')}/" if path.strip("/") else whole
    if bucket == settings.results_bucket and folder.startswith(settings.results_prefix):
        return _of_results(folder.removeprefix(settings.results_prefix), runs, where=where)
    if bucket in settings.upload_buckets:
        return _of_uploads((bucket, path), runs, settings, store)
    buckets = ", ".join(f"{_SCHEME}{each}" for each in settings.upload_buckets)
    raise SettingsError(
        f"expected a place in {buckets}, or below {_SCHEME}{settings.results_bucket}/{settings.results_prefix} (as the"
        f" settings have them), found {where}."
    )


def _runs(settings: Settings, store: ObjectStore) -> Sequence[str]:
    prefix = settings.results_prefix
    found = [each.removeprefix(prefix) for each in store.list_folders(settings.results_bucket, prefix)]
    found += [each.removeprefix(LEASES) for each in store.list_folders(settings.work_bucket, LEASES)]
    return sorted({settings.run, *(run for each in found if naming.is_run_name(run := each.rstrip("/")))})


def _of_results(path: str, runs: Sequence[str], *, where: str) -> StatusScope:
    run, _, rest = path.rstrip("/").partition("/")
    if not run:
        return StatusScope(tuple(f"{each}/" for each in runs))
    if run not in runs:
        raise NotFoundError(f"expected one of the runs {', '.join(runs)}, found {run!r} in {where}")
    if not rest:
        return StatusScope((f"{run}/",))
    folder, _, last = rest.rpartition("/")
    bucket, _, name = folder.partition("/")
    if last.isdecimal() and name and (decoded := naming.decode_object_name(name)) is not None:
        return StatusScope((f"{run}/{rest}/",), f"{rest}/", (bucket, decoded))
    return StatusScope((f"{run}/{rest}/",), f"{rest}/")


def _of_uploads(where: tuple[str, str], runs: Sequence[str], settings: Settings, store: ObjectStore) -> StatusScope:
    bucket, path = where
    if not path.strip("/"):
        return StatusScope(tuple(f"{run}/{bucket}/" for run in runs), f"{bucket}/")
    if not path.endswith("/"):
        image = _image(bucket, path, runs)
        if _is_known(image, settings, store):
            return image
    below = f"{bucket}/{naming.encode_object_name(path.rstrip('/'), max_bytes=_ROOM)}/"
    scope = StatusScope(tuple(f"{run}/{below}" for run in runs), below)
    if not any(_holds(scope, settings, store)) and not store.list_folders(bucket, f"{path.rstrip('/')}/"):
        raise NotFoundError(
            f"nothing is known of {_SCHEME}{bucket}/{path}: it is no upload, there are no results of it, and no work."
        )
    return scope


def _image(bucket: str, name: str, runs: Sequence[str]) -> StatusScope:
    folders = [naming.paths(Source(bucket, name, 1), run=run, task="any").folder.removesuffix("1") for run in runs]
    return StatusScope(tuple(folders), folders[0].partition("/")[2], (bucket, name))


def _is_known(image: StatusScope, settings: Settings, store: ObjectStore) -> bool:
    assert image.image is not None  # noqa: S101 - made just now
    if store.stat(*image.image) is not None:
        return True
    generations = (folder.rstrip("/").rpartition("/")[2] for folder in _holds(image, settings, store))
    return any(each.isdecimal() for each in generations)


def _holds(scope: StatusScope, settings: Settings, store: ObjectStore) -> Sequence[str]:
    """Return the folders right below, of results and of leases."""
    results = scope.folders(settings.results_prefix)
    found = [each for folder in results for each in store.list_folders(settings.results_bucket, folder)]
    leases = scope.folders(LEASES)
    return found + [each for folder in leases for each in store.list_folders(settings.work_bucket, folder)]
