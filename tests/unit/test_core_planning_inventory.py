"""Lists of objects as people have them: CSV reports of Storage Insights, and names by line."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.planning.inventory import InventoryError, ListEntry, listed_in_text

HEADER = "project,bucket,name,location,size,timeCreated,storageClass,generation,contentType"
ROW = '1,uploads,"a, ""b"".jpg",US,7,2026-11-01T00:00:00Z,STANDARD,17,image/jpeg'
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00"), min_size=1, max_size=20)


def _listed(text: str) -> list[ListEntry]:
    return list(listed_in_text(iter(io.StringIO(text, newline=""))))


def test_a_report_names_objects_and_their_buckets() -> None:
    assert _listed(f"{HEADER}\r\n{ROW}\r\n") == [ListEntry('a, "b".jpg', "uploads")]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@given(names=st.lists(NAMES, max_size=5))
def test_every_name_comes_back_whatever_separates_the_columns(delimiter: str, names: list[str]) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=delimiter)
    writer.writerow(["bucket", "name"])
    writer.writerows(["uploads", name] for name in names)

    assert _listed(sink.getvalue()) == [ListEntry(name, "uploads") for name in names]


def test_a_name_in_quotes_may_hold_the_end_of_a_line() -> None:
    assert _listed('name,size\n"a\nb",7\n') == [ListEntry("a\nb")]


def test_names_by_line_and_addresses_by_line() -> None:
    assert _listed("\ufeffa.jpg\r\n\ngs://uploads/b/c, d.jpg\ne") == [
        ListEntry("a.jpg"),
        ListEntry("b/c, d.jpg", "uploads"),
        ListEntry("e"),
    ]


def test_an_empty_list_names_nothing() -> None:
    assert _listed("") == []
    assert _listed("name\n") == []


def test_a_row_that_is_not_as_its_header_says_is_told_with_its_line() -> None:
    with pytest.raises(InventoryError, match="line 3: expected 2 columns as in the header, found 3"):
        _listed("bucket,name\nb,a.jpg\nb,a.jpg,7\n")
