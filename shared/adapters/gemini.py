"""Gemini through google-genai: one call each, no retries inside, the raw reply kept as it came."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from shared.adapters.gemini_access import open_client, storage_reader
from shared.adapters.gemini_errors import translate
from shared.core.errors import ConfigurationError, FileUnavailableError, TransientError
from shared.core.ports import ModelFile
from shared.core.request import InlineImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.genai import types

    from shared.adapters.gemini_access import ByKey, OnVertex
    from shared.core.request import ImagePart, ModelRequest


class GeminiModel:
    """The `VisionModel` port over google-genai."""

    def __init__(self, access: ByKey | OnVertex, *, base_url: str | None, connections: int) -> None:
        # The Client must be kept: its `models` alone would be closed with it.
        self._client = open_client(access, base_url=base_url, connections=connections)
        self._base_url = base_url

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

    def register_file(self, uri: str, *, timeout_s: float) -> ModelFile:
        """Make a file of an object in Cloud Storage that the service reads from there itself."""
        from google.genai import types

        config = types.RegisterFilesConfig(http_options=_http_options(timeout_s))
        with _translated("file", uri):
            auth = storage_reader(self._base_url)
            found = self._client.files.register_files(auth=auth, uris=[uri], config=config).files
        if not found:
            raise TransientError(f"Gemini registered no file for {uri}.")
        return _file(found[0])


def _contents(request: ModelRequest) -> types.Content:
    from google.genai import types

    images: list[types.Part] = []
    for number, image in enumerate(request.images, 1):
        if len(request.images) > 1:  # so that question and answer can speak of one of them
            images.append(types.Part.from_text(text=f"Image {number}:"))
        images.append(_part(image, request))
    text = types.Part.from_text(text=request.prompt)
    return types.Content(role="user", parts=[*images, text] if request.text_last else [text, *images])


def _part(image: ImagePart, request: ModelRequest) -> types.Part:
    from google.genai import types

    # The finest resolution exists per image only; the others are set once, for all of them (see _config).
    level = "MEDIA_RESOLUTION_ULTRA_HIGH" if request.media_resolution == "ultra_high" else None
    if isinstance(image, InlineImage):
        return types.Part.from_bytes(data=image.data, mime_type=image.mime_type, media_resolution=level)
    return types.Part.from_uri(file_uri=image.uri, mime_type=image.mime_type, media_resolution=level)


def _config(request: ModelRequest, timeout_s: float) -> types.GenerateContentConfig:
    from google.genai import types

    thinking = None
    if request.thinking_level is not None:
        thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel(request.thinking_level.upper()))
    elif request.thinking_budget is not None:
        thinking = types.ThinkingConfig(thinking_budget=request.thinking_budget)
    resolution = request.media_resolution if request.media_resolution != "ultra_high" else None
    safety = [
        types.SafetySetting(category=types.HarmCategory(category), threshold=types.HarmBlockThreshold(threshold))
        for category, threshold in request.safety
    ]
    return types.GenerateContentConfig(
        system_instruction=request.system_instruction,
        safety_settings=safety or None,
        media_resolution=types.MediaResolution(f"MEDIA_RESOLUTION_{resolution.upper()}") if resolution else None,
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
    from google.auth import exceptions as auth
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
    except (auth.DefaultCredentialsError, auth.RefreshError) as error:
        raise ConfigurationError(f"Google's credentials do not work: {type(error).__name__}.") from error
    except auth.GoogleAuthError as error:
        raise TransientError(f"Google's credentials could not be renewed: {type(error).__name__}.") from error
