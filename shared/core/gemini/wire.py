"""A request as the JSON of the REST API: what a line of a batch job holds, for which the SDK builds no body."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from shared.core.gemini.request import InlineImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.core.gemini.request import ImagePart, ModelRequest


def request_document(request: ModelRequest, *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the body of a generateContent call; `labels` are echoed by Vertex alone, which is the one to take them."""
    parts = [*_image_parts(request)]
    text = {"text": request.prompt}
    document: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [*parts, text] if request.text_last else [text, *parts]}],
        "generationConfig": _generation(request),
    }
    if request.system_instruction is not None:
        document["systemInstruction"] = {"role": "user", "parts": [{"text": request.system_instruction}]}
    if request.safety:
        document["safetySettings"] = [
            {"category": category, "threshold": threshold} for category, threshold in request.safety
        ]
    return document | ({"labels": dict(labels)} if labels else {})


def _generation(request: ModelRequest) -> dict[str, Any]:
    thinking: dict[str, Any] = {}
    if request.thinking_level is not None:
        thinking = {"thinkingLevel": request.thinking_level.upper()}
    elif request.thinking_budget is not None:
        thinking = {"thinkingBudget": request.thinking_budget}
    resolution = request.media_resolution if request.media_resolution != "ultra_high" else None
    return {
        "maxOutputTokens": request.max_output_tokens,
        **({"temperature": request.temperature} if request.temperature is not None else {}),
        **(
            {"responseMimeType": "application/json", "responseJsonSchema": dict(request.schema)}
            if request.schema
            else {}
        ),
        **({"mediaResolution": f"MEDIA_RESOLUTION_{resolution.upper()}"} if resolution else {}),
        **({"thinkingConfig": thinking} if thinking else {}),
    }


def _image_parts(request: ModelRequest) -> Iterator[dict[str, Any]]:
    for number, image in enumerate(request.images, 1):
        if len(request.images) > 1:  # so that question and answer can speak of one of them
            yield {"text": f"Image {number}:"}
        # The finest resolution exists per image only; the others are set once, for all of them.
        finest = {"mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}}
        yield (finest if request.media_resolution == "ultra_high" else {}) | _image(image)


def _image(image: ImagePart) -> dict[str, Any]:
    if isinstance(image, InlineImage):
        data = base64.b64encode(image.data).decode()
        return {"inlineData": {"mimeType": image.mime_type, "data": data}}
    return {"fileData": {"mimeType": image.mime_type, "fileUri": image.uri}}
