"""Batch requests: many small calls in one `multipart/mixed` body, each answered as if it had come alone."""

from __future__ import annotations

import email
import http
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from .errors import invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.types import Message

BOUNDARY = "batch_uplook"


async def run_batch(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Return the answers to all calls in `request`, in their order.

    Raises:
        ApiError: 400, the body is not `multipart/mixed`; a web form, say, whose files call themselves calls.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/mixed":
        raise invalid(f"Expected multipart/mixed with a boundary, found {content_type!r}.")
    header = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    answers = []
    for part in email.message_from_bytes(header + await request.body()).walk():
        if part.get_content_type() == "application/http":
            response = await answer(_inner(request, bytes(part.get_payload(decode=True) or b"")))
            answers.append(_part(part.get("content-id", ""), response))
    return Response(_closed(answers), media_type=f"multipart/mixed; boundary={BOUNDARY}")


def _inner(outer: Request, text: bytes) -> Request:
    """Return the call written in `text`: the Python client ends its lines with a bare line feed."""
    head, _, body = text.replace(b"\r\n", b"\n").lstrip().partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, url = first.split()[:2]
    parts = urlsplit(url)
    pairs = [line.split(b":", 1) for line in lines if b":" in line]
    headers = [(name.strip().lower(), value.strip()) for name, value in pairs]
    host = [(b"host", outer.headers["host"].encode())]
    scope = {
        **outer.scope,
        "method": method.decode(),
        "raw_path": parts.path,
        "query_string": parts.query,
        "headers": [*(header for header in headers if header[0] != b"host"), *host],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def _part(content_id: str, response: Response) -> bytes:
    reason = http.HTTPStatus(response.status_code).phrase
    head = (
        "Content-Type: application/http\r\n"
        f"Content-ID: {content_id.replace('<', '<response-', 1)}\r\n\r\n"
        f"HTTP/1.1 {response.status_code} {reason}\r\n"
        "Content-Type: application/json; charset=UTF-8\r\n"
        f"Content-Length: {len(response.body)}\r\n\r\n"
    )
    return head.encode() + bytes(response.body)


def _closed(parts: Iterable[bytes]) -> bytes:
    return b"".join(b"--%b\r\n%b\r\n" % (BOUNDARY.encode(), part) for part in parts) + f"--{BOUNDARY}--".encode()
