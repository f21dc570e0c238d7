from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from infra.emulators.gemini.answer_text import write_answer
from infra.emulators.gemini.errors import ApiError
from infra.emulators.gemini.models import MODELS, check_thinking, thought_tokens
from infra.emulators.gemini.requests import GenerateRequest
from infra.emulators.gemini.sentences import answer, caption
from infra.emulators.gemini.structured_output import rank
from infra.emulators.gemini.tokens import image_tokens, text_tokens
from infra.emulators.gemini.vision.analysis import Analysis, Region, place_of

FACE = Region("face", (100, 100, 300, 300), ((100, 100), (300, 100), (200, 300)), b"png-1", 0.03, 0.9)
SUIT = Region("large orange region", (400, 0, 1000, 700), ((0, 400), (700, 400), (0, 1000)), b"png-2", 0.3, 0.4)
SEEN = Analysis(
    digest="d1",
    width=800,
    height=600,
    kind="photo",
    tones=("dark blue", "orange"),
    brightness="dark",
    texture="fine texture",
    regions=(FACE, SUIT),
    faces=1,
)
EMPTY = replace(SEEN, regions=(), faces=0, brightness="evenly lit")
POLYGONS, PNGS = MODELS["gemini-3.8-flash"], MODELS["gemini-2.5-flash"]
INTEGERS = {"type": "ARRAY", "items": {"type": "INTEGER"}}


def filled(schema: dict[str, Any], *, seen: Analysis = SEEN, model: str = "gemini-3.8-flash", prompt: str = "") -> Any:
    request = GenerateRequest(prompt=prompt, response_type="application/json", schema=schema)
    return json.loads(write_answer(request, MODELS[model], [seen]))


def listed(**properties: Any) -> dict[str, Any]:
    return {"type": "ARRAY", "items": {"type": "OBJECT", "properties": properties}}


def test_a_caption_names_tones_regions_and_texture() -> None:
    assert caption([SEEN]) == (
        "A dark photo in mostly dark blue and orange tones with a face in the upper left, a large orange region "
        "in the lower centre and fine texture."
    )


def test_a_caption_counts_what_it_does_not_name() -> None:
    crowded = replace(SEEN, regions=(FACE, SUIT, replace(SUIT, box=(0, 0, 9, 9)), SUIT))
    assert "and two more distinct regions" not in caption([crowded])
    assert ", two more distinct regions and fine texture." in caption([crowded])


def test_nothing_seen_is_still_a_sentence() -> None:
    assert caption([EMPTY]) == "A photo in mostly dark blue and orange tones with fine texture."


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How many objects are there?", "One distinct region and one frontal face."),
        ("What colour is it?", "Mostly dark blue and orange."),
        ("Is there a person?", "Yes: a face in the upper left."),
        ("Is it dark?", "The image is dark, with fine texture."),
        ("Where is the main thing?", "What stands out most is a face in the upper left."),
        ("What is the title?", f"By its colours and shapes alone: {caption([SEEN])}"),
    ],
)
def test_a_question_is_answered_by_what_was_seen(question: str, reply: str) -> None:
    assert answer(question, [SEEN]) == reply


def test_no_face_is_admitted() -> None:
    assert answer("Who is this?", [EMPTY]) == "I find no frontal face in this image."


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 100, 100), "in the upper left"),
        ((400, 400, 600, 600), "in the centre"),
        ((300, 900, 700, 1000), "on the right"),
        ((900, 0, 1000, 1000), "in the lower centre"),
        ((1000, 1000, 1000, 1000), "in the lower right"),
    ],
)
def test_a_box_lies_where_its_centre_lies(box: tuple[int, int, int, int], place: str) -> None:
    assert place_of(box) == place


def test_the_schemas_own_order_and_names_are_kept() -> None:
    schema = listed(label={"type": "STRING"}, box_2d=INTEGERS)
    schema["items"]["propertyOrdering"] = ["box_2d", "label"]
    assert list(filled(schema)[0]) == ["box_2d", "label"]


