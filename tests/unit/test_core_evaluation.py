"""Figures of an evaluation: labels, labelled sets, masks' edges, words, and what chance leaves of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.morphology import dilation, disk

from shared.core.evaluation.boundaries import NEAR, boundary_f
from shared.core.evaluation.coco_masks import read_segmentation
from shared.core.evaluation.judging import accepted_answers
from shared.core.evaluation.labels import cleaned, label_matching
from shared.core.evaluation.objects import FoundObject, judge_objects, object_statistics
from shared.core.evaluation.outcomes import ImageOutcome, image_outcome
from shared.core.evaluation.resampling import Figure, Ratios, Resampling
from shared.core.evaluation.texts import judge_classes, judge_lines, judge_sentence, score_statistics
from shared.core.evaluation.truth import Labelling, TruthAnswer, TruthError, parse_truth
from shared.core.evaluation.words import holds, token_f1, tokens
from shared.core.masks.crop import MaskCrop
from tests.export_documents import document, failed

BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}


def truth(**changed: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "cat.jpg", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [BOX],
    }
    return whole | changed


def with_image(**changed: Any) -> dict[str, Any]:
    return truth(images=[truth()["images"][0] | changed])


def with_box(**changed: Any) -> dict[str, Any]:
    return truth(annotations=[BOX | changed])


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ([], r"^\$: expected COCO's JSON"),
        ({}, r"^\$: expected COCO's JSON"),
        (truth(images=[]), r"^\$\.images: expected at least one"),
        (truth(images=[3]), r"^\$\.images\[0\]: expected an object"),
        (truth(images=[{"id": "1"}]), r"^\$\.images\[0\]: expected an object with a whole number as id"),
        (truth(images=truth()["images"] * 2), "expected every id of images once, found 1 twice"),
        (with_image(width=0), r"^\$\.images\[0\]\.width: expected a whole number of pixels above 0, found 0"),
        (with_image(height=None), r"^\$\.images\[0\]\.height: "),
        (with_image(file_name=" "), r"^\$\.images\[0\]\.file_name: expected a text that is not empty"),
        (with_image(classes="cat"), r"^\$\.images\[0\]\.classes: expected a list of texts, found 'cat'"),
        (with_image(captions=[3]), r"^\$\.images\[0\]\.captions\[0\]: "),
        (with_image(answers=["yes"]), r"^\$\.images\[0\]\.answers: expected a list of objects"),
        (with_image(answers=[{"answers": []}]), r"^\$\.images\[0\]\.answers\[0\]\.answers: expected at least one"),
        (with_image(text=[""]), r"^\$\.images\[0\]\.text\[0\]: "),
        (with_image(labelled=["boxen"]), r"^\$\.images\[0\]\.labelled: expected a list of some of boxes, masks"),
        (with_image(labelled=["captions"]), r"^\$\.images\[0\]\.labelled: expected captions of the image, found none"),
        (truth(categories=3), r"^\$\.categories: expected a list"),
        (truth(categories=[{"id": 1}]), r"^\$\.categories\[0\]\.name: "),
        (truth(annotations={}), r"^\$\.annotations: expected a list"),
        (truth(annotations=[1]), r"^\$\.annotations\[0\]: expected an object"),
        (with_box(image_id=9), r"^\$\.annotations\[0\]\.image_id: expected the id of an image, found 9"),
        (with_box(category_id=9), r"^\$\.annotations\[0\]\.category_id: expected the id of a category, found 9"),
        (with_box(bbox=[1, 2, 3]), r"^\$\.annotations\[0\]\.bbox: expected \[x, y, width, height\]"),
        (with_box(bbox=[1, 2, 0, 4]), r"^\$\.annotations\[0\]\.bbox: "),
        (with_box(bbox=[1, 2, float("nan"), 4]), r"^\$\.annotations\[0\]\.bbox: "),
        (with_box(area=-1), r"^\$\.annotations\[0\]\.area: "),
        (with_box(caption=""), r"^\$\.annotations\[0\]\.caption: "),
        (with_box(utf8_string=3), r"^\$\.annotations\[0\]\.utf8_string: "),
        (with_box(segmentation=3), r"^\$\.annotations\[0\]\.segmentation: expected a list of polygons"),
        (with_box(segmentation=[[1, 2, 3, 4]]), r"\.segmentation: expected polygons as lists"),
        (with_box(segmentation=[[1, 2, 3, 4, 5, "6"]]), r"\.segmentation: expected polygons as lists"),
        (with_box(segmentation={"size": [100, 80], "counts": [8000]}), r"\[80, 100\], found \[100, 80\]"),
        (with_box(segmentation={"size": [80, 100], "counts": [1]}), r"add up to 8000 pixels, found 1$"),
        (with_box(segmentation={"size": [80, 100], "counts": [9000, -1000]}), "expected counts as a list of whole"),
        (with_box(segmentation={"size": [80, 100], "counts": "é"}), "expected COCO's text of counts"),
        (with_box(segmentation={"size": [80, 100], "counts": "o"}), "found one that is cut off"),
    ],
)
def test_a_labelled_set_that_cannot_be_used_says_where_and_what_was_expected(wrong: Any, place: str) -> None:
    with pytest.raises(TruthError, match=place):
        parse_truth(wrong)


LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1.5, 10**400, "", "x", [], [[]], [1, 2], {}, {"id": 1}]
)
EVERYTHING = {
    "images": [
        {
            "id": 1,
            "file_name": "cat.jpg",
            "width": 4,
            "height": 3,
            "labelled": ["boxes", "answers"],
            "classes": ["cat"],
            "captions": ["A cat."],
            "answers": [{"question": "What?", "answers": ["cat"]}],
            "text": ["EXIT"],
        }
    ],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [
        BOX | {"area": 3, "iscrowd": 0, "segmentation": [[0, 0, 2, 0, 2, 2]]},
        BOX | {"id": 2, "segmentation": {"size": [3, 4], "counts": [2, 3, 7]}},
        {"id": 3, "image_id": 1, "caption": "A cat."},
        {"id": 4, "image_id": 1, "utf8_string": "EXIT"},
    ],
}


def places_in(value: Any) -> list[tuple[Any, ...]]:
    """Return the way to every value within a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *rest) for key, below in pairs for rest in places_in(below))]


