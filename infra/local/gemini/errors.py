"""Errors as Google's front end words them, and their JSON body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

API_DOMAIN = "generativelanguage.googleapis.com"


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

    def body(self) -> dict[str, Any]:
        """Return the JSON document of the reply."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        return {"error": error | ({"details": list(self.details)} if self.details else {})}


def invalid(message: str) -> ApiError:
    """Return a 400 INVALID_ARGUMENT."""
    return ApiError(400, "INVALID_ARGUMENT", message)


def missing_key() -> ApiError:
    """Return the 403 of a call without any API key."""
    return ApiError(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API "
        "Key or other form of API consumer identity to call this API.",
    )


def unknown_model(model: str, version: str, method: str) -> ApiError:
    """Return the 404 of a model that does not exist, or no longer does."""
    return ApiError(
        404,
        "NOT_FOUND",
        f"models/{model} is not found for API version {version}, or is not supported for {method}. Call "
        "ModelService.ListModels to see the list of available models and their supported methods.",
    )


def unknown_file(file_id: str) -> ApiError:
    """Return the 403 that the Files API answers for a file that expired, is another's, or never was."""
    return ApiError(
        403,
        "PERMISSION_DENIED",
        f"You do not have permission to access the File {file_id} or it may not exist.",
    )


def inactive_file(file_id: str) -> ApiError:
    """Return the 400 of a prompt that uses a file which is still being processed."""
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
