"""The exchanges that the SDK was recorded making, as a table: the call, its request, what it understood."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.genai import types

from tests.contract.gemini_rig import PICTURES

if TYPE_CHECKING:
    from collections.abc import Callable

PNG = PICTURES["image/png"]
DATA = base64.urlsafe_b64encode(PNG).decode()
IMAGE = types.Part.from_bytes(data=PNG, mime_type="image/png")
INLINE = {"inlineData": {"data": DATA, "mime_type": "image/png"}}
ASKED = {"contents": [{"parts": [{"text": "Describe"}, INLINE], "role": "user"}]}
MODEL = "gemini-3.8-flash"
LABELLED = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
FULL = types.GenerateContentConfig(
    system_instruction="You classify.",
    safety_settings=[
        types.SafetySetting(
            category=types.HarmCategory.HARM_CATEGORY_HARASSMENT, threshold=types.HarmBlockThreshold.BLOCK_NONE
        )
    ],
    labels={"job": "j1"},
    service_tier=types.ServiceTier.FLEX,
    temperature=0.0,
    max_output_tokens=256,
    seed=7,
    response_mime_type="application/json",
    response_json_schema=LABELLED,
    media_resolution=types.MediaResolution.MEDIA_RESOLUTION_MEDIUM,
    thinking_config=types.ThinkingConfig(include_thoughts=False, thinking_level=types.ThinkingLevel.LOW),
)


@dataclass(frozen=True)
class Exchange:
    """One call, the request it makes, and a check of what the client understood."""

    act: Callable[[Any], Any]
    method: str
    path: str
    body: Any
    reads: Callable[[Any], Any]
    result: Any
    options: dict[str, Any] = field(default_factory=dict)


def described(answer: Any) -> bool:
    return "bright orange region" in answer.text


def ask(*contents: Any, config: Any = None) -> Callable[[Any], Any]:
    return lambda client: client.models.generate_content(model=MODEL, contents=list(contents), config=config)


def generated(path: str, **options: Any) -> Exchange:
    return Exchange(ask("Describe", IMAGE), "POST", path, ASKED, described, result=True, options=options)


def resolved(level: str) -> types.Part:
    return types.Part.from_bytes(
        data=PNG, mime_type="image/png", media_resolution=types.PartMediaResolutionLevel(level)
    )


CALL = f"models/{MODEL}:generateContent"
EXCHANGES = {
    "generate": generated(f"/v1/{CALL}"),
    "a prefix and a slash": generated(f"/pfx/v1/{CALL}", base_url="{url}/pfx/"),
    "a prefix of several parts": generated(f"/a/b/v1/{CALL}", base_url="{url}/a/b"),
    "v1beta": generated(f"/v1beta/{CALL}", api_version="v1beta"),
    "no version": generated(f"/{CALL}", api_version=""),
    "a collection": generated(f"/{CALL}", base_url_resource_scope=types.ResourceScope.COLLECTION),
    "vertex": generated(f"/v1beta1/projects/p1/locations/global/publishers/google/{CALL}", vertex=True),
    "full config": Exchange(
        ask("Describe", IMAGE, config=FULL),
        "POST",
        f"/v1/{CALL}",
        {
            **ASKED,
            "systemInstruction": {"parts": [{"text": "You classify."}], "role": "user"},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            "labels": {"job": "j1"},
            "serviceTier": "flex",
            "generationConfig": {
                "temperature": 0.0,
                "maxOutputTokens": 256,
                "seed": 7,
                "responseMimeType": "application/json",
                "responseJsonSchema": LABELLED,
                "mediaResolution": "MEDIA_RESOLUTION_MEDIUM",
                "thinkingConfig": {"include_thoughts": False, "thinking_level": "LOW"},
            },
        },
        lambda answer: (list(answer.parsed), answer.usage_metadata.prompt_tokens_details[1].token_count),
        (["label"], 560),
    ),
    "the resolution of a part": Exchange(
        ask("Describe", resolved("MEDIA_RESOLUTION_ULTRA_HIGH")),
        "POST",
        f"/v1/{CALL}",
        {
            "contents": [
                {
                    "parts": [
                        {"text": "Describe"},
                        {"mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}, **INLINE},
                    ],
                    "role": "user",
                }
            ]
        },
        lambda answer: answer.usage_metadata.prompt_tokens_details[1].token_count,
        2240,
    ),
    "count": Exchange(
        lambda client: client.models.count_tokens(model=MODEL, contents=["Describe", IMAGE]),
        "POST",
        f"/v1/models/{MODEL}:countTokens",
        ASKED,
        lambda counted: counted.total_tokens,
        1122,
    ),
    "count on vertex": Exchange(
        lambda client: client.models.count_tokens(model=MODEL, contents=["Describe", IMAGE]),
        "POST",
        f"/v1beta1/projects/p1/locations/global/publishers/google/models/{MODEL}:countTokens",
        ASKED,
        lambda counted: counted.total_tokens,
        1122,
        {"vertex": True},
    ),
    "stream": Exchange(
        lambda client: client.models.generate_content_stream(model=MODEL, contents=["Describe", IMAGE]),
        "POST",
        f"/v1/models/{MODEL}:streamGenerateContent?alt=sse",
        ASKED,
        lambda pieces: len(list(pieces)),
        3,
    ),
    "stream on vertex": Exchange(
        lambda client: client.models.generate_content_stream(model=MODEL, contents=["Describe", IMAGE]),
        "POST",
        f"/v1beta1/projects/p1/locations/global/publishers/google/models/{MODEL}:streamGenerateContent?alt=sse",
        ASKED,
        lambda pieces: len(list(pieces)),
        3,
        {"vertex": True},
    ),
    "list files": Exchange(
        lambda client: client.files.list(config={"page_size": 2}), "GET", "/v1/files?pageSize=2", b"", list, []
    ),
    "list batches": Exchange(
        lambda client: client.batches.list(config={"page_size": 2}), "GET", "/v1/batches?pageSize=2", b"", list, []
    ),
}
