"""The JSON API's uploads: simple, multipart, resumable."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.responses import Response

from .errors import ApiError, invalid, not_found
from .models import check_object_name
from .multipart import RelatedBody
from .payload import claimed_digests, verify
from .preconditions import MISSING
from .ranges import ContentRange, parse_content_range
from .router import Call, json_response
from .store import Draft
from .uploads import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .payload import Payload

UPLOAD = "/upload/storage/v1/b/{bucket}/o"
DEFAULT_TYPE = "application/octet-stream"
CLIENT_CLOSED_REQUEST = 499
RESUME_INCOMPLETE = 308


async def upload_media(call: Call) -> Response:
    """Create an object whose bytes are the body and whose metadata is in the query and headers."""
    # The body is read before anything is refused: a sender cut off in mid-body sees no answer at all.
    payload = await call.received()
    fields = {"contentEncoding": call.query.get("contentEncoding")}
    if "content-type" in call.request.headers:
        fields["contentType"] = call.request.headers["content-type"]
    return _created(call, payload, fields)


async def upload_multipart(call: Call) -> Response:
    """Create an object from a body of two parts, metadata and bytes."""
    body, spool = RelatedBody(call.request.headers.get("content-type", "")), call.spool()
    async for piece in call.request.stream():
        spool.write(body.feed(piece))
    spool.write(body.close())
    return _created(call, spool.finish(), body.metadata or {})


def start_resumable(call: Call) -> Response:
    """Begin a session; its URL is in the Location header."""
    headers = call.request.headers
    content_type = headers.get("x-upload-content-type", DEFAULT_TYPE)
    name = check_object_name(_name(call, call.body))
    session = Session(
        bucket=call.bucket.name,
        name=name,
        fields={"contentType": content_type, **call.body},
        claims=claimed_digests(call.body, headers),
        conditions=call.conditions(),
        spool=call.spool(),
    )
    live = call.bucket.live.get(name)
    session.conditions.check(live.stamp if live else MISSING)
    upload_id = uuid.uuid4().hex
    call.server.sessions[upload_id] = session
    path = UPLOAD.format(bucket=session.bucket)
    url = f"{call.origin}{path}?uploadType=resumable&upload_id={upload_id}"
    return Response(headers={"location": url, "x-guploader-uploadid": upload_id})


async def upload_chunk(call: Call) -> Response:
    """Take a piece of a resumable upload, or say how much has arrived; the last piece creates the object."""
    session = call.server.sessions.get(call.query["upload_id"])
    header = call.request.headers.get("content-range")
    span = parse_content_range(header) if header else ContentRange(0, None)
    if session is None:
        await _refuse(call, not_found("No such upload session: it ended, or never began."))
    offset = session.size if span.start is None else span.start
    if offset > session.size:
        message = f"Invalid request: bytes {session.size} to {offset - 1} are missing."
        await _refuse(call, ApiError(503, message, reason="backendError"))
    async for piece in call.request.stream():
        session.write(offset, piece)
        offset += len(piece)
    total = span.total if header else offset
    if session.done is None and (total is None or session.size < total):
        arrived = {"range": f"bytes=0-{session.size - 1}"} if session.size else {}
        return Response(status_code=RESUME_INCOMPLETE, headers=arrived)
    return json_response(session.done or _completed(call, session, total))


def cancel_resumable(call: Call) -> Response:
    """End a session without an object."""
    if call.server.sessions.pop(call.query["upload_id"], None) is None:
        raise not_found("No such upload session: it ended, or never began.")
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _completed(call: Call, session: Session, total: int | None) -> dict[str, Any]:
    sessions = call.server.sessions
    # Only success keeps the session: a repeated last request must hear of it again, a refused one is over.
    sessions.pop(call.query["upload_id"], None)
    if total is not None and session.size > total:
        raise invalid(f"Invalid request: {session.size} bytes were sent for an upload of {total}.")
    payload = session.spool.finish()
    # A hash may be promised at the start, and another be computed on the way: both must be right.
    verify(payload, session.claims)
    verify(payload, claimed_digests({}, call.request.headers))
    draft = Draft(name=session.name, payload=payload, fields=session.fields, origin=call.origin)
    version = call.store.commit(call.store.bucket(session.bucket), draft, session.conditions)
    session.done = version.resource()
    sessions[call.query["upload_id"]] = session
    return session.done


def _created(call: Call, payload: Payload, fields: Mapping[str, Any]) -> Response:
    verify(payload, claimed_digests(fields, call.request.headers))
    typed = {"contentType": DEFAULT_TYPE, **fields}
    draft = Draft(name=_name(call, fields), payload=payload, fields=typed, origin=call.origin)
    return json_response(call.store.commit(call.bucket, draft, call.conditions()).resource())


def _name(call: Call, fields: Mapping[str, Any]) -> str:
    return str(call.query.get("name") or fields.get("name") or "")


async def _refuse(call: Call, error: ApiError) -> NoReturn:
    # A sender that is cut off in mid-body sees a reset connection instead of the answer.
    async for _ in call.request.stream():
        pass
    raise error
