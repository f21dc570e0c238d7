"""Vertex's batchPredictionJobs: JSONL from Cloud Storage in, JSONL in Cloud Storage out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from .addresses import Target, authenticate, parent_of
from .batch_lines import prediction_lines, read_jsonl
from .batches import Order
from .errors import invalid
from .files import timestamp
from .message_fields import PREDICTIONS, check_fields
from .paging import read_page
from .requests import field, read_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from .batch_lines import Outcome
    from .batches import Job, Jobs
    from .cloud_storage import CloudStorage
    from .faults import FaultInjector


class PredictionsApi:
    """Endpoints over the jobs."""

    def __init__(self, jobs: Jobs, storage: CloudStorage, injector: FaultInjector) -> None:
        self._jobs = jobs
        self._storage = storage
        self._injector = injector

    async def create(self, request: Request) -> Response:
        """Begin a job."""
        authenticate(request, vertex=True)
        body = read_body(await request.body())
        target = Target(
            str(field(body, "model", "")).rpartition("/")[2],
            "batchPredictionJobs.create",
            request.path_params["version"],
            parent_of(request),
        )
        fault = await self._injector.inject(request, "batches.create", target.model)
        check_fields(body, PREDICTIONS)
        config = {name: field(body, name) for name in ("model", "input_config", "output_config")}
        uris = field(field(config["input_config"], "gcs_source"), "uris", [])
        prefix = field(field(config["output_config"], "gcs_destination"), "output_uri_prefix")
        if not uris or not prefix:
            raise invalid("Expected inputConfig.gcsSource.uris and outputConfig.gcsDestination.outputUriPrefix.")
        lines = [line for uri in uris for line in read_jsonl((await self._storage.read(uri)).data)]
        order = Order(target, str(field(body, "display_name", "")), lines, self._to_storage, config, fault)
        return JSONResponse(_resource(self._jobs.add(order)))

    async def get(self, request: Request) -> Response:
        """Answer one job."""
        return JSONResponse(_resource(self._jobs.get(await self._named(request, "get"))))

    async def list(self, request: Request) -> Response:
        """Answer one page of jobs."""
        authenticate(request, vertex=True)
        await self._injector.inject(request, "batches.list", "")
        jobs, token = self._jobs.page(*read_page(request.query_params))
        listed = {"batchPredictionJobs": [_resource(job) for job in jobs]} if jobs else {}
        return JSONResponse(listed | ({"nextPageToken": token} if token else {}))

    async def cancel(self, request: Request) -> Response:
        """End one job early."""
        self._jobs.cancel(await self._named(request, "cancel"))
        return JSONResponse({})

    async def delete(self, request: Request) -> Response:
        """Forget one job; the reply is an operation that is done."""
        job_id = await self._named(request, "delete")
        self._jobs.delete(job_id)
        return JSONResponse({"name": f"{parent_of(request)}/operations/{job_id}", "done": True})

    async def _named(self, request: Request, operation: str) -> str:
        authenticate(request, vertex=True)
        job_id: str = request.path_params["job_id"]
        await self._injector.inject(request, f"batches.{operation}", f"batchPredictionJobs/{job_id}")
        return job_id

    async def _to_storage(self, job: Job, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        prefix = field(field(job.order.config["output_config"], "gcs_destination"), "output_uri_prefix")
        directory = f"{prefix.rstrip('/')}/prediction-model-{timestamp(job.created)}"
        lines = prediction_lines(outcomes, timestamp(datetime.now(UTC)))
        await self._storage.write(f"{directory}/predictions.jsonl", lines, "application/jsonl")
        return {"gcsOutputDirectory": directory}


def _resource(job: Job) -> dict[str, Any]:
    config = job.order.config
    counts = {"successfulCount": str(len(job.outcomes) - job.failed), "failedCount": str(job.failed)}
    moments = {"startTime": job.started, "endTime": job.ended}
    return {
        "name": f"{job.order.target.parent}/batchPredictionJobs/{job.job_id}",
        "displayName": job.order.display_name,
        "model": config["model"],
        "inputConfig": config["input_config"],
        "outputConfig": config["output_config"],
        "state": f"JOB_STATE_{job.state.value}",
        "createTime": timestamp(job.created),
        "updateTime": timestamp(job.updated),
        **{name: timestamp(moment) for name, moment in moments.items() if moment},
        **({"outputInfo": job.output, "completionStats": counts} if job.output else {}),
        **({"error": job.error.rpc_status()} if job.error else {}),
    }
