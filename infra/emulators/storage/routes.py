"""Which path goes where: every operation of the JSON API, of the XML API and of the control API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import buckets_api, control, objects_api, uploads_api, xml_api
from .batch import run_batch
from .buckets_api import BUCKETS
from .router import Call, Route, answer
from .uploads_api import UPLOAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.types import Scope

BUCKET = f"{BUCKETS}/{{bucket}}"
CONFIGS = f"{BUCKET}/notificationConfigs"
CONFIG = f"{CONFIGS}/{{config}}"
OBJECTS = f"{BUCKET}/o"
OBJECT = f"{OBJECTS}/{{object}}"
TARGET = "b/{target_bucket}/o/{target}"
XML_OBJECT = "/{bucket}/{object*}"

_JSON_PATHS = (b"/storage/v1/", b"/upload/", b"/resumable/", b"/download/", b"/batch/", b"/_control/")
"""All other paths are the XML API's: a bucket, and anything."""


def routes_for(scope: Scope) -> Sequence[Route]:
    """Return the routes of the API that a request is meant for."""
    return JSON_ROUTES if scope["raw_path"].startswith(_JSON_PATHS) else XML_ROUTES


async def _batch(call: Call) -> Response:
    return await run_batch(call.request, partial(answer, call.server, BATCHABLE))


def _xml(operation: str, method: str, handler: Any, *keys: str, streams: bool = False) -> Route:
    return Route(operation, method, XML_OBJECT, handler, dict.fromkeys(keys), errors="xml", streams=streams)


BUCKET_ROUTES = (
    Route("bucket.insert", "POST", BUCKETS, buckets_api.create_bucket),
    Route("bucket.list", "GET", BUCKETS, buckets_api.list_buckets),
    Route("bucket.get", "GET", BUCKET, buckets_api.get_bucket),
    Route("bucket.patch", "PATCH", BUCKET, buckets_api.patch_bucket),
    Route("bucket.update", "PUT", BUCKET, buckets_api.update_bucket),
    Route("bucket.delete", "DELETE", BUCKET, buckets_api.delete_bucket),
    Route("bucket.getIamPolicy", "GET", f"{BUCKET}/iam", buckets_api.get_policy),
    Route("bucket.setIamPolicy", "PUT", f"{BUCKET}/iam", buckets_api.set_policy),
    Route("bucket.testIamPermissions", "GET", f"{BUCKET}/iam/testPermissions", buckets_api.check_permissions),
    Route("notification.insert", "POST", CONFIGS, buckets_api.create_config),
    Route("notification.list", "GET", CONFIGS, buckets_api.list_configs),
    Route("notification.get", "GET", CONFIG, buckets_api.get_config),
    Route("notification.delete", "DELETE", CONFIG, buckets_api.delete_config),
    Route(
        "project.serviceAccount", "GET", "/storage/v1/projects/{project}/serviceAccount", buckets_api.service_account
    ),
)
OBJECT_ROUTES = (
    Route("object.list", "GET", OBJECTS, objects_api.list_objects),
    Route("object.download", "GET", OBJECT, objects_api.download, {"alt": "media"}, errors="text"),
    Route("object.download", "GET", f"/download{OBJECT}", objects_api.download, errors="text"),
    Route("object.download", "HEAD", f"/download{OBJECT}", objects_api.download, errors="text"),
    Route("object.get", "GET", OBJECT, objects_api.get_object),
    Route("object.patch", "PATCH", OBJECT, objects_api.patch_object),
    Route("object.update", "PUT", OBJECT, objects_api.update_object),
    Route("object.delete", "DELETE", OBJECT, objects_api.delete_object),
    Route("object.copy", "POST", f"{OBJECT}/copyTo/{TARGET}", objects_api.copy_object),
    Route("object.rewrite", "POST", f"{OBJECT}/rewriteTo/{TARGET}", objects_api.rewrite_object),
    Route("object.move", "POST", f"{OBJECT}/moveTo/o/{{target}}", objects_api.move_object),
    Route("object.compose", "POST", f"{OBJECT}/compose", objects_api.compose_object),
    Route("object.restore", "POST", f"{OBJECT}/restore", objects_api.restore_object),
)
UPLOAD_ROUTES = tuple(
    route
    for path in (UPLOAD, f"/resumable{UPLOAD}")
    for route in (
        Route("upload.chunk", "PUT", path, uploads_api.upload_chunk, {"upload_id": None}, streams=True),
        Route("upload.cancel", "DELETE", path, uploads_api.cancel_resumable, {"upload_id": None}),
        Route("upload.start", "POST", path, uploads_api.start_resumable, {"uploadType": "resumable"}),
        Route("object.insert", "POST", path, uploads_api.upload_multipart, {"uploadType": "multipart"}, streams=True),
        Route("object.insert", "POST", path, uploads_api.upload_media, {"uploadType": "media"}, streams=True),
    )
)
CONTROL_ROUTES = (
    Route("control.replay", "POST", "/_control/events/replay", control.replay_event),
    Route("control.stats", "GET", "/_control/stats", control.stats),
)
BATCHABLE: Sequence[Route] = (
    *BUCKET_ROUTES,
    *(route for route in OBJECT_ROUTES if route.operation != "object.download"),
)
JSON_ROUTES: Sequence[Route] = (
    *OBJECT_ROUTES,
    *UPLOAD_ROUTES,
    *BUCKET_ROUTES,
    *CONTROL_ROUTES,
    Route("batch", "POST", "/batch/storage/v1", _batch, streams=True),
)
XML_ROUTES: Sequence[Route] = (
    _xml("upload.startParts", "POST", xml_api.start_parts, "uploads", streams=True),
    _xml("upload.part", "PUT", xml_api.upload_part, "partNumber", "uploadId", streams=True),
    _xml("upload.completeParts", "POST", xml_api.complete_parts, "uploadId", streams=True),
    _xml("upload.abortParts", "DELETE", xml_api.abort_parts, "uploadId"),
    _xml("object.download", "GET", xml_api.download),
    _xml("object.download", "HEAD", xml_api.download),
    _xml("object.insert", "PUT", xml_api.upload, streams=True),
    _xml("object.delete", "DELETE", xml_api.delete),
)
