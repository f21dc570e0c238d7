"""Every fault of the catalogue has a test or a reason, and the page says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.table import CODES, LAST_NUMBER, PAGE, page, read_catalogue, read_markers

if TYPE_CHECKING:
    import pytest

NUMBERS = list(range(1, LAST_NUMBER + 1))


def test_the_catalogue_counts_every_fault_once_and_in_order() -> None:
    assert [fault.number for fault in read_catalogue()] == NUMBERS


def test_every_fault_says_how_it_ends() -> None:
    for fault in read_catalogue():
        assert fault.outcome
        assert fault.codes
        assert set(fault.codes) <= CODES.keys(), fault.number


def test_every_fault_has_a_test_or_a_reason_why_it_has_none() -> None:
    tests = read_markers()

    assert [fault.number for fault in read_catalogue() if not tests.get(fault.number) and not fault.not_shown] == []


def test_no_marker_names_an_unknown_fault() -> None:
    assert sorted(set(read_markers()) - set(NUMBERS)) == []


def test_the_page_is_up_to_date() -> None:
    """If not: python -m tests.faults."""
    assert PAGE.read_text(encoding="utf-8") == page(read_catalogue(), read_markers())


def test_markers_are_read_from_decorators_of_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.table.ROOT", tmp_path)
    (tmp_path / "test_a.py").write_text(
        "@pytest.mark.fault(3, 1)\n@pytest.mark.slow\ndef test_one(): ...\n"
        "class TestMore:\n    @pytest.mark.fault(3)\n    async def test_two(self): ...\n"
    )

    found = read_markers(tmp_path)

    assert {number: [test.name for test in tests] for number, tests in found.items()} == {
        3: ["test_one", "test_two"],
        1: ["test_one"],
    }
