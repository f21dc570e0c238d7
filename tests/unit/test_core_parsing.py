from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.classifying import parse_labels
from shared.core.replies.free_text import parse_caption
from shared.core.replies.parsing import RawItem, parse_items
from shared.core.replies.texts import clean_text
from tests.strategies import json_values, replies

CAT = RawItem(label="cat", box=[1, 2, 3, 4])


def items(text: str) -> tuple[RawItem, ...]:
    return parse_items(text, max_items=100).items


@pytest.mark.fault(67, 69)
@pytest.mark.parametrize(
    "text",
    [
        '[{"box_2d": [1, 2, 3, 4], "label": "cat"}]',
        '{"boxes": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}',
        '{"detections": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}',
        '{"anything": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}',
        '{"model": "m", "n": 1, "size": [640, 480], "boxes": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}',
        '{"name": "photo", "boxes": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}',
        '{"result": {"boxes": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}}',
        '[{"boxes": [{"box_2d": [1, 2, 3, 4], "label": "cat"}]}]',
        '[[{"box_2d": [1, 2, 3, 4], "label": "cat"}]]',
        '{"box_2d": [1, 2, 3, 4], "label": "cat"}',
        '{"box_2d": [1, 2, 3, 4], "label": "cat", "parts": [{"box_2d": [1, 2, 3, 4], "label": "tail"}]}',
        '{"box_2d": [1, 2, 3, 4], "class": "cat"}',
        '{"box_2d": [1, 2, 3, 4], "class_name": "cat"}',
        '{"box_2d": [1, 2, 3, 4], "name": "cat"}',
        '{"BOX_2D": [1, 2, 3, 4], "Label": "cat"}',
    ],
)
def test_one_thing_is_one_item_in_every_shape_of_the_answer(text: str) -> None:
    reply = parse_items(text, max_items=100)
    assert reply.items == (CAT,)
    assert (reply.readable, reply.truncated, reply.capped) == (True, False, False)


@pytest.mark.parametrize(
    "key", ["box2d", "bbox", "bounding_box", "box", "<start_of_mask>_box_2d", "gimme_mask_for_this box_2d"]
)
def test_a_box_under_another_name_is_read_and_noted(key: str) -> None:
    assert items(json.dumps([{key: [1, 2, 3, 4]}])) == (RawItem(box=[1, 2, 3, 4], notes=("other_box_key",)),)


def test_named_sides_are_a_box() -> None:
    entry = {"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.4, "class_name": "cat", "confidence": 0.9}
    assert items(json.dumps({"detections": [entry]})) == (RawItem(label="cat", box=entry),)


@pytest.mark.parametrize("key", ["mask", "polygon"])
def test_masks_and_points_are_handed_on_untouched(key: str) -> None:
    entry = {key: [[1, 2], "x"], "point": [5, 6]}
    assert items(json.dumps([entry])) == (RawItem(mask=[[1, 2], "x"], point=[5, 6]),)


@pytest.mark.parametrize(
    "text", ["[]", '{"boxes": []}', "```json\n[]\n```", "There is nothing here: []", '{"a": {"b": []}}']
)
def test_an_empty_list_is_readable_and_holds_nothing(text: str) -> None:
    reply = parse_items(text, max_items=100)
    assert (reply.items, reply.readable) == ((), True)


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    "text",
    [
        *("", "I see no objects.", "{}", "[1]", "[1, 2, 3, 4]", '{"error": "no"}', '{"caption": "a cat"}', "7"),
        *(
            "[{box_2d: [1, 2, 3, 4]}]",
            "{boxes: []}",
            '{"error": null, "size": 3}',
            '[{"box_2d": [1, 2',
            "[",
            "```json\n```",
        ),
    ],
)
def test_a_text_without_any_item_or_empty_list_is_not_readable(text: str) -> None:
    reply = parse_items(text, max_items=100)
    assert (reply.items, reply.readable) == ((), False)


def test_what_is_no_object_stays_an_item_with_a_reason() -> None:
    reply = parse_items(
        '["a cat", {"box_2d": [1, 2, 3, 4], "label": "cat"}, 7, null, [1, 2, 3, 4], {"x": 1}]', max_items=9
    )
    nothing = RawItem(reason="expected an object with a box, found a bare value")
    assert reply.items == (RawItem(label="a cat"), CAT, nothing, nothing, RawItem(box=[1, 2, 3, 4]), RawItem())


