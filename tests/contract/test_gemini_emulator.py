from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from google.genai import Client, errors, types
from PIL import Image, ImageDraw
from pydantic import BaseModel

from tests.contract.gemini_rig import PICTURES, connected, disc, generate, part, post, unfenced
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATE = "/v1beta/models/gemini-3.8-flash:generateContent"
NUMBERS = {"type": "array", "items": {"type": "integer"}}
ENTRY = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "box_2d": NUMBERS},
    "required": ["label", "box_2d"],
}
WITH_MASK = {"type": "object", "properties": {"box_2d": NUMBERS, "mask": {"type": "array", "items": NUMBERS}}}
DISC = [218, 312, 797, 698]


class Box(BaseModel):
    label: str
    box_2d: list[int]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("gemini") as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with connected(url) as connection:
        yield connection


def asked(*contents: Any) -> Any:
    return list(contents)


def by_schema(client: Client, schema: dict[str, Any], *, model: str = "gemini-3.8-flash", prompt: str = "x") -> Any:
    response = generate(
        client, part(), prompt, model=model, response_mime_type="application/json", response_json_schema=schema
    )
    return json.loads(response.text)


def refused(client: Client, *contents: Any, **config: Any) -> errors.ClientError:
    with pytest.raises(errors.ClientError) as refusal:
        generate(client, *contents, **config)
    return refusal.value


@pytest.mark.parametrize("mime_type", list(PICTURES))
def test_an_inline_image_of_every_type_is_described(client: Client, mime_type: str) -> None:
    response = generate(client, part(PICTURES[mime_type], mime_type), "Caption this image.")
    assert "bright orange region in the centre" in response.text
    assert "dark blue" in response.text


@pytest.mark.parametrize("mime_type", list(PICTURES))
def test_an_uploaded_image_of_every_type_is_described(client: Client, mime_type: str) -> None:
    file = client.files.upload(file=io.BytesIO(PICTURES[mime_type]), config={"mime_type": mime_type})
    assert "bright orange region" in generate(client, file, "Caption this image.").text


def test_the_asynchronous_client_gets_the_same_answer(client: Client, url: str) -> None:
    async def ask() -> str | None:
        with connected(url) as own:
            async with own.aio as aio:
                file = await aio.files.upload(file=io.BytesIO(PICTURES["image/png"]), config={"mime_type": "image/png"})
                response = await aio.models.generate_content(
                    model="gemini-3.8-flash", contents=asked(file, "Caption this image.")
                )
                return response.text

    assert asyncio.run(ask()) == generate(client, part(), "Caption this image.").text


def test_another_process_answers_the_same_for_the_same_bytes(client: Client) -> None:
    with running("gemini") as other, connected(other) as elsewhere:
        assert generate(elsewhere, part(), "Detect").text == generate(client, part(), "Detect").text


def test_the_answer_says_honestly_who_gave_it(client: Client) -> None:
    response = generate(client, part(), "Caption this image.")
    assert response.model_version == "local-vision"
    assert response.response_id
    assert response.candidates[0].finish_reason == types.FinishReason.STOP


def test_detection_without_a_schema_comes_as_a_fenced_list(client: Client) -> None:
    assert unfenced(generate(client, part(), "Detect the prominent items, box_2d 0-1000.").text) == [
        {"box_2d": DISC, "label": "round bright orange region"}
    ]


def test_detection_with_a_json_type_comes_bare(client: Client) -> None:
    response = generate(client, part(), "Detect box_2d", response_mime_type="application/json")
    assert json.loads(response.text)[0]["box_2d"] == DISC


def test_a_list_of_models_is_parsed_by_the_client(client: Client) -> None:
    response = generate(client, part(), "x", response_mime_type="application/json", response_schema=list[Box])
    assert response.parsed == [Box(label="round bright orange region", box_2d=DISC)]


