"""A small run of each back end against real processes; `python -m tests.batch` plays 10,000 images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.batch.run import Outcome, Play, play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("backend", ["developer", "vertex"])
def test_a_small_run_whose_tick_is_killed_loses_nothing_and_pays_once_at_half_the_price(
    backend: str, tmp_path: Path
) -> None:
    said: list[str] = []

    outcome = play(Play(images=60, backend=backend, lines=20, kills=3, spoiled=0.05), tmp_path, say=said.append)

    assert outcome.violations == [], "\n".join([*said, *outcome.said])
    assert outcome.by_batch > 0


def test_what_must_never_be_is_told() -> None:
    fine = Outcome(2, calls=1, called=1, lines=1, failed=1, by_batch=1, whole_usd=0.5, half_usd=0.25)
    fine.statuses["ok"] = 2
    assert fine.violations == []
    fine.statuses["failed"], fine.calls, fine.lines, fine.half_usd, fine.left = 1, 2, 2, 0.5, ["batches/lines/a"]
    assert [each.partition(":")[0] for each in fine.violations] == [
        "results",
        "paid lines and calls",
        "results that a job has paid for",
        "results that a call has paid for",
        "left in the work bucket",
        "price",
        "calls",
    ]
