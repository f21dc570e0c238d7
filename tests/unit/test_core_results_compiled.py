"""The compiled schemas say yes exactly where jsonschema does."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.core.results.compiled import compiled
from shared.core.results.schemas import IMAGE_EVENT, RESULT, RESULT_EVENT, load_schema
from tests.export_documents import NO_MASK, document, failed, item, mask_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**60)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        ["", "a", "ok", "failed", "caption", "uplook.result/1", "gs://a", "0" * 64, "7", "AAAAAA==", "x\n"]
    ),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["a", "status", "file"]), inner),
    max_leaves=6,
)
DOCUMENTS = [
    document([item("cat", (0, 0, 4, 3), mask=mask_of("m.png")), item("dog", None, mask=NO_MASK)]),
    document(None, task="caption", caption="A cat."),
    document(None, task="ask", question="?", answer="!"),
    failed(),
]


@cache
def _both(name: str) -> tuple[Callable[[Any], bool], Callable[[Any], bool]]:
    return compiled(load_schema(name)), Draft202012Validator(load_schema(name)).is_valid


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container and key inside a value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


@given(st.sampled_from(DOCUMENTS), st.data())
def test_a_document_that_was_changed_in_any_place_is_judged_alike(valid: dict[str, Any], data: st.DataObject) -> None:
    changed = copy.deepcopy(valid)
    for _ in range(data.draw(st.integers(0, 2))):
        holder, key = data.draw(st.sampled_from(list(_places(changed))))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = data.draw(VALUES)

    fits, is_valid = _both(RESULT)
    assert fits(changed) == is_valid(changed)


@given(st.sampled_from([RESULT, RESULT_EVENT, IMAGE_EVENT]), VALUES)
def test_any_value_is_judged_alike(name: str, value: Any) -> None:
    fits, is_valid = _both(name)
    assert fits(value) == is_valid(value)


def _schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
        for key, inner in schema.items():
            nested = inner.values() if key == "properties" else inner if isinstance(inner, list) else [inner]
            for each in nested:
                yield from _schemas(each)


PARTS = [part for name in (RESULT, RESULT_EVENT, IMAGE_EVENT) for part in _schemas(load_schema(name))]


@given(st.sampled_from(PARTS), VALUES)
def test_any_part_of_a_schema_judges_any_value_alike(part: dict[str, Any], value: Any) -> None:
    assert compiled(part)(value) == Draft202012Validator(part).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [{"not": {}}, {"type": "date"}, {"enum": [1]}, {"additionalProperties": False}, {"items": {"$ref": "#"}}],
)
def test_what_is_not_known_is_refused_rather_than_passed(schema: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match="expected"):
        compiled(schema)