def test_a_wrapper_object_keeps_its_own_key(client: Client) -> None:
    schema = {"type": "object", "properties": {"things": {"type": "array", "items": ENTRY}}}
    assert by_schema(client, schema) == {"things": [{"label": "round bright orange region", "box_2d": DISC}]}


def test_a_list_is_no_longer_than_the_schema_allows(client: Client) -> None:
    assert by_schema(client, {"type": "array", "items": ENTRY, "maxItems": 0}) == []


def test_masks_of_a_third_generation_model_are_polygons_inside_their_box(client: Client) -> None:
    [entry] = by_schema(client, {"type": "array", "items": WITH_MASK})
    outline = np.array(entry["mask"])
    assert 8 <= len(outline) <= 60
    ymin, xmin, ymax, xmax = entry["box_2d"]
    assert outline.min(axis=0).tolist() == pytest.approx([xmin, ymin], abs=1)
    assert outline.max(axis=0).tolist() == pytest.approx([xmax, ymax], abs=1)


def test_a_polygon_covers_the_disc_it_was_drawn_around(client: Client) -> None:
    [entry] = unfenced(generate(client, part(), "Give the segmentation masks.").text)
    canvas = Image.new("L", (1000, 1000))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in entry["mask"]], fill=1)
    disc_area = np.pi / 4 * (37 / 96) * (37 / 64)
    assert np.asarray(canvas).mean() == pytest.approx(disc_area, rel=0.06)


def test_masks_of_a_second_generation_model_are_small_pngs_of_two_values(client: Client) -> None:
    answer = generate(client, part(), "Give the segmentation masks.", model="gemini-2.5-flash").text
    [entry] = unfenced(answer)
    prefix, _, data = entry["mask"].partition(",")
    mask = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert prefix == "data:image/png;base64"
    assert (mask.size, mask.mode, entry["box_2d"]) == ((256, 256), "L", DISC)
    assert set(np.unique(np.asarray(mask))) == {0, 255}
    assert (np.asarray(mask) > 0).mean() == pytest.approx(np.pi / 4, abs=0.03)


def test_an_enum_is_answered_with_the_value_the_colours_suggest(client: Client) -> None:
    schema = {"type": "object", "properties": {"label": {"type": "string", "enum": ["green", "orange", "pink"]}}}
    assert by_schema(client, schema) == {"label": "orange"}


def test_an_enum_type_is_answered_as_a_bare_word(client: Client) -> None:
    schema = {"type": "STRING", "enum": ["green", "orange"]}
    response = generate(client, part(), "x", response_mime_type="text/x.enum", response_schema=schema)
    assert response.text == "orange"


def test_a_caption_field_holds_the_sentence_and_a_question_its_answer(client: Client) -> None:
    strings = {"caption": {"type": "string"}, "answer": {"type": "string"}}
    answer = by_schema(client, {"type": "object", "properties": strings}, prompt="Which colours are there?")
    assert answer["answer"] == "Mostly dark blue and bright orange."
    assert answer["caption"] == (
        "A dark graphic in mostly dark blue and bright orange tones with a round bright orange region in the "
        "centre and smooth surfaces."
    )


def test_boxes_refer_to_the_picture_as_exif_turns_it(client: Client) -> None:
    sideways = disc("PNG", orientation=6)
    [entry] = unfenced(generate(client, part(sideways), "Detect").text)
    assert entry["box_2d"] == DISC


def test_inline_and_uploaded_images_mix_in_one_prompt(client: Client) -> None:
    file = client.files.upload(file=io.BytesIO(PICTURES["image/jpeg"]), config={"mime_type": "image/jpeg"})
    text = generate(client, "What is different between these two images?", file, part()).text
    assert text.startswith("They share ")
    assert "Image 2: " in text


def test_a_prompt_without_an_image_is_told_so(client: Client) -> None:
    assert generate(client, "Write a poem").text.startswith("There is no image to look at")