def replaced(value: Any, way: tuple[Any, ...], by: Any) -> Any:
    if not way:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = replaced(copy[way[0]], way[1:], by)
    return copy


@given(st.sampled_from(places_in(EVERYTHING)), LEAVES)
def test_whatever_stands_anywhere_in_a_labelled_set_it_is_read_or_refused_by_its_place(way: Any, by: Any) -> None:
    assert parse_truth(EVERYTHING).images
    said = "$"
    try:
        parse_truth(replaced(EVERYTHING, way, by))
    except TruthError as error:
        said = str(error)
    assert said.startswith(("$", "expected every "))


def test_what_a_set_is_labelled_with_follows_from_it_or_is_said() -> None:
    line = {"id": 2, "image_id": 1, "utf8_string": "EXIT"}
    caption = {"id": 3, "image_id": 1, "caption": "A cat."}
    plain = {"id": 2, "file_name": "empty.jpg", "width": 9, "height": 9}

    found = parse_truth(truth(images=[plain, *truth()["images"]], annotations=[BOX, line, caption]))

    cat, empty = found.images
    assert (cat.file_name, empty.file_name) == ("cat.jpg", "empty.jpg")  # by id
    assert cat.labellings == {Labelling.BOXES, Labelling.TEXT, Labelling.CAPTIONS}
    assert empty.labellings == {Labelling.BOXES, Labelling.TEXT}  # nobody found anything in it, and no text
    assert (cat.lines, cat.captions, cat.objects[0].area) == (("EXIT",), ("A cat.",), 400.0)
    assert parse_truth(with_image(labelled=["classes"])).images[0].labellings == {Labelling.CLASSES}
    polygon = [[10, 10, 30, 10, 30, 30, 10, 30]]
    assert Labelling.MASKS in parse_truth(with_box(segmentation=polygon)).images[0].labellings


