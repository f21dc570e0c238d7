"""What is there already, read off a listing: the same as a look at each name, at the cost of few listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core import naming
from shared.core.planning import existing
from shared.core.planning.existing import committed, task_committed
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.naming import Paths

SEGMENTS = st.sampled_from(["a", "a.jpg", "a~", "7", "70", "b[1]", "ü", "caption", "caption.json", "é.png", "#", "z"])
NAMES = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
SOURCES = st.lists(
    st.tuples(NAMES, st.sampled_from([7, 70, 9])).map(lambda pair: Source("uploads", pair[0], pair[1])),
    max_size=12,
    unique=True,
)
LEAVES = st.lists(
    st.sampled_from(
        [
            "caption.json",
            "caption.error-0.json",
            "detect.json",
            "detect/mask-000.png",
            "detect/x.json",
            "other.txt",
            "7/x",
        ]
    ),
    max_size=4,
    unique=True,
)


class Listing:
    """Names in byte order, and how often they were listed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = sorted(set(names), key=str.encode)
        self.begun = self.listed = 0

    def __call__(self, after: str, before: str) -> Iterator[str]:
        self.begun += 1
        for name in self.names:
            if after < name < before:
                self.listed += 1
                yield name


def _paths(source: Source) -> Paths:
    return naming.paths(source, run="v1", task="caption", prefix="uplook/")


@pytest.mark.every_step
@given(st.data())
@settings(max_examples=400, deadline=None)
def test_what_is_found_is_what_a_look_at_each_would_find(data: st.DataObject) -> None:
    sources = data.draw(SOURCES)
    wanted = data.draw(st.lists(st.sampled_from(sources), unique=True)) if sources else []
    listing = Listing([f"uplook/{_paths(source).folder}/{leaf}" for source in sources for leaf in data.draw(LEAVES)])
    page, existing.PAGE = existing.PAGE, data.draw(st.sampled_from([0, 1, 3, 1000]))
    try:
        found = committed([_paths(source) for source in wanted], listing)
    finally:
        existing.PAGE = page

    there = set(listing.names)
    for source in wanted:
        folder = _paths(source).folder
        for task in ("caption", "detect"):
            known = found.get(folder, existing.Committed())
            assert (f"uplook/{folder}/{task}.json" in there) == (task in known.results)
            assert (f"uplook/{folder}/{task}.error-0.json" in there) == (task in known.failures)
            assert known.results.get(task) in {None, f"uplook/{folder}/{task}.json"}


def test_uploads_that_lie_together_cost_one_listing() -> None:
    sources = [Source("uploads", f"{number:04}.jpg", 7) for number in range(500)]
    listing = Listing([f"uplook/{_paths(source).folder}/caption.json" for source in sources])

    found = committed([_paths(source) for source in sources], listing)

    assert (len(found), listing.begun) == (500, 1)


def test_others_between_two_uploads_are_jumped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(existing, "PAGE", 10)
    sources = [Source("uploads", f"{number:05}.jpg", 7) for number in range(10_000)]
    listing = Listing([f"uplook/{_paths(source).folder}/caption.json" for source in sources])

    found = committed([_paths(sources[0]), _paths(sources[5000]), _paths(sources[9999])], listing)

    assert (len(found), listing.begun) == (3, 3)
    assert listing.listed < 40


def test_many_masks_of_one_result_are_read_through_because_documents_may_follow_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(existing, "PAGE", 10)
    source = Source("uploads", "a.jpg", 7)
    folder = f"uplook/{_paths(source).folder}"
    listing = Listing([*(f"{folder}/caption/mask-{number:03}.png" for number in range(99)), f"{folder}/segment.json"])

    assert set(committed([_paths(source)], listing)[_paths(source).folder].results) == {"segment"}


def test_nothing_wanted_lists_nothing() -> None:
    listing = Listing(["uplook/x"])

    assert committed([], listing) == {}
    assert listing.begun == 0


def test_a_document_names_its_task() -> None:
    assert task_committed("v1/uploads/a.jpg/7/detect.json") == "detect"
    assert task_committed("v1/uploads/a.jpg/7/detect.error-0.json") is None
    assert task_committed("v1/uploads/a.jpg/7/detect/mask-000.png") is None