def test_the_stream_adds_up_to_the_answer(client: Client) -> None:
    pieces = list(
        client.models.generate_content_stream(model="gemini-3.8-flash", contents=asked(part(), "Caption this image."))
    )
    assert len(pieces) == 3
    assert "".join(str(piece.text) for piece in pieces) == generate(client, part(), "Caption this image.").text
    assert pieces[-1].usage_metadata


def test_an_answer_beyond_the_token_limit_is_cut(client: Client) -> None:
    response = generate(client, part(), "Caption", max_output_tokens=20)
    assert response.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert len(response.text) == 16  # 4 tokens: 16 of the 20 went into thoughts


def test_thoughts_are_shown_on_request_only(client: Client) -> None:
    shown = generate(client, part(), "Caption", thinking_config={"include_thoughts": True})
    assert [bool(each.thought) for each in shown.candidates[0].content.parts] == [True, False]
    assert shown.text == generate(client, part(), "Caption").text


@pytest.mark.parametrize(
    ("model", "config", "tokens"),
    [
        ("gemini-3.8-flash", {}, 1120),
        ("gemini-3.8-flash", {"media_resolution": "MEDIA_RESOLUTION_LOW"}, 280),
        ("gemini-3.8-flash", {"media_resolution": "MEDIA_RESOLUTION_MEDIUM"}, 560),
        ("gemini-2.5-flash", {}, 258),
    ],
)
def test_usage_counts_the_image_by_the_models_rule(
    client: Client, model: str, config: dict[str, Any], tokens: int
) -> None:
    usage = generate(client, part(), "12345678", model=model, **config).usage_metadata
    modalities = {each.modality.value: each.token_count for each in usage.prompt_tokens_details}
    assert modalities == {"TEXT": 2, "IMAGE": tokens}
    assert usage.prompt_token_count == tokens + 2
    answer = usage.candidates_token_count + usage.thoughts_token_count
    assert usage.total_token_count == usage.prompt_token_count + answer


def test_count_tokens_agrees_with_the_usage(client: Client) -> None:
    counted = client.models.count_tokens(model="gemini-2.5-flash", contents=asked(part(), "12345678"))
    assert counted.total_tokens == 260


@pytest.mark.parametrize(
    ("model", "thinking", "sense"),
    [
        ("gemini-3.8-flash", {"thinking_level": "MINIMAL"}, "MINIMAL is not supported for this model"),
        ("gemini-3.7-flash", {"thinking_level": "MINIMAL"}, "MINIMAL is not supported for this model"),
        ("gemini-2.5-flash", {"thinking_level": "LOW"}, "level is not supported for this model"),
        ("gemini-3.6-flash", {"thinking_level": "LOW", "thinking_budget": 1}, "only one of"),
        ("gemini-2.5-pro", {"thinking_budget": 0}, "only works in thinking mode"),
        ("gemini-4-argon", {"thinking_budget": 128}, "budget is not supported"),
    ],
)
def test_a_thinking_setting_the_model_lacks_is_refused(
    client: Client, model: str, thinking: dict[str, Any], sense: str
) -> None:
    error = refused(client, part(), "x", model=model, thinking_config=thinking)
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")
    assert sense in str(error.message)


@pytest.mark.parametrize("model", ["gemini-3.5-flash-lite", "gemini-3.1-flash-lite", "gemini-3.6-flash"])
def test_the_lite_models_think_minimally_and_report_no_thoughts(client: Client, model: str) -> None:
    response = generate(client, part(), "x", model=model, thinking_config={"thinking_level": "MINIMAL"})
    assert response.usage_metadata.thoughts_token_count == 0


@pytest.mark.parametrize("model", ["gemini-9-unheard-of", "gemini-2.0-flash"])
def test_a_model_that_is_unknown_or_retired_is_not_found(client: Client, model: str) -> None:
    error = refused(client, part(), "x", model=model)
    assert (error.code, error.status) == (404, "NOT_FOUND")


