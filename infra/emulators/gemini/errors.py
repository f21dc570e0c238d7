"""Errors as Google's front end words them, and their JSON body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RPC = "type.googleapis.com/google.rpc"
METRICS = "generativelanguage.googleapis.com"
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
RPC_CODES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
FOREVER_S = 9223372036854775807
"""The delay that a full file storage asks for: the real service sends this number."""

EXHAUSTED = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)


class ApiError(Exception):
    """A refusal that goes to the client as `{"error": {…}}` with its HTTP code."""

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        *,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})
        self.document: Any = None

    def body(self) -> Any:
        """Return the JSON document of the reply: `document` where it was set."""
        if self.document is not None:
            return self.document
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        return {"error": error | ({"details": list(self.details)} if self.details else {})}

    def rpc_status(self) -> dict[str, Any]:
        """Return it as the `google.rpc.Status` of one line of a batch."""
        return {"code": RPC_CODES.get(self.status, 2), "message": self.message}


def plain(code: int, message: str, *, retry_s: float = 0, details: Sequence[Mapping[str, Any]] = ()) -> ApiError:
    """Return an error of any code; `retry_s` above zero goes into RetryInfo and Retry-After."""
    retry = [{"@type": f"{RPC}.RetryInfo", "retryDelay": f"{retry_s:g}s"}] if retry_s else []
    headers = {"Retry-After": str(max(1, round(retry_s)))} if retry_s else {}
    return ApiError(code, STATUSES.get(code, "UNKNOWN"), message, details=[*details, *retry], headers=headers)


def invalid(message: str) -> ApiError:
    """Return a 400 INVALID_ARGUMENT."""
    return plain(400, message)


def unknown_fields(paths: Sequence[tuple[str, str]]) -> ApiError:
    """Return the 400 of a body with fields the API has not: (where, name) of each, where is "" at the top."""
    violations = []
    for where, name in paths:
        at = f" at '{where}'" if where else ""
        text = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
        violations.append(({"field": where} if where else {}) | {"description": text})
    details = [{"@type": f"{RPC}.BadRequest", "fieldViolations": violations}]
    return plain(400, "\n".join(each["description"] for each in violations), details=details)


def missing_key() -> ApiError:
    """Return the 403 of a call without any API key."""
    return plain(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API "
        "Key or other form of API consumer identity to call this API.",
    )


def unauthenticated() -> ApiError:
    """Return the 401 of a call without a token where one is needed."""
    return plain(
        401,
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
        "other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
    )


def unknown_model(model: str, version: str, method: str) -> ApiError:
    """Return the 404 of a model that does not exist, or no longer does."""
    return plain(
        404,
        f"models/{model} is not found for API version {version}, or is not supported for {method}. Call "
        "ModelService.ListModels to see the list of available models and their supported methods.",
    )


def unknown_publisher_model(parent: str, model: str) -> ApiError:
    """Return the 404 of such a model on Vertex."""
    name = f"{parent}/publishers/google/models/{model}".removeprefix("/")
    return plain(
        404,
        f"Publisher Model `{name}` was not found or your project does not have access to it. Please ensure you are "
        "using a valid model version. For more information, see: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
    )


def unknown_file(file_id: str) -> ApiError:
    """Return the 403 that the Files API answers for a file that expired, is another's, or never was."""
    return plain(403, f"You do not have permission to access the File {file_id} or it may not exist.")


def inactive_file(file_id: str) -> ApiError:
    """Return the 400 of a prompt that uses a file which is still being processed, or failed to be."""
    return ApiError(
        400, "FAILED_PRECONDITION", f"The File {file_id} is not in an ACTIVE state and usage is not allowed."
    )


def bad_image() -> ApiError:
    """Return the 400 of bytes that are no readable image."""
    return invalid(
        "Unable to process input image. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting"
    )


def too_large(limit: int) -> ApiError:
    """Return the 400 of a request body above the inline limit, in bytes."""
    return invalid(
        f"Request payload size exceeds the limit: {limit} bytes. Please upload your files with the File API instead."
    )


def storage_full(limit: int) -> ApiError:
    """Return the 429 of an upload that no longer fits into the project's file storage of `limit` bytes."""
    violation = {
        "quotaMetric": f"{METRICS}/file_storage_bytes",
        "quotaId": "FileStorageBytesPerProject",
        "quotaValue": str(limit),
    }
    message = f"{EXHAUSTED}\n* Quota exceeded for metric: {METRICS}/file_storage_bytes, limit: {limit}"
    retry = {"@type": f"{RPC}.RetryInfo", "retryDelay": f"{FOREVER_S}s"}
    return plain(429, message, details=[_quota_failure(violation), retry])


def daily_quota(model: str, retry_s: float) -> ApiError:
    """Return the 429 of a model whose requests of the day are used up."""
    metric = f"{METRICS}/generate_content_free_tier_requests"
    violation = {
        "quotaMetric": metric,
        "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": "20",
    }
    message = f"{EXHAUSTED}\n* Quota exceeded for metric: {metric}, limit: 20, model: {model}"
    return plain(429, message, retry_s=retry_s, details=[_quota_failure(violation)])


def _quota_failure(violation: Mapping[str, Any]) -> dict[str, Any]:
    return {"@type": f"{RPC}.QuotaFailure", "violations": [violation]}
