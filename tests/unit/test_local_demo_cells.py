"""Texts are made to fit by cells, not by characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from infra.local.demo import cells

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(cells.plain)
WIDTHS = st.integers(4, 40)


@given(TEXTS, WIDTHS)
def test_nothing_is_wider_than_it_may_be(text: str, width: int) -> None:
    assert cell_len(cells.cut(text, width)) <= width
    assert cell_len(cells.shorten(text, width)) <= width
    assert all(cell_len(line) <= width for line in cells.wrapped(text, width))


@given(st.lists(TEXTS.filter(bool), max_size=30), st.integers(24, 80))
def test_a_list_fits_and_accounts_for_everything(names: list[str], width: int) -> None:
    line = cells.listed(names, width)

    assert cell_len(line) <= width
    assert bool(line) is bool(names)


@given(TEXTS, WIDTHS)
def test_what_fits_is_not_touched(text: str, width: int) -> None:
    room = max(width, cell_len(text))
    assert cells.cut(text, room) == cells.shorten(text, room) == text


@given(st.text(max_size=60))
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    assert cells.plain(text).isprintable()


@given(TEXTS, WIDTHS)
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    assert "".join(cells.wrapped(text, width)).replace(" ", "") == text.replace(" ", "")
