"""The Files API's endpoints: resumable upload, get, list, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from infra.local.gemini.errors import invalid, missing_key
from infra.local.gemini.files import FileMeta, check_id
from infra.local.gemini.request import field, read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from infra.local.gemini.control import CallLog
    from infra.local.gemini.files import FileStore
    from infra.local.gemini.uploads import Upload, Uploads

CHUNK_GRANULARITY = 8 * 1024**2
DEFAULT_TYPE = "application/octet-stream"


def require_key(request: Request) -> None:
    """Refuse a call that identifies nobody; any key will do.

    Raises:
        ApiError: 403.
    """
    named = request.headers.get("x-goog-api-key") or request.query_params.get("key")
    if not named and not request.headers.get("authorization"):
        raise missing_key()


def base_url(request: Request) -> str:
    """Return this server's own address as the client sees it."""
    return f"{request.url.scheme}://{request.url.netloc}"


class FilesApi:
    """Endpoints over one store."""

    def __init__(self, files: FileStore, uploads: Uploads, log: CallLog) -> None:
        self._files = files
        self._uploads = uploads
        self._log = log

    async def upload(self, request: Request) -> Response:
        """Answer one step of a resumable upload; the header names the steps."""
        named = request.headers.get("x-goog-upload-command", "")
        commands = {command.strip() for command in named.lower().split(",")}
        if commands == {"start"}:
            return await self._start(request)
        upload = self._uploads.get(request.query_params.get("upload_id", ""))
        if commands == {"query"}:
            return Response(headers=_progress(upload))
        if commands <= {"upload", "finalize"}:
            return await self._proceed(request, upload, commands)
        raise invalid(
            f"X-Goog-Upload-Command: expected start, query, upload or finalize, found {named!r}. This emulator "
            "takes uploads by the resumable protocol only."
        )

    async def get(self, request: Request) -> Response:
        """Answer one file's metadata."""
        require_key(request)
        file = self._files.get(request.path_params["file_id"])
        return JSONResponse(file.resource(_versioned(request), self._files.now()))

    async def list(self, request: Request) -> Response:
        """Answer one page of files."""
        require_key(request)
        query = request.query_params
        size = query.get("pageSize", query.get("page_size", "0"))
        if not size.isdecimal():
            raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{size}\"")
        files, token = self._files.page(int(size), query.get("pageToken", query.get("page_token", "")))
        now = self._files.now()
        listed = {"files": [file.resource(_versioned(request), now) for file in files]} if files else {}
        return JSONResponse(listed | ({"nextPageToken": token} if token else {}))

    async def delete(self, request: Request) -> Response:
        """Remove one file."""
        require_key(request)
        self._files.delete(request.path_params["file_id"])
        self._log.deletes += 1
        return JSONResponse({})

    async def _start(self, request: Request) -> Response:
        require_key(request)
        headers = request.headers
        file = field(read_body(await request.body()), "file", {})
        declared = headers.get("x-goog-upload-header-content-length", "")
        mime_type = field(file, "mime_type") or headers.get("x-goog-upload-header-content-type") or DEFAULT_TYPE
        meta = FileMeta(check_id(str(field(file, "name", ""))), str(field(file, "display_name", "")), mime_type)
        upload_id = self._uploads.start(meta, int(declared) if declared.isdecimal() else None)
        address = f"{base_url(request)}{request.url.path}?upload_id={upload_id}&upload_protocol=resumable"
        return Response(
            headers={
                "X-Goog-Upload-URL": address,
                "X-Goog-Upload-Status": "active",
                "X-Goog-Upload-Chunk-Granularity": str(CHUNK_GRANULARITY),
            }
        )

    async def _proceed(self, request: Request, upload: Upload, commands: set[str]) -> Response:
        if "upload" in commands:
            offset = request.headers.get("x-goog-upload-offset", "")
            self._uploads.check_offset(upload, int(offset) if offset.isdecimal() else -1)
            async for data in request.stream():
                self._uploads.append(upload, data)
        if "finalize" not in commands:
            return Response(headers=_progress(upload))
        file = self._uploads.finalize(upload)
        self._log.uploads += 1
        return JSONResponse({"file": file.resource(_versioned(request), self._files.now())}, headers=_progress(upload))


def _versioned(request: Request) -> str:
    return f"{base_url(request)}/{request.path_params['version']}"


def _progress(upload: Upload) -> dict[str, str]:
    return {"X-Goog-Upload-Status": upload.status, "X-Goog-Upload-Size-Received": str(upload.received)}
