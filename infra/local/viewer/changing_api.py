"""The routes by which a page changes anything: uploads, what is done to an image, and what is broken on purpose."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.viewer.actions import act
from infra.local.viewer.live import local_of
from infra.local.viewer.samples import upload_samples
from infra.local.viewer.wishes import read_object, read_upload
from infra.viewer import names
from infra.viewer.answers import as_json
from infra.viewer.cards import image_fields
from infra.viewer.errors import ApiError
from infra.viewer.images_api import record_of
from shared import bootstrap

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_UPLOAD_BYTES = 64 * 2**20
"""More than the pipeline takes (50 MB), so that its own refusal can be seen too."""
_NO_FAULTS = "Nothing can be broken here: the viewer was not started by `make up` on emulators of its own."


async def _upload(request: Request) -> Response:
    live, wish = local_of(request), read_upload(request.scope["query_string"])
    body = await _body(request)
    content_type = names.upload_type(request.headers.get("content-type"))
    made = await live.in_thread(
        lambda: live.store.upload(
            io.BytesIO(body), wish.name, size=len(body), content_type=content_type, metadata=wish.metadata
        )
    )
    live.hearing.uploaded(made)
    return JSONResponse(image_fields(made), status_code=201)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_UPLOAD_BYTES:
            raise ApiError(413, f"Expected at most {MAX_UPLOAD_BYTES:,} bytes; the file is larger.")
    return bytes(body)


async def _samples(request: Request) -> Response:
    """Upload the photographs of the demo."""
    live = local_of(request)
    made = await live.in_thread(lambda: upload_samples(live))
    for source in made:
        live.hearing.uploaded(source)
    return JSONResponse({"uploaded": len(made)}, status_code=201)


async def _act(request: Request) -> Response:
    live = local_of(request)
    wanted = read_object(await _body(request), "action", "key")
    record = record_of(live, wanted["key"])
    runs = live.catalog.runs(record.source)
    ports = await live.in_thread(bootstrap.ports)
    said = await live.in_thread(lambda: act(wanted["action"], record, runs=runs, ports=ports))
    return as_json(request, {"said": said})


async def _faults(request: Request) -> Response:
    live = local_of(request)
    faults = live.faults
    if request.method == "GET":
        return as_json(request, [] if faults is None else await live.in_thread(faults.documents))
    if faults is None:
        raise ApiError(409, _NO_FAULTS)
    wanted = read_object(await _body(request), "fault")
    return as_json(request, await live.in_thread(lambda: faults.do(wanted["fault"], live)))


ROUTES = (
    Route("/api/uploads", _upload, methods=["POST"]),
    Route("/api/samples", _samples, methods=["POST"]),
    Route("/api/actions", _act, methods=["POST"]),
    Route("/api/faults", _faults, methods=["GET", "POST"]),
)
