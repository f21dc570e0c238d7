"""Gemini's batch jobs through google-genai: one call each, no retries inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.adapters.gemini_access import ByKey, LazyClient
from shared.adapters.gemini_calls import called, http_options
from shared.core.errors import TransientError
from shared.core.gemini.batches import BatchJob, state_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.genai import types

    from shared.adapters.gemini_access import OnVertex

_GONE, _HAS_ENDED = 404, 400
_PAGE = 100


class GeminiBatches:
    """The `BatchService` port over google-genai."""

    def __init__(self, access: ByKey | OnVertex, *, base_url: str | None, connections: int) -> None:
        self._client = LazyClient(access, base_url=base_url, connections=connections)
        self._by_key = isinstance(access, ByKey)

    def create(
        self, *, model: str, source: str, destination: str | None, display_name: str, timeout_s: float
    ) -> BatchJob:
        """Begin a job of the lines in `source`."""
        from google.genai import types

        config = types.CreateBatchJobConfig(
            display_name=display_name, dest=destination, http_options=http_options(timeout_s)
        )
        with called("model", model, timeout_s):
            job = self._client().batches.create(model=model, src=source, config=config)
        return self._job(job)

    def find(self, display_name: str, *, timeout_s: float) -> Sequence[BatchJob]:
        """Return all jobs of this name: only Vertex can look for one, so all are listed."""
        from google.genai import types

        config = types.ListBatchJobsConfig(page_size=_PAGE, http_options=http_options(timeout_s))
        with called("model", display_name, timeout_s):
            found = [job for job in self._client().batches.list(config=config) if job.display_name == display_name]
        return [self._job(job) for job in found]

    def get(self, name: str, *, timeout_s: float) -> BatchJob | None:
        """Describe a job, or None where the service knows it no more."""
        from google.genai import errors, types

        config = types.GetBatchJobConfig(http_options=http_options(timeout_s))
        with called("model", name, timeout_s):
            try:
                job = self._client().batches.get(name=name, config=config)
            except errors.ClientError as error:
                if error.code == _GONE:
                    return None
                raise
        return self._job(job)

    def cancel(self, name: str, *, timeout_s: float) -> None:
        """End a job early."""
        from google.genai import errors, types

        config = types.CancelBatchJobConfig(http_options=http_options(timeout_s))
        with called("model", name, timeout_s):
            try:
                self._client().batches.cancel(name=name, config=config)
            except errors.ClientError as error:
                if error.code not in (_GONE, _HAS_ENDED):
                    raise

    def download(self, name: str, *, timeout_s: float) -> bytes | None:
        """Return a file of answers, or None where it has expired."""
        from google.genai import errors, types

        config = types.DownloadFileConfig(http_options=http_options(timeout_s))
        with called("file", name, timeout_s):
            try:
                return self._client().files.download(file=name, config=config)
            except errors.ClientError as error:
                if error.code == _GONE:
                    return None
                raise

    def _job(self, job: types.BatchJob) -> BatchJob:
        if not job.name:
            raise TransientError("Gemini described a batch job without a name.")
        answers = job.dest.file_name if job.dest else None
        if not self._by_key:  # where it was told to write them: each job of Vertex has a folder of its own below that
            answers = job.dest.gcs_uri if job.dest else None
        return BatchJob(
            name=job.name or "",
            display_name=job.display_name or "",
            state=state_word(job.state.value if job.state else ""),
            answers=answers,
            error=job.error.message if job.error else None,
            created=job.create_time.isoformat() if job.create_time else "",
        )
