"""The Developer API's batches: create, get, list, cancel, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from .addresses import Target, authenticate
from .batch_lines import inlined_responses, read_inlined, read_jsonl, response_lines
from .batches import UNFINISHED, Order, State
from .errors import invalid
from .files import FileMeta, Source, timestamp
from .message_fields import BATCH, check_fields
from .models_api import read_limited
from .paging import read_page
from .requests import field, read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from .batch_lines import Line, Outcome
    from .batches import Deliver, Job, Jobs
    from .faults import FaultInjector
    from .files import FileStore

TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"


class BatchesApi:
    """Endpoints over the jobs; `new_path` names a file to write to."""

    def __init__(
        self, jobs: Jobs, files: FileStore, injector: FaultInjector, *, new_path: Callable[[], Path], inline_limit: int
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._injector = injector
        self._new_path = new_path
        self._inline_limit = inline_limit

    async def create(self, request: Request) -> Response:
        """Answer `models/M:batchGenerateContent`."""
        authenticate(request)
        target = Target(request.path_params["model"], "batchGenerateContent", request.path_params["version"])
        fault = await self._injector.inject(request, "batches.create", target.model)
        body = read_body(await read_limited(request, self._inline_limit))
        check_fields(body, BATCH)
        batch = field(body, "batch", {})
        lines, deliver = self._input(field(batch, "input_config", {}))
        order = Order(target, str(field(batch, "display_name", "")), lines, deliver, fault=fault)
        return JSONResponse(_operation(self._jobs.add(order)))

    async def get(self, request: Request) -> Response:
        """Answer one job."""
        return JSONResponse(_operation(self._jobs.get(await self._named(request, "get"))))

    async def list(self, request: Request) -> Response:
        """Answer one page of jobs."""
        authenticate(request)
        await self._injector.inject(request, "batches.list", "")
        jobs, token = self._jobs.page(*read_page(request.query_params))
        listed = {"operations": [_operation(job) for job in jobs]} if jobs else {}
        return JSONResponse(listed | ({"nextPageToken": token} if token else {}))

    async def cancel(self, request: Request) -> Response:
        """End one job early."""
        self._jobs.cancel(await self._named(request, "cancel"))
        return JSONResponse({})

    async def delete(self, request: Request) -> Response:
        """Forget one job."""
        self._jobs.delete(await self._named(request, "delete"))
        return JSONResponse({})

    async def _named(self, request: Request, operation: str) -> str:
        authenticate(request)
        job_id: str = request.path_params["job_id"]
        await self._injector.inject(request, f"batches.{operation}", f"batches/{job_id}")
        return job_id

    def _input(self, config: Any) -> tuple[Sequence[Line], Deliver]:
        name, requests = field(config, "file_name"), field(config, "requests")
        if (name is None) == (requests is None):
            raise invalid("* GenerateContentBatch.input_config: expected either file_name or requests.\n")
        if requests is not None:
            return read_inlined(field(requests, "requests")), _inline
        return read_jsonl(self._files.read(str(name).removeprefix("files/"))), self._to_file

    async def _to_file(self, job: Job, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        path = self._new_path()
        path.write_bytes(response_lines(outcomes))
        meta = FileMeta(f"batch-{job.job_id}", "", "application/jsonl")
        return {"responsesFile": f"files/{self._files.add(meta, path, Source.GENERATED).meta.file_id}"}


async def _inline(_: Job, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return inlined_responses(outcomes)


def _operation(job: Job) -> dict[str, Any]:
    """Return the long-running operation; clients read `metadata`, `response` only repeats its output."""
    metadata = {
        "@type": TYPE,
        "name": f"batches/{job.job_id}",
        "model": f"models/{job.order.target.model}",
        **({"displayName": job.order.display_name} if job.order.display_name else {}),
        "createTime": timestamp(job.created),
        "updateTime": timestamp(job.updated),
        **({"endTime": timestamp(job.ended)} if job.ended else {}),
        **({"output": job.output} if job.output else {}),
        "batchStats": _stats(job),
        "state": f"BATCH_STATE_{job.state.value}",
    }
    operation = {"name": f"batches/{job.job_id}", "metadata": metadata}
    if job.state in UNFINISHED:
        return operation
    ended = {"response": {"@type": f"{TYPE}Output", **job.output}} if job.output else {}
    if job.state is State.FAILED and job.error:
        ended = {"error": job.error.rpc_status()}
    return operation | {"done": True} | ended


def _stats(job: Job) -> dict[str, str]:
    total, done = len(job.order.lines), len(job.outcomes)
    counts = {
        "requestCount": total,
        "pendingRequestCount": total - done,
        "successfulRequestCount": done - job.failed,
        "failedRequestCount": job.failed,
    }
    return {name: str(count) for name, count in counts.items() if count}
