from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.gemini.errors import ApiError
from infra.emulators.gemini.lenient_json import read_json
from infra.emulators.gemini.requests import GenerateRequest, ImagePart, read_generate
from infra.emulators.gemini.tasks import Task, guess_task

PARTS = {"contents": [{"parts": [{"text": "hello"}]}]}
BOX = {"type": "ARRAY", "items": {"type": "INTEGER"}}


def with_config(**config: Any) -> dict[str, Any]:
    return {**PARTS, "generationConfig": config}


def with_part(part: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"parts": [part]}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'file': {'display_name': 'IMAGE'}}", {"file": {"display_name": "IMAGE"}}),
        ('{"a": [1, 2,], "b": {"c": null,},}', {"a": [1, 2], "b": {"c": None}}),
        ("{a: true, b_2: false}", {"a": True, "b_2": False}),
        (r"""{'it\'s': "\u00e4\n", 'pair': '\ud83d\ude00'}""", {"it's": "ä\n", "pair": "😀"}),
        ("{'a': -1.5e3,}", {"a": -1500.0}),
        ("['say \"hi\"',]", ['say "hi"']),
        ("  ", {}),
        ("{}", {}),
    ],
)
def test_json_is_read_as_leniently_as_the_guides_write_it(text: str, value: Any) -> None:
    assert read_json(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    ["{'a': 1", "{'a' 1}", "[1 2]", "{,}", "[,]", "'open", "{'a': nope}", "{'a': 1} x", "{'a': '\\x'}", "[" * 9999],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json(text.encode())


def test_the_refusal_says_where_and_what(  # the wording reaches people in a reply
) -> None:
    with pytest.raises(ValueError, match="expected , at character 3, found '2]'"):
        read_json(b"[1 2]")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_trailing_comma_changes_nothing(value: Any) -> None:
    written = json.dumps([value])
    assert read_json(f"{written[:-1]},]".encode()) == [value]


def test_snake_and_camel_case_mean_the_same() -> None:
    config = {"maxOutputTokens": 5, "thinkingConfig": {"thinking_level": "low", "includeThoughts": True}}
    snake = {"max_output_tokens": 5, "thinking_config": {"thinkingLevel": "LOW", "include_thoughts": True}}
    expected = GenerateRequest(prompt="hello", max_output_tokens=5, thinking_level="LOW", include_thoughts=True)
    assert read_generate(with_config(**config)) == expected
    assert read_generate(PARTS | {"generation_config": snake}) == expected


def test_prefixes_and_the_unspecified_value_are_dropped() -> None:
    body = with_config(
        mediaResolution="MEDIA_RESOLUTION_LOW", thinkingConfig={"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}
    )
    assert read_generate(body) == GenerateRequest(prompt="hello", resolution="LOW")


def test_the_system_instruction_is_no_part_of_the_prompt() -> None:
    body = PARTS | {"systemInstruction": {"parts": [{"text": "be brief"}]}}
    assert read_generate(body) == GenerateRequest(prompt="hello", system="be brief")


def test_an_image_part_keeps_its_own_resolution() -> None:
    part = {
        "inlineData": {"data": "AQID", "mime_type": "image/PNG"},
        "mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"},
    }
    assert read_generate(with_part(part)).images == (
        ImagePart("image/png", data=b"\x01\x02\x03", resolution="ULTRA_HIGH"),
    )


@pytest.mark.parametrize(
    "uri", ["files/a-1", "https://host/v1beta/files/a-1", "http://127.0.0.1:9/v1/files/a-1", '"https://h/v1/files/a-1"']
)
def test_a_file_is_known_by_the_end_of_its_address(uri: str) -> None:
    [image] = read_generate(with_part({"file_data": {"file_uri": uri, "mime_type": "image/png"}})).images
    assert image.file_id == "a-1"


@pytest.mark.parametrize("text", ["-_-_", "+/+/", "-_-_-w==", "-_-_-w", "+/+/\n-w=="])
def test_base64_is_read_in_both_alphabets_and_without_padding(text: str) -> None:
    [image] = read_generate(with_part({"inline_data": {"data": text, "mime_type": "image/png"}})).images
    assert image.data in {b"\xfb\xff\xbf", b"\xfb\xff\xbf\xfb"}


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": []}]},
        with_part({"inline_data": {"mime_type": "image/png"}}),
        with_part({"inline_data": {"mime_type": "video/mp4", "data": "AAAA"}}),
        with_part({"file_data": {"file_uri": "https://elsewhere/a.png"}}),
        with_config(mediaResolution="HUGE"),
        with_config(thinkingConfig={"thinkingLevel": "EXTREME"}),
        with_config(thinkingConfig={"thinkingBudget": "much"}),
        with_config(responseMimeType="image/png"),
        with_config(responseSchema={"type": "STRING"}, responseJsonSchema={"type": "string"}),
        with_config(responseSchema="STRING"),
    ],
)
def test_a_request_the_api_would_refuse_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refusal:
        read_generate(body)
    assert (refusal.value.code, refusal.value.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Caption this image.", Task.CAPTION),
        ("Describe what you see", Task.CAPTION),
        ("Detect the all of the prominent items in the image. The box_2d should be …", Task.DETECT),
        ("Give the segmentation masks for the wooden and glass items, with box_2d", Task.SEGMENT),
        ("Classify this", Task.CLASSIFY),
        ("Give me keywords", Task.CLASSIFY),
        ("What is this image?", Task.ASK),
        ("", Task.CAPTION),
    ],
)
def test_without_a_schema_the_words_name_the_task(prompt: str, task: Task) -> None:
    assert guess_task(GenerateRequest(prompt=prompt)) is task


@pytest.mark.parametrize(
    ("schema", "task"),
    [
        ({"type": "ARRAY", "items": {"type": "OBJECT", "properties": {"box_2d": BOX}}}, Task.DETECT),
        ({"type": "array", "items": {"properties": {"box_2d": BOX, "mask": BOX}}}, Task.SEGMENT),
        (
            {
                "properties": {"boxes": {"items": {"$ref": "#/$defs/B"}}},
                "$defs": {"B": {"properties": {"box_2d": BOX}}},
            },
            Task.DETECT,
        ),
        ({"type": "STRING", "enum": ["a", "b"]}, Task.CLASSIFY),
        ({"properties": {"tags": {"type": "array", "items": {"type": "string"}}}}, Task.CLASSIFY),
        ({"properties": {"caption": {"type": "string"}}}, Task.CAPTION),
        ({"properties": {"answer": {"type": "string"}}}, Task.ASK),
        ({"anyOf": [{"type": "null"}, {"properties": {"answer": {"type": "string"}}}]}, Task.ASK),
    ],
)
def test_a_schema_names_the_task_whatever_the_prompt_says(schema: dict[str, Any], task: Task) -> None:
    assert guess_task(GenerateRequest(prompt="Segment, detect, classify?", schema=schema)) is task