def test_definitions_and_unions_are_followed() -> None:
    schema = {
        "$defs": {"Thing": {"type": "object", "properties": {"box_2d": INTEGERS, "label": {"type": "string"}}}},
        "type": "object",
        "properties": {"boxes": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/Thing"}}]}},
    }
    assert filled(schema) == {
        "boxes": [
            {"box_2d": [100, 100, 300, 300], "label": "face"},
            {"box_2d": [400, 0, 1000, 700], "label": "large orange region"},
        ]
    }


@pytest.mark.parametrize(
    ("mask", "value"),
    [
        ({"type": "ARRAY", "items": INTEGERS}, [[100, 100], [300, 100], [200, 300]]),
        (INTEGERS, [100, 100, 300, 100, 200, 300]),
        ({"type": "STRING"}, "data:image/png;base64," + base64.b64encode(b"png-1").decode()),
    ],
)
def test_a_mask_takes_the_form_the_schema_asks_for(mask: dict[str, Any], value: Any) -> None:
    assert filled(listed(mask=mask))[0] == {"mask": value}


@pytest.mark.parametrize(
    ("model", "mask"),
    [(POLYGONS, [[100, 100], [300, 100], [200, 300]]), (PNGS, "data:image/png;base64,cG5nLTE=")],
)
def test_without_a_schema_a_mask_takes_the_models_form(model: Any, mask: Any) -> None:
    request = GenerateRequest(prompt="segment", response_type="application/json")
    assert json.loads(write_answer(request, model, [SEEN]))[0] == {
        "box_2d": [100, 100, 300, 300],
        "mask": mask,
        "label": "face",
    }


def test_nothing_found_is_an_empty_list() -> None:
    assert filled(listed(box_2d=INTEGERS), seen=EMPTY) == []
    assert write_answer(GenerateRequest(prompt="detect"), POLYGONS, [EMPTY]) == "```json\n[]\n```"


def test_classes_come_with_confidences_the_best_first() -> None:
    schema = listed(label={"type": "STRING", "enum": ["vehicle", "portrait", "other"]}, confidence={"type": "NUMBER"})
    assert filled(schema) == [{"label": "portrait", "confidence": 0.5}]


def test_a_single_class_is_always_one_of_the_given() -> None:
    assert filled({"type": "string", "enum": ["invoice", "receipt"]}) in {"invoice", "receipt"}


def test_tags_are_unique_and_begin_with_the_most_telling() -> None:
    tags = filled({"type": "array", "items": {"type": "string"}, "maxItems": 3})
    assert tags == ["face", "portrait", "dark blue"]


def test_numbers_and_truths_follow_their_names() -> None:
    names = {"face_count": "INTEGER", "count": "INTEGER", "has_person": "BOOLEAN", "score": "INTEGER"}
    schema = {"type": "OBJECT", "properties": {name: {"type": kind} for name, kind in names.items()}}
    assert filled(schema) == {"face_count": 1, "count": 2, "has_person": True, "score": 50}


def test_strings_follow_their_names() -> None:
    names = ("caption", "answer", "colour", "label")
    schema = {"type": "object", "properties": {name: {"type": ["string", "null"]} for name in names}}
    assert filled(schema, prompt="Which colour?") == {
        "caption": caption([SEEN]),
        "answer": "Mostly dark blue and orange.",
        "colour": "dark blue, orange",
        "label": "face",
    }


@pytest.mark.parametrize(
    ("values", "best"),
    [
        (["vehicle", "person"], "person"),
        (["green", "orange"], "orange"),
        (["day", "night"], "night"),
        (["document", "photograph"], "photograph"),
        (["mortgage", "other"], "other"),
    ],
)
def test_the_best_class_is_the_one_the_facts_hint_at(values: list[str], best: str) -> None:
    assert rank(values, SEEN)[0][0] == best


def test_a_tie_is_broken_the_same_way_for_the_same_image_only() -> None:
    values = [f"word{number}x" for number in range(9)]
    assert rank(values, SEEN) == rank(values, SEEN)
    winners = {rank(values, replace(SEEN, digest=str(number)))[0][0] for number in range(50)}
    assert len(winners) > 3


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_four_characters_make_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


@pytest.mark.parametrize(
    ("model", "size", "resolution", "tokens"),
    [
        ("gemini-2.5-flash", (384, 384), None, 258),
        ("gemini-2.5-flash", (385, 10), None, 258),
        ("gemini-2.5-flash", (769, 768), None, 516),
        ("gemini-2.5-pro", (1536, 1537), "HIGH", 6 * 258),
        ("gemini-2.5-flash", (4000, 3000), "LOW", 64),
        ("gemini-3.8-flash", (10, 10), None, 1120),
        ("gemini-3.8-flash", (4000, 3000), "HIGH", 1120),
        ("gemini-3.5-flash-lite", (10, 10), "MEDIUM", 560),
        ("gemini-4-hydrogen", (10, 10), "LOW", 280),
        ("gemini-4-hydrogen", (10, 10), "ULTRA_HIGH", 2240),
    ],
)
def test_an_image_costs_what_the_models_table_or_tiles_say(
    model: str, size: tuple[int, int], resolution: str | None, tokens: int
) -> None:
    assert image_tokens(MODELS[model], size, resolution) == tokens


@pytest.mark.parametrize(
    ("model", "level", "budget"),
    [
        ("gemini-2.5-flash", None, 0),
        ("gemini-2.5-flash", None, -1),
        ("gemini-2.5-pro", None, 128),
        ("gemini-3.8-flash", "LOW", None),
        ("gemini-3.8-flash", None, 0),
        ("gemini-4-hydrogen", "XHIGH", None),
        ("gemini-4-argon", None, None),
    ],
)
def test_a_thinking_setting_the_model_has_is_taken(model: str, level: str | None, budget: int | None) -> None:
    check_thinking(MODELS[model], level, budget)
    assert thought_tokens(level, budget) <= 128


@pytest.mark.parametrize(
    ("model", "level", "budget"),
    [
        ("gemini-2.5-flash-lite", None, 100),
        ("gemini-2.5-pro", None, 0),
        ("gemini-2.5-pro", None, 40_000),
        ("gemini-4-argon", "XHIGH", None),
        ("gemini-4-argon", None, 0),
        ("gemini-3.5-flash-lite", None, 0),
    ],
)
def test_a_thinking_setting_out_of_range_is_refused(model: str, level: str | None, budget: int | None) -> None:
    with pytest.raises(ApiError):
        check_thinking(MODELS[model], level, budget)