def test_an_alias_is_known_in_v1beta_and_nowhere_else(client: Client) -> None:
    alias = "gemini-flash-latest"
    assert generate(client, part(), "x", model=alias, http_options={"api_version": "v1beta"}).text
    assert refused(client, part(), "x", model=alias, http_options={"api_version": "v1"}).code == 404


def test_bytes_that_are_no_image_are_refused(client: Client) -> None:
    error = refused(client, part(b"not an image"), "x")
    assert error.code == 400
    assert "Unable to process input image" in str(error.message)


def test_a_truncated_image_is_refused(client: Client) -> None:
    assert refused(client, part(PICTURES["image/png"][:-40]), "x").code == 400


def test_a_type_the_models_do_not_take_is_refused(client: Client) -> None:
    error = refused(client, part(b"GIF89a", "image/gif"), "x")
    assert (error.code, error.message) == (400, "Unsupported MIME type: image/gif")


def test_a_file_that_does_not_exist_is_forbidden_like_at_the_real_service(client: Client) -> None:
    gone = types.Part.from_uri(file_uri="https://host/v1beta/files/gone", mime_type="image/png")
    error = refused(client, gone, "x")
    assert (error.code, error.status) == (403, "PERMISSION_DENIED")
    assert error.message == "You do not have permission to access the File gone or it may not exist."


def test_a_storage_address_is_refused_and_not_fetched(client: Client) -> None:
    stored = types.Part.from_uri(file_uri="gs://bucket/a.png", mime_type="image/png")
    assert "Unsupported file uri" in str(refused(client, stored, "x").message)


def test_a_request_above_the_inline_limit_is_refused_in_clear_words() -> None:
    with running("gemini", "--inline-limit-mb", "1") as small, connected(small) as client:
        error = refused(client, part(b"x" * 1_000_000), "x")
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")
    assert "Request payload size exceeds the limit: 1048576 bytes" in str(error.message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "* GenerateContentRequest.contents: contents is not specified\n"),
        ({"contents": []}, "* GenerateContentRequest.contents: contents is not specified\n"),
        (b"[1", "Invalid JSON payload received. expected , at character 2, found 'the end'"),
        (b"[1]", "Invalid JSON payload received. Expected an object, found list."),
    ],
)
def test_a_body_that_asks_for_nothing_is_refused(url: str, body: Any, message: str) -> None:
    response = post(url, GENERATE, body)
    assert response.status_code == 400
    assert response.json() == {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def test_bad_base64_is_refused(url: str) -> None:
    inline = {"inlineData": {"mimeType": "image/png", "data": "?!"}}
    response = post(url, GENERATE, {"contents": [{"parts": [inline]}]})
    assert (response.status_code, "Base64 decoding failed" in response.text) == (400, True)


@pytest.mark.parametrize("spelling", ["snake", "camel"])
def test_both_spellings_and_both_alphabets_of_base64_are_read(url: str, spelling: str) -> None:
    standard = base64.b64encode(PICTURES["image/png"]).decode()
    inline = (
        {"inline_data": {"mime_type": "image/png", "data": standard}}
        if spelling == "snake"
        else {"inlineData": {"mimeType": "image/png", "data": standard.translate(str.maketrans("+/", "-_"))}}
    )
    parts = [inline, {"text": "Caption this image."}]
    response = post(url, GENERATE, {"contents": [{"parts": parts}]})
    assert "orange" in response.json()["candidates"][0]["content"]["parts"][0]["text"]


def test_the_list_of_models_names_the_current_ones(client: Client) -> None:
    names = [model.name for model in client.models.list()]
    assert {"models/gemini-3.8-flash", "models/gemini-3.5-flash-lite", "models/gemini-2.5-flash"} <= set(names)
    assert client.models.get(model="gemini-4-argon").name == "models/gemini-4-argon"
