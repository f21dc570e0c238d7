"""Every word is read or missed aloud: spellings of labels and boxes in every root that an answer may have."""

from __future__ import annotations

import itertools
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.findings import Findings, find_items
from shared.core.replies.lenient_json import as_json
from shared.core.values import ImageInfo
from tests.strategies import boxes

if TYPE_CHECKING:
    from collections.abc import Callable

    Box = list[int]
    Thing = tuple[str, Box]

INFO = ImageInfo(640, 480, "jpeg", "image/jpeg")


def _under(key: str, value: Any) -> dict[str, Any]:
    return {key: value}


LABELS: dict[str, Callable[[str], dict[str, Any]]] = {
    **{
        key: partial(_under, key)
        for key in (
            *(
                "label",
                "Label",
                "class_name",
                "object_name",
                "objectName",
                "text_content",
                "description",
                "name",
                "category",
            ),
            *("text_label", "etiqueta", "étiquette", "Bezeichnung", "标签", "ラベル", "what_it_is", "item label"),
        )
    },
    "list": lambda label: {"label": [label]},
    "object": lambda label: {"label": {"text": label}},
    "object of a name": lambda label: {"label": {"name": label, "confidence": 0.9}},
}
BOXES: dict[str, Callable[[Box], dict[str, Any]]] = {
    **{
        key: partial(_under, key)
        for key in (
            *(
                "box_2d",
                "box2D",
                "BOX_2D",
                "bounding_box",
                "boundingBox",
                "Bounding Box",
                "bbox",
                "box",
                "bounding_box_2d",
            ),
            *("coordinates", "caja_2d", "boîte", "边界框", "where_it_is"),
        )
    },
    "text": lambda box: {"box_2d": str(box)},
    "bare text": lambda box: {"box_2d": " ".join(map(str, box))},
    "texts": lambda box: {"box_2d": [str(side) for side in box]},
    "nested": lambda box: {"box_2d": [box]},
    "corners": lambda box: {"box_2d": [box[:2], box[2:]]},
    "named": lambda box: {"box_2d": dict(zip(("ymin", "xmin", "ymax", "xmax"), box, strict=True))},
    "camel case": lambda box: {"boundingBox": dict(zip(("yMin", "xMin", "yMax", "xMax"), box, strict=True))},
    "sides": lambda box: {"bounding_box": dict(zip(("top", "left", "bottom", "right"), box, strict=True))},
    "at the entry": lambda box: dict(zip(("y1", "x1", "y2", "x2"), box, strict=True)),
    "corner and size": lambda box: {
        "bbox": {"x": box[1], "y": box[0], "width": box[3] - box[1], "height": box[2] - box[0]}
    },
}
ROOTS: dict[str, Callable[[list[Any]], str]] = {
    "list": json.dumps,
    "boxes": lambda found: json.dumps({"boxes": found}),
    "deep": lambda found: json.dumps({"result": {"detections": found, "count": len(found)}}),
    "lines": lambda found: "\n".join(map(json.dumps, found)),
    "fence": lambda found: f"Here:\n```json\n{json.dumps(found, indent=1)}\n```\nThat's all.",
    "wrapped": lambda found: json.dumps([{"object": each} for each in found]),
    "numbered": lambda found: json.dumps({f"object_{n}": each for n, each in enumerate(found)}),
    "text": lambda found: json.dumps({"boxes": json.dumps(found)}),
    "texts": lambda found: json.dumps([json.dumps(each) for each in found]),
    "all in quotes": lambda found: json.dumps(json.dumps(found)),
    "quotes escaped": lambda found: json.dumps(json.dumps(found))[1:-1],
    "Python": repr,
    "commas": lambda found: json.dumps(found).replace("}", ",}").replace("]", ",]"),
    "remarks": lambda found: json.dumps(found, indent=1).replace("},", "}, // one of them"),
}
SHAPES: dict[str, Callable[[list[Thing]], Any]] = {
    "label is a key": lambda things: {label: {"box_2d": box} for label, box in things},
    "label is a key of a list": lambda things: {label: [{"box_2d": box}] for label, box in things},
    "label is a key of a box": dict,
    "label is a key of boxes": lambda things: {label: [box] for label, box in things},
    "label above": lambda things: [{"label": label, "boxes": [{"box_2d": box}]} for label, box in things],
    "label above a box": lambda things: [{"label": label, "boxes": [box]} for label, box in things],
    "name above": lambda things: [{"name": label, "instances": [{"box_2d": box}]} for label, box in things],
    "rows": lambda things: [[*box, label] for label, box in things],
    "rows, label first": lambda things: [[label, *box] for label, box in things],
    "pairs": lambda things: [[label, box] for label, box in things],
    "parallel": lambda things: {"boxes": [box for _, box in things], "labels": [label for label, _ in things]},
    "parallel objects": lambda things: {
        "boxes": [{"box_2d": box} for _, box in things],
        "labels": [label for label, _ in things],
    },
    "parallel in one": lambda things: {"box_2d": [box for _, box in things], "label": [label for label, _ in things]},
}
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
things = st.lists(
    st.tuples(st.sampled_from(["cat", "dog", "a red cup", "чашка", "猫"]), boxes()),
    min_size=2,
    max_size=4,
    unique_by=lambda thing: thing[0],
).filter(lambda found: any(max(box) > 1 for _, box in found))


