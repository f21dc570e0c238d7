"""The errors Cloud Storage answers with, in the three forms its APIs use."""

from __future__ import annotations

import json
from typing import Literal
from xml.sax.saxutils import escape

from starlette.responses import Response

Form = Literal["json", "text", "xml"]
"""JSON for the JSON API, plain text for its media downloads, XML for the XML API."""


class ApiError(Exception):
    """A refusal, with the status, reason and XML code that the service would give."""

    def __init__(self, status: int, message: str, *, reason: str, xml_code: str = "InvalidArgument") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.xml_code = xml_code


def invalid(message: str) -> ApiError:
    """Return the error for a request that can never succeed."""
    return ApiError(400, message, reason="invalid")


def bad_digest(kind: str, claimed: str, calculated: str) -> ApiError:
    """Return the error for bytes that are not the bytes the sender hashed."""
    text = f'Provided {kind} hash "{claimed}" doesn\'t match calculated {kind} hash "{calculated}".'
    return ApiError(400, text, reason="invalid", xml_code="BadDigest")


def not_found(message: str, *, xml_code: str = "NoSuchKey") -> ApiError:
    """Return the error for a name that leads nowhere."""
    return ApiError(404, message, reason="notFound", xml_code=xml_code)


def conflict(message: str) -> ApiError:
    """Return the error for a bucket that is in the way."""
    return ApiError(409, message, reason="conflict", xml_code="Conflict")


def condition_not_met() -> ApiError:
    """Return the error for a precondition that does not hold."""
    text = "At least one of the pre-conditions you specified did not hold."
    return ApiError(412, text, reason="conditionNotMet", xml_code="PreconditionFailed")


def not_modified() -> ApiError:
    """Return the answer to a read whose "not match" precondition does not hold."""
    return ApiError(304, "Not Modified", reason="notModified")


def error_response(error: ApiError, form: Form) -> Response:
    """Return `error` as the API that was asked would phrase it."""
    if error.status == 304:  # noqa: PLR2004 - the one status that must not carry a body
        return Response(status_code=304)
    if form == "text":
        return Response(error.message, error.status, media_type="text/html; charset=UTF-8")
    if form == "xml":
        return Response(_xml(error), error.status, media_type="application/xml; charset=UTF-8")
    detail = {"message": error.message, "domain": "global", "reason": error.reason}
    body = {"error": {"code": error.status, "message": error.message, "errors": [detail]}}
    return Response(json.dumps(body), error.status, media_type="application/json; charset=UTF-8")


def _xml(error: ApiError) -> str:
    # The client reads <Details> of every refused part, so it is always there.
    message = escape(error.message)
    return (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{error.xml_code}</Code><Message>{message}</Message><Details>{message}</Details></Error>"
    )