def test_items_beyond_the_limit_are_left_out_and_that_is_said() -> None:
    reply = parse_items(json.dumps([{"box_2d": [1, 2, 3, 4], "label": str(n)} for n in range(30)]), max_items=25)
    assert [item.label for item in reply.items] == [str(n) for n in range(25)]
    assert reply.capped


@pytest.mark.fault(80)
def test_ten_thousand_items_are_no_more_work_than_the_limit_says() -> None:
    reply = parse_items(json.dumps([{"label": "x"}] * 10_000), max_items=25)
    assert (len(reply.items), reply.capped) == (25, True)


@pytest.mark.fault(68)
def test_a_broken_entry_in_the_middle_is_counted_as_lost() -> None:
    reply = parse_items('[{"label": "a"}, {"label": "b" "box_2d": 1}, {"label": "c"}]', max_items=9)
    assert [item.label for item in reply.items] == ["a", "c"]
    assert (reply.lost, reply.truncated) == (1, False)


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    "text", ['[{"label": "a"},]', '{"boxes": [{"label": "a"},]}', '{"r": {"boxes": [{"label": "a"},]}}']
)
def test_a_trailing_comma_loses_nothing(text: str) -> None:
    reply = parse_items(text, max_items=9)
    assert [item.label for item in reply.items] == ["a"]
    assert (reply.lost, reply.truncated) == (0, False)


@pytest.mark.fault(70)
def test_a_repeated_key_is_noted_on_its_item() -> None:
    reply = parse_items('[{"label": "a", "label": "b"}, {"label": "c"}]', max_items=9)
    assert [(item.label, item.notes) for item in reply.items] == [("b", ("repeated_keys",)), ("c", ())]
    assert reply.repeated_keys


@pytest.mark.fault(73, 81)
@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("  a\tcat\n on  a mat ", "a cat on a mat"),
        ("a\x00b\x1b[31m\x7f\x85c", "ab[31mc"),
        ("\ud800cat\udfff", "cat"),
        ("\u202etac\u202c", "tac"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("<script>", "<script>"),
        ("\U0001f408 \u732b", "\U0001f408 \u732b"),
        (7, "7"),
        (True, None),
        (["a"], "a"),
        ({"text": "a"}, "a"),
        ([], None),
        (None, None),
    ],
)
def test_a_label_is_one_clean_line(value: object, label: str | None) -> None:
    assert items(json.dumps([{"box_2d": [1, 2, 3, 4], "label": value}]))[0].label == label


@pytest.mark.fault(81)
def test_a_long_label_is_cut_and_noted() -> None:
    (item,) = items(json.dumps([{"label": "x" * 10_000}]))
    assert (item.label, item.notes) == ("x" * 200, ("label_cut",))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["a", "b"]', ("a", "b")),
        ('{"labels": ["a", "b"]}', ("a", "b")),
        ('{"label": "a"}', ("a",)),
        ('{"label": "a", "alternatives": []}', ("a",)),
        ('[{"label": "a", "confidence": 0.9}, {"class": "b"}]', ("a", "b")),
        ('["a", "b", "a", ""]', ("a", "b")),
        ('Here: ["a", "b"]', ("a", "b")),
        ('["a", "b", "c', ("a", "b")),
        ('{"labels": ["a", "b", "c', ("a", "b")),
        ('```json\n["a", "b",\n', ("a", "b")),
        ("cat", ("cat",)),
        ("cat, dog and bird", ("cat", "dog and bird")),
        ("- cat\n- dog\n", ("cat", "dog")),
        ("1. cat\n2) dog", ("cat", "dog")),
        ("```\ncat\n```", ("cat",)),
        ("**cat**", ("cat",)),
        ("['cat', 'dog']", ("cat", "dog")),
        ('{"labels": {"sofa": 0.4, "cat": 0.9, "dog": 0}}', ("cat", "sofa")),
        ('{"cat": true, "dog": false}', ("cat",)),
        ('{"labels": "cat, dog"}', ("cat", "dog")),
        ('{"labels": "[\\"cat\\", \\"dog\\"]"}', ("cat", "dog")),
    ],
)
def test_labels_are_read_from_lists_entries_and_words(text: str, labels: tuple[str, ...]) -> None:
    reply = parse_labels(text, max_labels=10)
    assert (reply.labels, reply.readable) == (labels, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot see anything in this image.",
        "Sorry, I can not help you with it",
        "Tags: a",
        "{'a': 'b'}",
        "[1]",
        "{a: b}",
    ],
)
def test_prose_is_no_label(text: str) -> None:
    reply = parse_labels(text, max_labels=10)
    assert (reply.labels, reply.readable) == ((), False)


