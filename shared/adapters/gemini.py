"""Gemini through google-genai: one call each, no retries inside, the raw reply kept as it came."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from shared.adapters.gemini_access import ByKey, LazyClient, storage_reader
from shared.adapters.gemini_calls import called, http_options
from shared.core.errors import FileUnavailableError, TransientError
from shared.core.gemini.request import InlineImage
from shared.core.ports import ModelFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.genai import types

    from shared.adapters.gemini_access import OnVertex
    from shared.core.gemini.request import ImagePart, ModelRequest


class GeminiModel:
    """The `VisionModel` port over google-genai."""

    def __init__(self, access: ByKey | OnVertex, *, base_url: str | None, connections: int) -> None:
        self._client = LazyClient(access, base_url=base_url, connections=connections)
        self._base_url = base_url
        self._by_key = isinstance(access, ByKey)

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        """Return the raw reply, parsed as JSON and otherwise untouched."""
        # Vertex has all of it in the one version that the SDK asks there.
        version = "v1beta" if request.needs_beta and self._by_key else None
        contents, config = _contents(request), _config(request, timeout_s, version=version)
        with called("model", request.model, timeout_s):
            reply = self._client().models.generate_content(model=request.model, contents=contents, config=config)
        return _body(reply)

    def upload(self, name: str, data: bytes, *, mime_type: str, timeout_s: float) -> ModelFile:
        """Upload bytes under a name of our own, `files/ID`."""
        from google.genai import types

        config = types.UploadFileConfig(name=name, mime_type=mime_type, http_options=http_options(timeout_s))
        with called("file", name, timeout_s):
            file = self._client().files.upload(file=io.BytesIO(data), config=config)
        return _file(file, name)

    def get_file(self, name: str, *, timeout_s: float) -> ModelFile | None:
        """Describe an uploaded file, or None where it is gone, expired or not ours."""
        from google.genai import types

        config = types.GetFileConfig(http_options=http_options(timeout_s))
        try:
            with called("file", name, timeout_s):
                file = self._client().files.get(name=name, config=config)
        except FileUnavailableError:
            return None
        return _file(file, name)

    def delete_file(self, name: str, *, timeout_s: float) -> None:
        """Delete an uploaded file; deleting what is gone is no error."""
        from google.genai import types

        config = types.DeleteFileConfig(http_options=http_options(timeout_s))
        with suppress(FileUnavailableError), called("file", name, timeout_s):
            self._client().files.delete(name=name, config=config)

    def register_file(self, uri: str, *, timeout_s: float) -> ModelFile:
        """Make a file of an object in Cloud Storage that the service reads from there itself."""
        from google.genai import types

        auth = storage_reader(self._base_url)
        config = types.RegisterFilesConfig(http_options=http_options(timeout_s))
        with called("file", uri, timeout_s):
            found = self._client().files.register_files(auth=auth, uris=[uri], config=config).files
        if not found:
            raise TransientError(f"Gemini registered no file for {uri}.")
        return _file(found[0], uri)


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


def _config(request: ModelRequest, timeout_s: float, *, version: str | None) -> types.GenerateContentConfig:
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
        temperature=request.temperature,
        response_mime_type="application/json" if request.schema else None,
        response_json_schema=request.schema,
        thinking_config=thinking,
        # Each hop of a continuation sends and bills the whole request again, without bound.
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        # The body as it came: the SDK's own model drops finishMessage and every field it does not know.
        should_return_http_response=True,
        http_options=http_options(timeout_s, version=version),
    )


def _body(reply: types.GenerateContentResponse) -> Mapping[str, Any]:
    response = reply.sdk_http_response
    try:
        body = json.loads((response and response.body) or "")
    except (ValueError, RecursionError) as error:
        raise TransientError("Gemini answered 200 with something that is not JSON.") from error
    if not isinstance(body, dict):
        raise TransientError(f"Gemini answered 200 with a JSON {type(body).__name__} instead of an object.")
    return body


def _file(file: types.File, asked: str) -> ModelFile:
    if not file.name or not file.uri:
        raise TransientError(f"Gemini described {asked} without {'an address' if file.name else 'a name'}.")
    return ModelFile(name=file.name, uri=file.uri, mime_type=file.mime_type or "", state=_state(file.state))


def _state(state: types.FileState | None) -> Literal["PROCESSING", "ACTIVE", "FAILED"]:
    match state.value if state else None:
        case "ACTIVE":
            return "ACTIVE"
        case "FAILED":
            return "FAILED"
        case _:
            return "PROCESSING"
