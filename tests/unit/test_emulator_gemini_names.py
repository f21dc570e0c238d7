"""What the emulator says and lists where a detector gave names, and which wanted labels fit what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.gemini import labels
from infra.emulators.gemini.answer_text import write_answer
from infra.emulators.gemini.models import MODELS
from infra.emulators.gemini.requests import GenerateRequest
from infra.emulators.gemini.sentences import answer, caption
from infra.emulators.gemini.vision import analyzer
from infra.emulators.gemini.vision.analysis import Analysis, Region
from infra.emulators.gemini.vision.detector import Detection
from infra.emulators.gemini.vision.names import NAMES, SYNONYMS, called, named_in, plural, singular
from tests.unit.test_emulator_gemini_detector import disc
from tests.unit.test_emulator_gemini_vision import encoded

Image = pytest.importorskip("PIL.Image")

PERSON = Region("person", (100, 0, 1000, 400), (), b"1", 0.3, 0.8, named=True)
FACE = Region("face", (120, 100, 300, 300), (), b"2", 0.03, 0.9)
CUP = Region("cup", (600, 600, 800, 800), (), b"3", 0.03, 0.6, named=True)
WALL = Region("large pale blue region", (0, 500, 500, 1000), (), b"4", 0.2, 0.4)
SEEN = Analysis(
    digest="d1",
    width=800,
    height=600,
    kind="photo",
    tones=("orange", "blue"),
    brightness="dark",
    texture="fine texture",
    regions=(PERSON, CUP, FACE, WALL),
    faces=1,
    detector=True,
    background=("orange", "blue"),
)
TWO_CUPS = replace(SEEN, regions=(CUP, CUP), faces=0)
UNNAMED = replace(SEEN, regions=(FACE, WALL), background=())
WITHOUT = replace(UNNAMED, detector=False)
BOX = {"type": "array", "items": {"type": "integer"}}
ANY = {"type": "string"}


def entries(label: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": {"label": label, "box_2d": BOX, **properties}}}


def filled(schema: dict[str, Any], seen: Analysis = SEEN) -> Any:
    request = GenerateRequest(prompt="x", response_type="application/json", schema=schema)
    return json.loads(write_answer(request, MODELS["gemini-3.8-flash"], [seen]))


def labelled(wanted: list[str], seen: Analysis = SEEN) -> list[tuple[str, list[int]]]:
    return [(each["label"], each["box_2d"]) for each in filled(entries({"type": "string", "enum": wanted}), seen)]


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (SEEN, "A person and a cup in front of an orange and blue background, in a dark photo with fine texture."),
        (TWO_CUPS, "Two cups in front of an orange and blue background, in a dark photo with fine texture."),
        (replace(SEEN, background=()), "A person and a cup, in a dark photo with fine texture."),
        (
            replace(SEEN, regions=(replace(CUP, label="scissors"),), brightness="bright"),
            "Scissors in front of an orange and blue background, in a bright photo with fine texture.",
        ),
    ],
)
def test_a_caption_says_by_name_what_stands_before_what(seen: Analysis, sentence: str) -> None:
    assert caption([seen]) == sentence


def test_where_nothing_has_a_name_the_caption_is_that_of_colours_and_shapes() -> None:
    assert caption([UNNAMED]) == caption([WITHOUT])


@pytest.mark.parametrize(
    ("question", "seen", "reply"),
    [
        ("Is there a person?", SEEN, "Yes: a person on the left."),
        ("Do you see any mugs?", SEEN, "Yes: a cup in the lower right."),
        ("Where are the people and the cups?", SEEN, "Yes: a person on the left and a cup in the lower right."),
        ("Is there a dog?", SEEN, "I see no dog in this image."),
        ("How many cups are there?", TWO_CUPS, "Two cups."),
        ("How many cats?", TWO_CUPS, "I see no cat in this image."),
        ("How many objects are there?", SEEN, "One person, one cup and one more distinct region."),
        ("Is anyone here, a man perhaps?", UNNAMED, "Yes: a face in the upper left."),
        ("What colour is the cup?", SEEN, "Mostly orange and blue."),
        ("What stands out?", SEEN, "What stands out most is a person on the left."),
        ("What is this?", SEEN, caption([SEEN])),
        ("What is this?", UNNAMED, f"By its colours and shapes alone: {caption([UNNAMED])}"),
        ("Is there a dog?", WITHOUT, f"By its colours and shapes alone: {caption([WITHOUT])}"),
    ],
)
def test_a_question_is_answered_by_name(question: str, seen: Analysis, reply: str) -> None:
    assert answer(question, [seen]) == reply


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["person"], [("person", PERSON.box), ("person", FACE.box)]),
        (["person", "face"], [("person", PERSON.box), ("face", FACE.box)]),
        (["Mug", "dog"], [("Mug", CUP.box)]),
        (["dog", "hot dog", "teacups"], [("teacups", CUP.box)]),
        (["pale blue"], [("pale blue", WALL.box)]),
        (["invoice"], []),
    ],
)
def test_a_region_has_a_wanted_label_only_if_it_is_one(wanted: list[str], found: list[tuple[str, Any]]) -> None:
    assert labelled(wanted) == [(label, list(box)) for label, box in found]


def test_without_a_detector_a_wanted_label_is_given_to_what_it_fits_and_to_nothing_else() -> None:
    assert labelled(["person"], WITHOUT) == [("person", list(FACE.box))]
    assert labelled(["dog", "other"], WITHOUT) == []


@given(st.lists(st.sampled_from(["person", "cup", "Mug", "face", "blue", "dog", "thing", "sky", "", "!"]), min_size=1))
def test_every_label_that_is_given_was_wanted_and_fits(wanted: list[str]) -> None:
    own = {region.box: region.label for region in SEEN.regions}

    for label, box in labelled(wanted):
        assert label in wanted
        assert labels.fits(own[(box[0], box[1], box[2], box[3])], label)


def test_a_list_of_other_choices_keeps_its_regions() -> None:
    sized = entries(ANY, size={"type": "string", "enum": ["small", "large"]})

    found = filled(sized)

    assert [each["label"] for each in found] == ["person", "cup", "face", "large pale blue region"]
    assert found[3]["size"] == "large"


def test_classes_are_chosen_by_name_before_colours_and_light_are_asked() -> None:
    assert filled({"type": "string", "enum": ["orange", "drink", "night"]}) == "drink"
    assert filled({"type": "array", "items": ANY, "maxItems": 3}) == ["person", "cup", "face"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"person_count": "integer", "cup_count": "integer", "dogs": "integer", "face_count": "integer"}, [1, 1, 0, 1]),
        ({"has_person": "boolean", "has_cup": "boolean", "has_dog": "boolean", "is_busy": "boolean"}, [1, 1, 0, 1]),
    ],
)
def test_numbers_and_truths_follow_what_their_names_speak_of(schema: dict[str, str], value: list[int]) -> None:
    properties = {name: {"type": kind} for name, kind in schema.items()}

    assert list(filled({"type": "object", "properties": properties}).values()) == value


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Detect the cups, box_2d.", ["cup"]),
        ("Detect all people, box_2d.", ["person", "face"]),
        ("Detect dogs, box_2d.", []),
        ("Detect the prominent items, box_2d 0-1000.", ["person", "cup", "face", "large pale blue region"]),
    ],
)
def test_a_free_prompt_gets_what_it_speaks_of(prompt: str, found: list[str]) -> None:
    request = GenerateRequest(prompt=prompt, response_type="application/json")

    listed = json.loads(write_answer(request, MODELS["gemini-3.8-flash"], [SEEN]))

    assert [each["label"] for each in listed] == found


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_called_by_itself_in_singular_and_plural_and_by_its_synonyms(name: str) -> None:
    assert called(name, name)
    assert called(name, plural(name).upper())
    assert all(called(name, word) for word in SYNONYMS.get(name, ()))
    assert name in named_in(f"Are there any {plural(name)} in it?")


def test_there_are_eighty_names_each_once_and_synonyms_of_them_only() -> None:
    assert (len(NAMES), len(set(NAMES))) == (80, 80)
    assert SYNONYMS.keys() <= {*NAMES, "face"}
    assert all(singular(word) == word for listed in SYNONYMS.values() for word in listed)


@pytest.mark.parametrize(
    ("name", "other"), [("hot dog", "dog"), ("teddy bear", "bear"), ("cup", "cupboard"), ("car", "carrot"), ("cat", "")]
)
def test_a_name_is_not_called_by_what_only_looks_like_it(name: str, other: str) -> None:
    assert not called(name, other)


def test_an_analysis_names_what_the_detector_finds_and_is_content_with_that(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = disc().shape
    picture = Image.new("RGB", (columns, rows), (30, 60, 90))
    picture.paste((230, 120, 30), mask=Image.fromarray(disc()))
    box = (24 / rows, 44 / columns, 96 / rows, 116 / columns)
    monkeypatch.setattr(analyzer, "find_things", lambda _: [Detection("frisbee", 0.8, box)])

    plain, named = (analyzer.analyze(encoded(picture), detector=detector) for detector in (False, True))

    assert ([region.label for region in plain.regions], plain.background) == (["large round bright orange region"], ())
    [frisbee] = named.regions
    assert (frisbee.label, frisbee.score, frisbee.named) == ("frisbee", 0.8, True)
    assert max(abs(one - other) for one, other in zip(frisbee.box, plain.regions[0].box, strict=True)) <= 15
    assert (named.detector, named.background, named.tags[0]) == (True, ("dark blue",), "frisbee")
