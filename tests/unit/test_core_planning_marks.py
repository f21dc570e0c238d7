"""Marks of a backfill: what was written is read, and nothing else is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import naming
from shared.core.planning.marks import BadMarkError, Counts, Mark, format_mark, is_up_to, mark_name, parse_mark

if TYPE_CHECKING:
    from shared.core.planning.marks import Position

ABOUT: dict[str, Any] = {"objects": {"bucket": "uploads", "prefix": ""}, "run": "v1", "tasks": None}
COUNTS = st.builds(Counts, *[st.integers(0, 10**12)] * len(Counts.__slots__))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.sampled_from([str, int]).flatmap(
        lambda kind: st.tuples(
            st.just(kind),
            st.builds(
                Mark,
                st.none() | (TEXTS if kind is str else st.integers(0, 10**9)),
                st.none() | (TEXTS if kind is str else st.integers(0, 10**9)),
                st.none() | st.integers(0, 10**9),
                COUNTS,
                st.dictionaries(TEXTS, st.integers(0, 10**9), max_size=3),
                st.none() | st.just("2026-11-22T08:00:00.000Z"),
            ),
        )
    )
)
def test_what_was_written_is_read(pair: tuple[type[Position], Mark]) -> None:
    kind, mark = pair

    assert parse_mark(format_mark(mark, ABOUT), ABOUT, positions=kind) == mark


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "uplook.backfill/2"}, "uplook.backfill/1"),
        ({"about": {**ABOUT, "run": "v2"}}, "another backfill"),
        ({"about": None}, "another backfill"),
        ({"after": 7}, "after: expected a name"),
        ({"after": "\ud800"}, "after: expected a name"),
        ({"chosen": ["x"]}, "chosen: expected a name"),
        ({"limit_left": -1}, "limit_left"),
        ({"limit_left": True}, "limit_left"),
        ({"limit_left": 1 << 80}, "limit_left"),
        ({"counts": {}}, "counts"),
        ({"counts": None}, "counts"),
        ({"left_out": {"x": "1"}}, "left_out"),
        ({"left_out": {str(number): 1 for number in range(101)}}, "left_out"),
        ({"finished": 1}, "finished"),
    ],
)
def test_what_nobody_here_wrote_is_refused(change: dict[str, Any], words: str) -> None:
    sound = json.loads(format_mark(Mark("a", "b", 3), ABOUT))

    with pytest.raises(BadMarkError, match=words):
        parse_mark(json.dumps(sound | change).encode(), ABOUT, positions=str)


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.integers() | TEXTS, st.lists).map(json.dumps).map(str.encode)
)
def test_no_bytes_at_all_break_the_reader(data: bytes) -> None:
    with pytest.raises(BadMarkError):
        parse_mark(data, ABOUT, positions=str)


def test_each_backfill_has_a_mark_of_its_own() -> None:
    changes: list[dict[str, Any]] = [{}, {"run": "v2"}, {"tasks": ["caption"]}, {"objects": {}}]
    names = {mark_name({**ABOUT, **change}) for change in changes}

    assert len(names) == 4
    assert all(name.startswith(naming.BACKFILL) and name.endswith(".json") for name in names)


@pytest.mark.parametrize(
    ("position", "last", "within"),
    [
        ("a", None, False),
        ("a", "a", True),
        ("b", "a", False),
        ("Z", "a", True),
        (3, 3, True),
        (4, 3, False),
        (1, None, False),
    ],
)
def test_positions_are_in_the_order_of_what_is_read(position: Position, last: Position | None, *, within: bool) -> None:
    assert is_up_to(position, last) == within
