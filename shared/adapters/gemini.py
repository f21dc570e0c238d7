"""Gemini through google-genai: one call each, no retries inside, the raw reply kept as it came."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from shared.adapters.gemini_errors import translate
from shared.core.errors import FileUnavailableError, TransientError
from shared.core.ports import ModelFile
from shared.core.request import InlineImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.genai import types

    from shared.core.request import ImagePart, ModelRequest

_KEEPALIVE_S = 300.0  # the SDK's default of 5 s costs a TLS handshake per event on a quiet day


class GeminiModel:
    """The `VisionModel` port over the Gemini Developer API."""

    def __init__(self, *, api_key: str, base_url: str | None, connections: int) -> None:
        import httpx2
        from google import genai
        from google.genai import types

        limits = httpx2.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEEPALIVE_S
        )
        # The Client must be kept: its `models` alone would be closed with it.
        self._client = genai.Client(
            api_key=api_key, http_options=types.HttpOptions(base_url=base_url, client_args={"limits": limits})
        )

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        """Return the raw reply, parsed as JSON and otherwise untouched."""
        with _translated("model", request.model):
            reply = self._client.models.generate_content(
                model=request.model, contents=_contents(request), config=_config(request, timeout_s)
            )
        return _body(reply)

    def upload(self, name: str, data: bytes, *, mime_type: str, timeout_s: float) -> ModelFile:
        """Upload bytes under a name of our own, `files/ID`."""
        from google.genai import types

        config = types.UploadFileConfig(name=name, mime_type=mime_type, http_options=_http_options(timeout_s))
        with _translated("file", name):
            return _file(self._client.files.upload(file=io.BytesIO(data), config=config))

    def get_file(self, name: str, *, timeout_s: float) -> ModelFile | None:
        """Describe an uploaded file, or None where it is gone, expired or not ours."""
        from google.genai import types

        try:
            with _translated("file", name):
                config = types.GetFileConfig(http_options=_http_options(timeout_s))
                return _file(self._client.files.get(name=name, config=config))
        except FileUnavailableError:
            return None

    def delete_file(self, name: str, *, timeout_s: float) -> None:
        """Delete an uploaded file; deleting what is gone is no error."""
        from google.genai import types

        try:
            with _translated("file", name):
                config = types.DeleteFileConfig(http_options=_http_options(timeout_s))
                self._client.files.delete(name=name, config=config)
        except FileUnavailableError:
            return


def _contents(request: ModelRequest) -> types.Content:
    from google.genai import types

    images = [_part(image) for image in request.images]
    text = types.Part.from_text(text=request.prompt)
    return types.Content(role="user", parts=[*images, text] if request.text_last else [text, *images])


def _part(image: ImagePart) -> types.Part:
    from google.genai import types

    if isinstance(image, InlineImage):
        return types.Part.from_bytes(data=image.data, mime_type=image.mime_type)
    return types.Part.from_uri(file_uri=image.uri, mime_type=image.mime_type)


def _config(request: ModelRequest, timeout_s: float) -> types.GenerateContentConfig:
    from google.genai import types

    thinking = None
    if request.thinking_level is not None:
        thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel(request.thinking_level.upper()))
    elif request.thinking_budget is not None:
        thinking = types.ThinkingConfig(thinking_budget=request.thinking_budget)
    return types.GenerateContentConfig(
        max_output_tokens=request.max_output_tokens,
        response_mime_type="application/json" if request.schema else None,
        response_json_schema=request.schema,
        thinking_config=thinking,
        # Each hop of a continuation sends and bills the whole request again, without bound.
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        # The body as it came: the SDK's own model drops finishMessage and every field it does not know.
        should_return_http_response=True,
        http_options=_http_options(timeout_s),
    )


def _http_options(timeout_s: float) -> types.HttpOptions:
    from google.genai import types

    return types.HttpOptions(timeout=max(1, int(timeout_s * 1000)))


def _body(reply: types.GenerateContentResponse) -> Mapping[str, Any]:
    response = reply.sdk_http_response
    try:
        body = json.loads((response and response.body) or "")
    except (ValueError, RecursionError) as error:
        raise TransientError("Gemini answered 200 with something that is not JSON.") from error
    if not isinstance(body, dict):
        raise TransientError(f"Gemini answered 200 with a JSON {type(body).__name__} instead of an object.")
    return body


def _file(file: types.File) -> ModelFile:
    return ModelFile(name=file.name or "", uri=file.uri or "", mime_type=file.mime_type or "", state=_state(file.state))


def _state(state: types.FileState | None) -> Literal["PROCESSING", "ACTIVE", "FAILED"]:
    match state.value if state else None:
        case "ACTIVE":
            return "ACTIVE"
        case "FAILED":
            return "FAILED"
        case _:
            return "PROCESSING"


@contextmanager
def _translated(about: Literal["file", "model"], name: str) -> Iterator[None]:
    import httpx2
    from google.genai import errors

    try:
        yield
    except errors.APIError as error:
        headers = getattr(error.response, "headers", None) or {}
        raise translate(
            code=error.code, message=error.message or "", details=error.details, headers=headers, about=about, name=name
        ) from error
    except (httpx2.HTTPError, json.JSONDecodeError, KeyError) as error:
        # KeyError: an upload answer without its URL header. The type alone: a URL or header may hold a key.
        raise TransientError(f"Gemini could not be reached: {type(error).__name__}.") from error
