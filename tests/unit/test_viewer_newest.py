"""Which images a page shows where there are too many: the newest, whole, and it knows how many it leaves out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.viewer.buckets import Shown, newest_of
from infra.viewer.names import Address

GENERATIONS = st.lists(st.integers(1, 2**53), max_size=12, unique=True)


def _uploads(generations: list[int]) -> list[Address]:
    return [Address("uploads", f"{generation}.png", generation) for generation in generations]


def _documents(generations: list[int]) -> list[Address]:
    tasks = ("caption", "detect.error-0")
    names = [f"v1/uploads/{each}.png/{each}/{task}.json" for each in generations for task in tasks]
    return [Address("results", name, 1) for name in names]


@given(stored=GENERATIONS, answered=GENERATIONS, count=st.integers(1, 30))
def test_the_newest_are_shown_with_all_their_documents_and_the_others_counted(
    stored: list[int], answered: list[int], count: int
) -> None:
    shown = newest_of(_uploads(stored), _documents(answered), count)

    wanted = set(sorted({*stored, *answered})[-count:])
    assert list(shown.uploads) == _uploads([each for each in stored if each in wanted])
    assert list(shown.documents) == _documents([each for each in answered if each in wanted])
    assert shown.older == len({*stored, *answered}) - len(wanted)
    assert all((each >= shown.since) == (each in wanted) for each in (*stored, *answered))


@given(stored=GENERATIONS, answered=GENERATIONS)
def test_without_a_bound_everything_is_shown(stored: list[int], answered: list[int]) -> None:
    uploads, documents = _uploads(stored), _documents(answered)

    assert newest_of(uploads, documents, None) == Shown(uploads, documents)
