"""What clients need of the XML API: signed URLs (nobody checks the signature) and multipart uploads."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .downloads import media_headers, media_response
from .errors import ApiError, not_found
from .payload import claimed_digests, joined, verify
from .preconditions import check_etag, from_headers
from .router import Call, no_content
from .store import Draft
from .uploads import PartedUpload

if TYPE_CHECKING:
    from .models import Version
    from .payload import Payload

XML_TYPE = "application/xml; charset=UTF-8"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_META = "x-goog-meta-"
_FIELDS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "x-goog-custom-time": "customTime",
    "x-goog-storage-class": "storageClass",
}


def download(call: Call) -> Response:
    """Return an object's bytes."""
    version = call.target()
    from_headers(call.request.headers).check(version.stamp, reading=True)
    check_etag(call.request.headers, version.etag)
    return media_response(version, call.request.headers)


async def upload(call: Call) -> Response:
    """Create an object from the body and headers."""
    payload = await call.received()
    verify(payload, claimed_digests({}, call.request.headers))
    return Response(headers=media_headers(_commit(call, payload, _fields(call))))


def delete(call: Call) -> Response:
    """Delete an object."""
    version = call.target()
    from_headers(call.request.headers).check(version.stamp)
    call.store.delete(call.bucket, version, for_good="generation" in call.query)
    return no_content()


def start_parts(call: Call) -> Response:
    """Begin a multipart upload."""
    _ = call.bucket
    upload_id = uuid.uuid4().hex
    call.server.parted[upload_id] = PartedUpload(fields=_fields(call))
    return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")


async def upload_part(call: Call) -> Response:
    """Take one part, again if need be."""
    payload = await call.received()
    upload = _parted(call)
    verify(payload, claimed_digests({}, call.request.headers))
    upload.parts[int(call.query["partNumber"])] = payload
    hashes = f"crc32c={payload.crc32c},md5={payload.md5}"
    return Response(headers={"etag": f'"{payload.md5}"', "x-goog-hash": hashes})


async def complete_parts(call: Call) -> Response:
    """Create the object from the parts the body lists, in that order."""
    wanted = [int(n) for n in re.findall(rb"<PartNumber>\s*(\d+)\s*</PartNumber>", await call.request.body())]
    upload = _parted(call)
    missing = [number for number in wanted if number not in upload.parts]
    if missing or not wanted:
        message = f"Expected a list of uploaded parts, found {wanted}, of which {missing} never came."
        raise ApiError(400, message, reason="invalid", xml_code="InvalidPart")
    payload = joined((upload.parts[number] for number in wanted), call.spool())
    version = _commit(call, payload, upload.fields, components=len(wanted))
    del call.server.parted[call.query["uploadId"]]
    return _xml("CompleteMultipartUploadResult", f"<ETag>{version.etag}</ETag>")


def abort_parts(call: Call) -> Response:
    """Forget a multipart upload."""
    _parted(call)
    del call.server.parted[call.query["uploadId"]]
    return no_content()


def _commit(call: Call, payload: Payload, fields: Any, *, components: int | None = None) -> Version:
    draft = Draft(name=call.args["object"], payload=payload, fields=fields, origin=call.origin, components=components)
    return call.store.commit(call.bucket, draft, from_headers(call.request.headers))


def _fields(call: Call) -> dict[str, Any]:
    headers = call.request.headers
    custom = {key.removeprefix(_META): value for key, value in headers.items() if key.startswith(_META)}
    fields: dict[str, Any] = {field: headers[key] for key, field in _FIELDS.items() if key in headers}
    return {"contentType": "application/octet-stream", **fields, **({"metadata": custom} if custom else {})}


def _parted(call: Call) -> PartedUpload:
    upload = call.server.parted.get(call.query["uploadId"])
    if upload is None:
        raise not_found("The requested upload was not found.", xml_code="NoSuchUpload")
    return upload


def _xml(root: str, content: str) -> Response:
    text = f"<?xml version='1.0' encoding='UTF-8'?><{root} xmlns='{NAMESPACE}'>{content}</{root}>"
    return Response(text, media_type=XML_TYPE)