def find(text: str) -> Findings:
    return find_items(text, info=INFO, masks=False, max_items=25)


def told(found: Findings) -> list[Thing]:
    return [(item.label, list(item.box_2d or ())) for item in found.items]


@given(things, st.sampled_from(list(LABELS)), st.sampled_from(list(BOXES)), st.sampled_from(list(ROOTS)))
def test_any_spelling_in_any_root_is_the_same_items(found: list[Thing], label: str, box: str, root: str) -> None:
    reading = find(ROOTS[root]([BOXES[box](sides) | LABELS[label](name) for name, sides in found]))
    assert (told(reading), reading.reason) == (found, None)
    plain = label in {"label", "Label", "class_name", "name"} and box in {"box_2d", "BOX_2D"}
    assert plain or reading.warnings or {label, box} <= {"category", "list", "object", *BOXES, *LABELS}


@pytest.mark.parametrize("root", ROOTS)
def test_every_spelling_is_read_in_every_root(root: str) -> None:
    # All 480 pairs of a root: chance finds one that fails only now and then.
    found = [("cat", [0, 0, 1, 1]), ("dog", [0, 0, 1, 2])]
    missed = [
        (label, box)
        for label, box in itertools.product(LABELS, BOXES)
        if told(find(ROOTS[root]([BOXES[box](sides) | LABELS[label](name) for name, sides in found]))) != found
    ]
    assert missed == []


@given(things, st.sampled_from(list(SHAPES)), st.sampled_from(["list", "fence", "all in quotes", "Python", "commas"]))
def test_any_shape_is_the_same_items(found: list[Thing], shape: str, root: str) -> None:
    reading = find(ROOTS[root](SHAPES[shape](found)))
    assert (told(reading), reading.reason) == (found, None)


@pytest.mark.parametrize("key", ["text_content", "etiqueta", "anything"])
def test_a_label_under_another_name_is_noted(key: str) -> None:
    reading = find(json.dumps([{"box_2d": [1, 2, 3, 4], key: "cat"}]))
    assert reading.items[0].notes == ("other_label_key",)
    assert reading.warnings == ("a label stood under another name than label (1x)",)


@pytest.mark.parametrize(
    "entry", [{}, {"label": None}, {"label": ""}, {"confidence": 0.9}, {"id": "1", "color": "red"}]
)
def test_an_item_without_a_label_is_never_a_plain_ok(entry: dict[str, Any]) -> None:
    reading = find(json.dumps([{"box_2d": [1, 2, 3, 4]} | entry]))
    assert (reading.status, reading.items[0].label) == ("ok", "")
    assert "an item has no label (1x)" in reading.warnings


def test_four_numbers_that_are_no_box_are_none() -> None:
    reading = find(json.dumps([{"label": "car", "rgba": [255, 0, 0, 255]}]))
    assert (reading.status, reading.items[0].reason) == ("failed", "no box in the answer")


@given(plain_values)
def test_what_python_prints_is_read_as_what_it_means(value: Any) -> None:
    assert json.loads(as_json(repr([value]))) == [value]


@given(st.text(alphabet="[]{}()'\",:\\/*# \n1aNoe"))
def test_no_text_breaks_the_rewriting_and_json_stays_as_it_is(text: str) -> None:
    as_json(text)
    honest = json.dumps({"a": [text, 1, None, True]})
    assert json.loads(as_json(honest)) == json.loads(honest)


@pytest.mark.parametrize(
    "text", ["It's [here], isn't {it}?", "[a, 'b']", '{"a": "\\\\alpha"}', "['never closed", "[1, 2"]
)
def test_what_has_no_one_meaning_stays_as_it_is(text: str) -> None:
    assert as_json(text) == text
