"""What one task has in the answer to several: the text of its own members, whole or as far as they go."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.shares import Share, share_of
from tests.strategies import json_values

ANSWER = {"caption": "A cat.", "boxes": [{"label": "cat", "box_2d": [1, 2, 3, 4]}], "answer": "Yes."}
TEXT = json.dumps(ANSWER)


@pytest.mark.parametrize("key", list(ANSWER))
def test_a_share_is_an_object_with_the_tasks_own_members(key: str) -> None:
    assert share_of(TEXT, [key]) == Share(json.dumps({key: ANSWER[key]}), whole=True)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{TEXT}\n```",
        f"Here it is: {TEXT} That is all.",
        json.dumps({"caption": "A cat."}) + "\n" + json.dumps({"boxes": ANSWER["boxes"]}),
        "{'caption': 'A cat.', 'boxes': [{'label': 'cat', 'box_2d': [1, 2, 3, 4]}],}",
        json.dumps({"Caption": "A cat.", "Boxes": ANSWER["boxes"]}),
    ],
)
def test_it_is_found_in_whatever_stands_around_it(text: str) -> None:
    share = share_of(text, ["boxes"])

    assert share is not None
    assert share.whole
    assert next(iter(json.loads(share.text).values())) == ANSWER["boxes"]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[1, 2]", '[{"label": "cat", "box_2d": [1, 2, 3, 4]}]', '{"other": 1}']
)
def test_there_is_none_where_the_answer_has_no_such_member(text: str) -> None:
    assert share_of(text, ["caption"]) is None


@given(st.integers(0, len(TEXT)))
def test_what_was_complete_when_an_answer_was_cut_is_whole_and_nothing_else_is(end: int) -> None:
    for key, value in ANSWER.items():
        share = share_of(TEXT[:end], [key])
        complete = end >= TEXT.index(f'"{key}": ') + len(f'"{key}": {json.dumps(value)}')
        if complete:
            assert share == Share(json.dumps({key: value}), whole=True)
        else:
            assert share is None or not share.whole


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4), st.text(max_size=5))
def test_any_object_gives_its_members_and_nothing_ever_raises(value: dict[str, object], key: str) -> None:
    share_of(json.dumps(value), [key])
    share_of(json.dumps(value)[:-2], [key])
    share_of(str(value), [key])
