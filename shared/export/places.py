"""From what a person types to the results there: a bucket's folder, or one on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared import config
from shared.core import naming
from shared.core.errors import SettingsError
from shared.export.folder import FolderResults
from shared.export.reading import THREADS, BucketResults

if TYPE_CHECKING:
    from shared.export.reading import Results

_SCHEME = "gs://"


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
    from google.auth.exceptions import DefaultCredentialsError

    from shared.adapters.storage import GoogleStorage

    bucket, _, folder = where.removeprefix(_SCHEME).partition("/")
    settings = config.client_settings()
    try:
        store = GoogleStorage(
            project=settings.project, emulator_host=settings.storage_emulator_host, connections=2 * THREADS
        )
    except DefaultCredentialsError as error:
        raise SettingsError(
            "expected credentials for Cloud Storage, found none: run `gcloud auth application-default login`, or set"
            " STORAGE_EMULATOR_HOST to a local stack's (it is in .local/stack.env)."
        ) from error
    # With its slash: `v1` is not the beginning of `v10`.
    return BucketResults(store, bucket, f"{folder.rstrip('/')}/" if folder.strip("/") else "")
