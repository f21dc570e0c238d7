"""From what a person types to the results there: a bucket's folder, or one on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared import config
from shared.core import naming
from shared.core.errors import NotFoundError, PermanentError, SettingsError
from shared.export.reading import THREADS, BucketResults, Listed, UnreadableError, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.core.ports import ObjectStore
    from shared.export.reading import Results

_SCHEME = "gs://"
_MAX_IMAGE_BYTES = 2_000_000_000  # more than any rule lets a worker read: an image has a result because it was read


def is_place(where: str) -> bool:
    """Whether this is `gs://BUCKET`, a folder of one, or an existing folder on this machine."""
    if not where.startswith(_SCHEME):
        return where != "" and Path(where).is_dir()  # an unset shell variable is not this folder
    return naming.is_bucket_name(where.removeprefix(_SCHEME).partition("/")[0])


def open_results(where: str) -> Results:
    """Return the results below a place; `GOOGLE_CLOUD_PROJECT` and `STORAGE_EMULATOR_HOST` have their usual meaning.

    Raises:
        SettingsError: this process has no credentials for Cloud Storage.
    """
    if not where.startswith(_SCHEME):
        return FolderResults(Path(where))
    bucket, _, folder = where.removeprefix(_SCHEME).partition("/")
    # With its slash: `v1` is not the beginning of `v10`.
    return BucketResults(_store(), bucket, f"{folder.rstrip('/')}/" if folder.strip("/") else "")


def open_images() -> Callable[[Mapping[str, Any]], bytes]:
    """Return what reads the image that a result's `source` names: exactly its generation, from the upload bucket.

    Raises:
        SettingsError: this process has no credentials for Cloud Storage.
    """
    store = _store()

    def read(source: Mapping[str, Any]) -> bytes:
        try:
            return store.read(
                source["bucket"], source["name"], generation=int(source["generation"]), max_bytes=_MAX_IMAGE_BYTES
            )
        except (NotFoundError, PermanentError) as error:
            raise UnreadableError(str(error)) from error

    return read


def _store() -> ObjectStore:
    from google.auth.exceptions import DefaultCredentialsError

    from shared.adapters.storage import GoogleStorage

    settings = config.client_settings()
    try:
        return GoogleStorage(
            project=settings.project, emulator_host=settings.storage_emulator_host, connections=THREADS + 8
        )
    except DefaultCredentialsError as error:
        raise SettingsError(
            "expected credentials for Cloud Storage, found none: run `gcloud auth application-default login`, or set"
            " STORAGE_EMULATOR_HOST to a local stack's (it is in .local/stack.env)."
        ) from error


class FolderResults:
    """Results below a folder, at any depth.

    The files of a result lie in the folder `<task>/` beside its document, as in the bucket, or beside it as
    `<task>-<file>`, as the demo puts them. So a copy of any part of the bucket will do.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, Path] = {}

    def listed(self) -> Iterator[Listed]:
        """Yield the paths of all JSON files, relative to the folder; when a copy was made says nothing about them."""
        names = sorted(f"./{path.relative_to(self._folder).as_posix()}" for path in self._folder.rglob("*.json"))
        return map(Listed, names)

    def place(self, name: str) -> str:
        """Return the path."""
        return str(self._folder / name)

    def read_document(self, name: str) -> dict[str, Any]:
        """Read a document, and note where its files lie."""
        path = self._folder / name
        document = parsed(_read(path))
        for file in document["files"]:
            own_name = file["name"].rpartition("/")[2]
            beside = path.parent / f"{document['task']}-{own_name}"
            self._places[file["name"]] = beside if beside.is_file() else path.parent / document["task"] / own_name
        return document

    def read_file(self, name: str) -> bytes:
        """Read a file that a document names."""
        if name not in self._places:
            raise UnreadableError(f"expected {name} among the files of its document, found other names")
        return _read(self._places[name])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
