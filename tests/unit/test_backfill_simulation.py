"""What a backfill asks of Cloud Storage grows with its objects, and with nothing else."""

from __future__ import annotations

import pytest

from tests.backfill.simulation import simulate


@pytest.mark.parametrize("shards", [1, 4])
def test_requests_are_bounded_by_objects_and_looks(shards: int) -> None:
    objects, outstanding = 6000, 50

    found = simulate(objects=objects, shards=shards, outstanding=outstanding)

    assert (found.events, found.most) == (objects, 1)
    assert found.requests["publications"] == objects
    assert found.requests["pages of uploads"] <= shards * (objects / 1000 + 1)
    # A page for each chunk of a part and its end, one for each look, and what lies between the objects of a part.
    looks = objects / outstanding + shards * 2
    assert found.requests["pages of results"] <= 2 * looks + shards * (objects / 1000 + 4)
    assert found.requests["results read"] <= shards * 40 + objects / 10 + 1
    assert found.requests["marks"] <= shards * (objects / 1000 + 4)


def test_twice_the_objects_ask_for_twice_as_much() -> None:
    small, large = (simulate(objects=number, shards=1, outstanding=50).requests for number in (4000, 8000))

    assert all(large[what] <= 2.2 * small[what] + 5 for what in large)