def test_words_of_a_model_that_was_cut_off_are_no_labels() -> None:
    assert parse_labels("cat, do", max_labels=10, complete=False).labels == ()


def test_labels_beyond_the_limit_are_left_out_and_that_is_said() -> None:
    reply = parse_labels('["a", "b", "c"]', max_labels=2)
    assert (reply.labels, reply.capped) == (("a", "b"), True)


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ('{"caption": "A red dress."}', "A red dress."),
        ('{"answer": "Two."}', "Two."),
        ('[{"caption": "A red dress."}]', "A red dress."),
        ('```json\n{"caption": "A red dress."}\n```', "A red dress."),
        ('Here it is: {"caption": "A red dress."}', "A red dress."),
        ("A red dress.", "A red dress."),
        ('"A red dress."', "A red dress."),
        ("```\nA red dress.\n```", "A red dress."),
        ("[STOP] on a sign, and {x} below.", "[STOP] on a sign, and {x} below."),
        ('A screen that says {"error": "x"}.', 'A screen that says {"error": "x"}.'),
        ("Two lines,\r\nboth kept\x07.", "Two lines,\nboth kept."),
        ('{"caption": "cut off', None),
        ('Here it is: {"caption": "cut off', None),
        ("{'caption': 'single'}", "single"),
        ('{"caption": "A man\\\'s hat."}', "A man's hat."),
        ('{"alt_text": "A red dress."}', "A red dress."),
        ('{"beschreibung": "Ein rotes Kleid."}', "Ein rotes Kleid."),
        ('{"result": {"caption": "A red dress."}}', "A red dress."),
        ('["A red dress."]', "A red dress."),
        ('{"caption": ["A red dress.", "A hat."]}', "A red dress. A hat."),
        ('{"caption": "A draft."}\n{"caption": "The final one."}', "The final one."),
        ('{"caption": 7}', None),
        ('{"caption": ""}', None),
        ('[{"box_2d": [1, 2, 3, 4]}]', None),
        ("", None),
        ("```", None),
        ("\x00 \ud800", None),
    ],
)
def test_a_caption_is_read_from_json_or_plain_words_and_never_from_debris(text: str, caption: str | None) -> None:
    assert parse_caption(text).text == caption


@pytest.mark.fault(73)
@given(st.text())
def test_clean_text_is_valid_utf_8_and_stays_as_it_is(text: str) -> None:
    clean = clean_text(text)
    clean.encode("utf-8")
    assert clean_text(clean) == clean


@given(st.text(alphabet='[]{}",:\\ 1ae\n`', max_size=60) | st.text() | json_values.map(json.dumps))
def test_no_text_raises(text: str) -> None:
    for item in parse_items(text, max_items=5).items:
        assert item.label is None or len(item.label.encode("utf-8")) <= 800
    for label in parse_labels(text, max_labels=5).labels:
        assert label.encode("utf-8")
    assert parse_caption(text).text != ""


@given(replies(), st.data())
def test_an_answer_cut_anywhere_holds_the_first_items_of_the_whole(text: str, data: st.DataObject) -> None:
    whole = items(text)
    cut = items(text[: data.draw(st.integers(0, len(text)))])
    assert cut == whole[: len(cut)]


@pytest.mark.parametrize(("text", "readable"), [("[]", True), ('[]{"a" 1}', False), ('{"boxes": []}', True)])
def test_an_empty_list_beside_something_broken_does_not_say_that_nothing_is_there(text: str, readable: bool) -> None:
    assert parse_items(text, max_items=9).readable is readable
