"""The Files API's endpoints: resumable upload, get, list, delete, download, register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, Response

from .addresses import authenticate, base_url, has_key
from .errors import invalid, missing_key, unauthenticated
from .faults import ON_A_FILE
from .files import FileFault, FileMeta, Source, check_id
from .message_fields import FILE, REGISTER, check_fields
from .paging import read_page
from .requests import field, read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..common.faults import Fault
    from .cloud_storage import CloudStorage
    from .control import CallLog
    from .faults import FaultInjector
    from .files import FileStore, StoredFile
    from .uploads import Upload, Uploads

CHUNK_GRANULARITY = 8 * 1024**2
DEFAULT_TYPE = "application/octet-stream"


class FilesApi:
    """Endpoints over one store."""

    def __init__(
        self, files: FileStore, uploads: Uploads, log: CallLog, *, storage: CloudStorage, injector: FaultInjector
    ) -> None:
        self._files = files
        self._uploads = uploads
        self._log = log
        self._storage = storage
        self._injector = injector

    async def upload(self, request: Request) -> Response:
        """Answer one step of a resumable upload; the header names the steps."""
        named = request.headers.get("x-goog-upload-command", "")
        commands = {command.strip() for command in named.lower().split(",")}
        if commands == {"start"}:
            return await self._start(request)
        upload = self._uploads.get(request.query_params.get("upload_id", ""))
        if commands == {"query"}:
            await self._injector.inject(request, "files.query", _name(upload.meta.file_id))
            return Response(headers=_progress(upload))
        if commands <= {"upload", "finalize"}:
            return await self._proceed(request, upload, commands)
        raise invalid(
            f"X-Goog-Upload-Command: expected start, query, upload or finalize, found {named!r}. This emulator "
            "takes uploads by the resumable protocol only."
        )

    async def get(self, request: Request) -> Response:
        """Answer one file's metadata."""
        file_id, fault = await self._named(request, "get")
        return JSONResponse(self._shown(request, self._files.get(file_id), fault))

    async def list(self, request: Request) -> Response:
        """Answer one page of files."""
        authenticate(request)
        await self._injector.inject(request, "files.list", "")
        files, token = self._files.page(*read_page(request.query_params))
        listed = {"files": [self._shown(request, file, None) for file in files]} if files else {}
        return JSONResponse(listed | ({"nextPageToken": token} if token else {}))

    async def delete(self, request: Request) -> Response:
        """Remove one file."""
        file_id, _ = await self._named(request, "delete")
        self._files.delete(file_id)
        self._log.deletes += 1
        return JSONResponse({})

    async def download(self, request: Request) -> Response:
        """Answer the bytes of a generated file; those of an upload never leave the service."""
        file_id, _ = await self._named(request, "download")
        file = self._files.get(file_id)
        if file.source is not Source.GENERATED:
            raise invalid(f"The File {file_id} cannot be downloaded: only generated files can.")
        return FileResponse(file.path, media_type=file.meta.mime_type)

    async def register(self, request: Request) -> Response:
        """Make files of objects in Cloud Storage; the key names the project, the token who may read them."""
        if not has_key(request):
            raise missing_key()
        if not request.headers.get("authorization", "").lower().startswith("bearer "):
            raise unauthenticated()
        await self._injector.inject(request, "files.register", "")
        body = read_body(await request.body())
        check_fields(body, REGISTER)
        uris = field(body, "uris", [])
        if not uris or not isinstance(uris, list):
            raise invalid("* RegisterFilesRequest.uris: at least one gs:// address is expected.\n")
        blobs = [await self._storage.read(str(uri)) for uri in uris]
        files = [self._uploads.keep(FileMeta("", "", blob.mime_type), blob.data) for blob in blobs]
        return JSONResponse({"files": [self._shown(request, file, None) for file in files]})

    async def _named(self, request: Request, operation: str) -> tuple[str, Fault | None]:
        authenticate(request)
        file_id = request.path_params["file_id"]
        return file_id, await self._injector.inject(request, f"files.{operation}", _name(file_id))

    def _shown(self, request: Request, file: StoredFile, fault: Fault | None) -> dict[str, object]:
        if fault and fault.kind in ON_A_FILE:
            file = self._files.apply_fault(file.meta.file_id, FileFault(fault.kind))
        versioned = f"{base_url(request)}/{request.path_params['version']}"
        return file.resource(versioned, self._files.now())

    async def _start(self, request: Request) -> Response:
        authenticate(request)
        headers = request.headers
        body = read_body(await request.body())
        check_fields(body, FILE)
        file = field(body, "file", {})
        declared = headers.get("x-goog-upload-header-content-length", "")
        mime_type = field(file, "mime_type") or headers.get("x-goog-upload-header-content-type") or DEFAULT_TYPE
        meta = FileMeta(check_id(str(field(file, "name", ""))), str(field(file, "display_name", "")), mime_type)
        await self._injector.inject(request, "files.start", _name(meta.file_id))
        upload_id = self._uploads.start(meta, int(declared) if declared.isdecimal() else None)
        own = f"/upload/{request.path_params['version']}/files?upload_id={upload_id}&upload_protocol=resumable"
        return Response(
            headers={
                "X-Goog-Upload-URL": base_url(request) + own,
                "X-Goog-Upload-Status": "active",
                "X-Goog-Upload-Chunk-Granularity": str(CHUNK_GRANULARITY),
            }
        )

    async def _proceed(self, request: Request, upload: Upload, commands: set[str]) -> Response:
        last = "finalize" in commands
        operation = "files.finalize" if last else "files.chunk"
        fault = await self._injector.inject(request, operation, _name(upload.meta.file_id))
        if "upload" in commands:
            offset = request.headers.get("x-goog-upload-offset", "")
            self._uploads.check_offset(upload, int(offset) if offset.isdecimal() else -1)
            async for data in request.stream():
                self._uploads.append(upload, data)
        if not last:
            return Response(headers=_progress(upload))
        file = self._uploads.finalize(upload)
        self._log.uploads += 1
        return JSONResponse({"file": self._shown(request, file, fault)}, headers=_progress(upload))


def _name(file_id: str) -> str:
    return f"files/{file_id}" if file_id else ""


def _progress(upload: Upload) -> dict[str, str]:
    return {"X-Goog-Upload-Status": upload.status, "X-Goog-Upload-Size-Received": str(upload.received)}
