"""The in-memory twin of the batch service: jobs lie there until a test lets them end, as it wants them to."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.adapters.memory_faults import Faults
from shared.core.errors import FileUnavailableError, NotFoundError
from shared.core.gemini.batches import LINE_LABEL, BatchJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.adapters.memory import MemoryModel, MemoryStore

_MOST = 10**9


@dataclass(frozen=True, slots=True)
class _Made:
    model: str
    lines: Sequence[Mapping[str, Any]]
    destination: str | None


class MemoryBatches:
    """The `BatchService` port: reads its input like the service, answers by a function of model and request."""

    def __init__(
        self,
        model: MemoryModel,
        store: MemoryStore,
        answer: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        self.faults = Faults()
        self.jobs: dict[str, BatchJob] = {}
        self.paid: list[str] = []
        self._made: dict[str, _Made] = {}
        self._model = model
        self._store = store
        self._answer = answer

    def create(
        self,
        *,
        model: str,
        source: str,
        destination: str | None,
        display_name: str,
        timeout_s: float,  # noqa: ARG002 - the port
    ) -> BatchJob:
        """Begin a job, which waits."""
        self.faults.begin("batch_create")
        data = self._read(source)
        number = len(self.jobs) + 1
        job = BatchJob(f"batches/{number}", display_name, "PENDING", destination, created=f"{number:04}")
        self.jobs[job.name] = job
        self._made[job.name] = _Made(model, [json.loads(line) for line in data.splitlines()], destination)
        self.faults.end("batch_create")
        return job

    def find(self, display_name: str, *, timeout_s: float) -> Sequence[BatchJob]:  # noqa: ARG002 - the port
        """Return all jobs of this name."""
        self.faults.begin("batch_find")
        return [job for job in self.jobs.values() if job.display_name == display_name]

    def get(self, name: str, *, timeout_s: float) -> BatchJob | None:  # noqa: ARG002 - the port
        """Describe a job."""
        self.faults.begin("batch_get")
        return self.jobs.get(name)

    def cancel(self, name: str, *, timeout_s: float) -> None:  # noqa: ARG002 - the port
        """End a job early."""
        self.faults.begin("batch_cancel")
        if name in self.jobs and not self.jobs[name].ended:
            self.jobs[name] = replace(self.jobs[name], state="CANCELLED")

    def download(self, name: str, *, timeout_s: float) -> bytes | None:  # noqa: ARG002 - the port
        """Return a file of answers."""
        self.faults.begin("batch_download")
        return self._model.contents.get(name)

    def unfinished(self) -> Sequence[str]:
        """Return the names of the jobs that have not ended."""
        return [name for name, job in self.jobs.items() if not job.ended]

    def finish(
        self,
        name: str,
        state: str = "SUCCEEDED",
        *,
        write: Callable[[Sequence[bytes]], Sequence[bytes]] = lambda lines: lines,
    ) -> None:
        """Let a job end in a state; `write` returns the lines of its output, given those that it ought to have.

        What is in the output is paid for.
        """
        made, job = self._made[name], self.jobs[name]
        output = write([self._outcome(made, line) for line in made.lines])
        for line in output:
            self._pay(line)
        data = b"".join(line + b"\n" for line in output)
        answers = job.answers
        if made.destination is not None:
            bucket, _, folder = made.destination.removeprefix("gs://").partition("/")
            where = f"{folder}prediction-{name.rpartition('/')[2]}/predictions.jsonl"
            self._store.create(bucket, where, data, content_type="application/jsonl")
        elif output:
            answers = f"files/batch-{name.rpartition('/')[2]}"
            self._model.contents[answers] = data
        self.jobs[name] = replace(job, state=state, answers=answers)

    def _outcome(self, made: _Made, line: Mapping[str, Any]) -> bytes:
        response = self._answer(made.model, line["request"])
        if made.destination is not None:
            return json.dumps({"status": "", "request": line["request"], "response": response}).encode()
        return json.dumps({"key": line["key"], "response": response}).encode()

    def _pay(self, line: bytes) -> None:
        try:
            document = json.loads(line)
        except ValueError:
            return
        if isinstance(document, dict) and document.get("response"):
            self.paid.append(document.get("key") or document["request"]["labels"][LINE_LABEL])

    def _read(self, source: str) -> bytes:
        if source.startswith("gs://"):
            bucket, _, name = source.removeprefix("gs://").partition("/")
            try:
                return self._store.read(bucket, name, max_bytes=_MOST)
            except NotFoundError as error:  # the service tells it as it tells a file that is gone
                raise FileUnavailableError(f"{source} does not exist.") from error
        if source not in self._model.contents:
            raise FileUnavailableError(f"{source} does not exist.")
        return self._model.contents[source]
