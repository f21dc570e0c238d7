"""A classification keeps to the labels that were given: nothing is coerced into them, nothing is dropped in silence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.classifying import Classification, find_classes
from shared.core.values import ClassLabel
from tests.strategies import json_values

LABELS = ("cat", "dog", "guinea pig", "Ünïcode, with a comma")


def _find(text: str, *, labels: tuple[str, ...] = LABELS, multi_label: bool = False, most: int = 25) -> Classification:
    return find_classes(text, labels=labels, multi_label=multi_label, max_items=most)


@pytest.mark.parametrize(
    "text",
    [
        '{"label": "cat"}',
        '```json\n{"label": "cat"}\n```',
        '["cat"]',
        '{"labels": ["cat"]}',
        '{"class": " cat "}',
        "cat",
    ],
)
def test_a_given_label_is_taken_whatever_stands_around_it(text: str) -> None:
    assert _find(text) == Classification((ClassLabel("cat"),), "ok")


@pytest.mark.parametrize("label", LABELS)
def test_every_given_label_is_found_again_as_it_was_given(label: str) -> None:
    assert _find(json.dumps({"label": label})).classes == (ClassLabel(label),)


@pytest.mark.parametrize("answer", ["Cat", "cats", "a cat", "yak", "c", "cat."])
def test_an_answer_outside_the_set_is_unusable_and_never_coerced(answer: str) -> None:
    found = _find(json.dumps({"label": answer}))

    reason = f"expected one of cat, dog, guinea pig, Ünïcode, with a comma, found {answer!r}"
    assert found.classes == (ClassLabel(answer, "unusable", reason),)
    assert (found.status, found.reason) == ("failed", f"unusable: {reason}")


def test_where_one_label_was_asked_for_the_second_is_unusable() -> None:
    found = _find('{"labels": ["dog", "cat"]}')

    assert [(one.label, one.status) for one in found.classes] == [("dog", "ok"), ("cat", "unusable")]
    assert (found.status, found.classes[1].reason) == ("partial", "expected one label, found 'cat' besides")


def test_of_several_labels_those_outside_the_set_are_marked() -> None:
    found = _find('{"labels": ["dog", "yak", "cat"]}', multi_label=True)

    assert [(one.label, one.status) for one in found.classes] == [("dog", "ok"), ("yak", "unusable"), ("cat", "ok")]
    assert found.status == "partial"
    assert (found.reason or "").startswith("1 of 3 labels are unusable: expected one of cat, dog")


def test_a_long_set_is_not_listed_whole_in_a_reason() -> None:
    found = _find('{"label": "yak"}', labels=tuple(f"label {number}" for number in range(200)))

    assert found.reason == (
        "unusable: expected one of label 0, label 1, label 2, label 3, label 4 and 195 more, found 'yak'"
    )


@pytest.mark.parametrize(("labels", "multi_label"), [(LABELS, True), ((), False)])
def test_no_label_at_all_is_an_empty_result(labels: tuple[str, ...], multi_label: bool) -> None:
    found = _find('{"labels": []}', labels=labels, multi_label=multi_label)

    assert (found.classes, found.status) == ((), "empty")


def test_without_a_set_every_label_is_a_tag_once_in_its_order() -> None:
    found = _find('{"labels": ["sofa", "cat", "sofa"]}', labels=())

    assert found == Classification((ClassLabel("sofa"), ClassLabel("cat")), "ok")


def test_more_tags_than_wanted_are_cut_and_told() -> None:
    found = _find('{"labels": ["a", "b", "c"]}', labels=(), most=2)

    assert [one.label for one in found.classes] == ["a", "b"]
    assert (found.status, found.reason) == ("partial", "the answer holds more than the 2 labels taken")


@pytest.mark.parametrize("text", ["I cannot tell; it is too dark to see anything.", '{"label": ', "{}", "null", ""])
def test_what_holds_no_label_is_unreadable(text: str) -> None:
    assert _find(text).status == "failed"


@given(st.text(max_size=60) | json_values.map(json.dumps), st.booleans(), st.integers(1, 5))
def test_whatever_is_answered_usable_labels_are_given_ones_and_all_else_has_a_reason(
    text: str, multi_label: bool, most: int
) -> None:
    found = _find(text, multi_label=multi_label, most=most)

    usable = [one.label for one in found.classes if one.status == "ok"]
    assert set(usable) <= set(LABELS)
    assert len(usable) <= (most if multi_label else 1)
    assert all(one.reason for one in found.classes if one.status == "unusable")
    assert bool(found.reason) is (found.status != "ok")
    assert bool(usable) is (found.status in {"ok", "partial"})
