"""Which path goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

if TYPE_CHECKING:
    from .batches_api import BatchesApi
    from .control import ControlApi
    from .files_api import FilesApi
    from .models_api import ModelsApi
    from .predictions_api import PredictionsApi

PARENT = "/{version}/projects/{project}/locations/{location}"


def file_routes(api: FilesApi) -> list[Route]:
    """Return the Files API's paths."""
    return [
        Route("/upload/{version}/files", api.upload, methods=["POST", "PUT"]),
        Route("/{version}/files", api.list, methods=["GET"]),
        Route("/{version}/files:register", api.register, methods=["POST"]),
        Route("/{version}/files/{file_id}:download", api.download, methods=["GET"]),
        Route("/download/{version}/files/{file_id}:download", api.download, methods=["GET"]),
        Route("/{version}/files/{file_id}", api.get, methods=["GET"]),
        Route("/{version}/files/{file_id}", api.delete, methods=["DELETE"]),
    ]


def batch_routes(api: BatchesApi) -> list[Route]:
    """Return the Developer API's batch paths; they come before those of the models."""
    return [
        Route("/{version}/models/{model}:batchGenerateContent", api.create, methods=["POST"]),
        Route("/{version}/batches", api.list, methods=["GET"]),
        Route("/{version}/batches/{job_id}:cancel", api.cancel, methods=["POST"]),
        Route("/{version}/batches/{job_id}", api.get, methods=["GET"]),
        Route("/{version}/batches/{job_id}", api.delete, methods=["DELETE"]),
    ]


def model_routes(api: ModelsApi) -> list[Route]:
    """Return the models' paths on both back ends."""
    return [
        Route("/{version}/models", api.list, methods=["GET"]),
        Route("/{version}/models/{model}", api.get, methods=["GET"]),
        Route("/{version}/models/{call}", api.call, methods=["POST"]),
        Route("/{version}/publishers/google/models/{call}", api.call, methods=["POST"]),
        Route(PARENT + "/publishers/google/models/{call}", api.call, methods=["POST"]),
    ]


def prediction_routes(api: PredictionsApi) -> list[Route]:
    """Return Vertex's batch paths."""
    jobs = PARENT + "/batchPredictionJobs"
    return [
        Route(jobs, api.create, methods=["POST"]),
        Route(jobs, api.list, methods=["GET"]),
        Route(jobs + "/{job_id}:cancel", api.cancel, methods=["POST"]),
        Route(jobs + "/{job_id}", api.get, methods=["GET"]),
        Route(jobs + "/{job_id}", api.delete, methods=["DELETE"]),
    ]


def control_routes(api: ControlApi) -> list[Route]:
    """Return the paths that the real service has not."""
    return [
        Route("/_control/calls", api.calls, methods=["GET"]),
        Route("/_control/reset", api.reset, methods=["POST"]),
        Route("/_control/replies", api.replies, methods=["GET", "POST", "DELETE"]),
    ]