@pytest.mark.parametrize(
    ("labels", "synonyms", "words"),
    [
        (["cat", "The Cat."], None, "differ after clean-up, found 'cat' and 'The Cat.'"),
        (["cat"], {"dog": ["hound"]}, r"synonyms: expected labels of the truth \(cat\), found 'dog'"),
        (["cat", "dog"], {"cat": ["pet"], "dog": ["Pet"]}, "one meaning of 'Pet', found 'cat' and 'dog'"),
        (["cat", "dog"], {"cat": ["dog"]}, "one meaning of 'dog'"),
        (["cat"], ["cat"], "synonyms: expected an object of lists of words"),
        (["cat"], {"cat": "pussy"}, "synonyms: expected an object of lists of words"),
        (["cat"], {"cat": ["…", "."]}, "synonyms: expected an object of lists of words"),
    ],
)
def test_labels_and_synonyms_without_one_meaning_are_refused(labels: list[str], synonyms: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        label_matching(labels, synonyms)


def test_a_label_matches_exactly_after_clean_up_or_by_a_synonym_and_never_otherwise() -> None:
    matching = label_matching(["traffic light", "person"], {"Person": ["woman", "man"]})

    found = ["A Traffic-Light", "traffic_light.", "The woman", "persons", "lights", "a"]
    assert [matching.match(each) for each in found] == ["traffic light"] * 2 + ["person", None, None, None]
    assert matching.stated.endswith("or by 2 synonyms")


@given(st.text())
def test_clean_up_is_done_once(label: str) -> None:
    once = cleaned(label)
    assert cleaned(once) == once or once.split()[:1] == ["a"] or once.split()[:1] in (["an"], ["the"])


def davis(found: Any, true: Any) -> float:
    """The boundary measure of DAVIS by scikit-image's dilation (davis2017/metrics.py: db_eval_boundary)."""

    def edge(seg: Any) -> Any:
        east, south, both = np.zeros_like(seg), np.zeros_like(seg), np.zeros_like(seg)
        east[:, :-1], south[:-1], both[:-1, :-1] = seg[:, 1:], seg[1:], seg[1:, 1:]
        b = (seg ^ east) | (seg ^ south) | (seg ^ both)
        b[-1], b[:, -1], b[-1, -1] = seg[-1] ^ east[-1], seg[:, -1] ^ south[:, -1], False
        return b

    near = disk(math.ceil(NEAR * np.linalg.norm(found.shape)))
    ours, theirs = edge(found), edge(true)
    precision = (ours & dilation(theirs, near)).sum() / ours.sum()
    recall = (theirs & dilation(ours, near)).sum() / theirs.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(12))
def test_the_boundary_measure_is_that_of_davis(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(each) for each in random.integers(120, 400, 2))
    planes = []
    for _ in range(2):
        top, left = (int(random.integers(0, each // 2)) for each in (height, width))
        plane = np.zeros((height, width), dtype=np.bool_)
        plane[top : top + height // 2 + seed, left : left + width // 2] = True
        plane[top + 9 : top + 20, left + 5 : left + 25] = False
        planes.append(plane)
    crops = [MaskCrop(each[r0 : r1 + 1, c0 : c1 + 1], c0, r0) for each in planes for r0, r1, c0, c1 in [_extent(each)]]

    assert boundary_f(*crops, width=width, height=height) == pytest.approx(davis(*planes), abs=1e-12)


def _extent(plane: Any) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def test_a_mask_of_nothing_agrees_with_nothing_alone() -> None:
    nothing = read_segmentation({"size": [9, 9], "counts": [81]}, width=9, height=9)
    some = MaskCrop(np.ones((3, 3), dtype=np.bool_), 2, 2)

    assert nothing.area == 0
    assert boundary_f(nothing, nothing, width=9, height=9) == 1.0
    assert boundary_f(nothing, some, width=9, height=9) == boundary_f(some, nothing, width=9, height=9) == 0.0


WORDS = st.lists(st.sampled_from(["cat", "dog", "two", "on"]), max_size=6).map(tuple)


@given(WORDS, WORDS)
def test_words_agree_both_ways_from_0_to_1_and_wholly_only_if_they_are_the_same(one: Any, other: Any) -> None:
    assert token_f1(one, other) == token_f1(other, one)
    assert (token_f1(one, other) == 1.0) == (sorted(one) == sorted(other))
    assert token_f1(one, one) == 1.0
    assert holds((*one, *other, *one), other)


def test_answers_agree_exactly_or_hold_the_right_words_or_share_some() -> None:
    said = judge_sentence("I see 2 cats here.", ["two", "2"])
    exact = judge_sentence("The red square", ["red square!"])
    nothing = judge_sentence("", ["no"])

    assert {name: upper for name, (upper, _) in said.parts.items()} == {
        "exact": 0.0,
        "holds": 1.0,
        "token_F1": pytest.approx(1 / 3),
    }
    assert (exact.parts["exact"][0], exact.quality) == (1.0, 1.0)
    assert (nothing.quality, nothing.parts["holds"][0]) == (0.0, 0.0)
    assert tokens("don't") == ("don", "t")


def test_an_answer_is_judged_by_the_question_that_was_asked() -> None:
    answers = (TruthAnswer("How many cats?", ("2",)), TruthAnswer(None, ("yes",)), TruthAnswer("Where?", ("here",)))

    assert accepted_answers(answers, "how many CATS") == ("2",)
    assert accepted_answers(answers, "Why?") == ("yes",)
    assert accepted_answers(answers, None) == ("yes",)
    assert accepted_answers(answers[::2], "Why?") == ("2",)


def test_lines_are_right_as_a_whole_and_their_words_wherever_they_stand() -> None:
    scores = judge_lines(["Gate 14", "Depart", "EXIT"], ["exit", "Gate 14", "Departures"])
    values = score_statistics([scores]).over(np.ones((1, 1), dtype=np.int64))

    assert {name: round(float(value[0]), 3) for name, value in values.items()} == {
        "line_precision": 0.667,
        "line_recall": 0.667,
        "word_precision": 0.75,
        "word_recall": 0.75,
        "word_F1": 0.75,
    }


def test_classes_have_an_accuracy_of_the_first_and_a_confusion() -> None:
    right, other, nothing = (
        judge_classes(["cat", None], ["cat"]),
        judge_classes([None], ["cat"]),
        judge_classes([], ["cat"]),
    )
    swapped = judge_classes(["dog"], ["cat"])
    values = score_statistics([right, other, nothing, swapped]).over(np.ones((1, 4), dtype=np.int64))

    assert float(values["accuracy"][0]) == 0.25
    assert float(values["all_right"][0]) == 0.0
    assert [each.confused for each in (right, other, nothing, swapped)] == [
        ("cat", "cat"),
        ("cat", "(another)"),
        ("cat", "(nothing)"),
        ("cat", "dog"),
    ]
    assert swapped.labels == {"cat": (0, 0, 1), "dog": (0, 1, 0)}
    assert judge_classes([], []).quality == 1.0


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (None, ImageOutcome.MISSING),
        (document([], status="empty"), ImageOutcome.ANSWERED),
        (document([], status="partial"), ImageOutcome.PARTIAL),
        (document(None, status="blocked"), ImageOutcome.REFUSED),
        (failed(code="image_refused"), ImageOutcome.REFUSED),
        (failed(code="failed"), ImageOutcome.UNREADABLE),
        (failed(code="not_an_image"), ImageOutcome.FAILED),
        (document(None, status="skipped"), ImageOutcome.FAILED),
    ],
)
def test_what_came_of_an_image(made: Any, outcome: ImageOutcome) -> None:
    assert image_outcome(made) == outcome


def ratio(values: Any) -> Ratios:
    numbers = np.array(values, dtype=np.float64)
    return Ratios({"mean": (numbers, np.ones(len(numbers)))})


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 200 sets whose true mean is 0.3, about 190 intervals hold it: between 182 and 198, but once in a thousand."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(200):
        figure = Resampling(400).figures(ratio(random.random(80) < 0.3), 80)["mean"]
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= 0.3 <= figure.high

    assert 180 <= held <= 198


def test_the_same_seed_gives_the_same_figures_and_another_seed_other_ones() -> None:
    values = np.random.default_rng(1).random(50)

    assert Resampling(200, 5).figures(ratio(values), 50) == Resampling(200, 5).figures(ratio(values), 50)
    assert Resampling(200, 5).figures(ratio(values), 50) != Resampling(200, 6).figures(ratio(values), 50)


def test_two_runs_are_compared_on_the_same_images_so_that_hard_images_do_not_hide_a_difference() -> None:
    hard = np.random.default_rng(3).random(60)  # varies far more than the runs differ
    old, new = ratio(hard), ratio(hard + 0.02 + 0.01 * np.sin(np.arange(60)))

    paired = Resampling(500).differences(new, old, 60)["mean"]
    alone = [Resampling(500).figures(each, 60)["mean"] for each in (old, new)]

    assert paired.verdict == "higher"
    assert paired.value == pytest.approx(0.02, abs=0.002)
    assert alone[0].high is not None
    assert alone[1].low is not None
    assert alone[0].high > alone[1].low  # the intervals overlap widely
    assert Resampling(500).differences(old, old, 60)["mean"] == Figure(0.0, 0.0, 0.0)
    assert Figure(0.0, 0.0, 0.0).verdict == Figure(None).verdict == "open"


def test_an_image_drawn_twice_counts_as_two_images() -> None:
    """The weights of the bootstrap are the same as the images themselves, twice; also in average precision."""
    found = parse_truth(
        {
            "images": [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80} for n in range(1, 5)],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [BOX | {"id": n, "image_id": n} for n in range(1, 5)],
        }
    )
    boxes = [(10.0, 10.0, 20.0, 20.0), (12.0, 11.0, 20.0, 20.0), (60.0, 60.0, 5.0, 5.0), (10.0, 10.0, 24.0, 20.0)]
    judged = [
        judge_objects(image, [FoundObject("cat", box)], with_masks=False)
        for image, box in zip(found.images, boxes, strict=True)
    ]
    drawn = [0, 0, 1, 3]

    [averages, ratios] = object_statistics(judged, "box")
    [again, ratios_again] = object_statistics([judged[place] for place in drawn], "box")

    weights = np.array([[drawn.count(place) for place in range(4)]])
    once = np.ones((1, 4), dtype=np.int64)
    for ours, theirs in ((averages, again), (ratios, ratios_again)):
        expected = theirs.over(once)
        for name, value in ours.over(weights).items():
            assert value == pytest.approx(expected[name], nan_ok=True)
