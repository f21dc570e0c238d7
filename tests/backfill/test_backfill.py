"""A small backfill against real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.backfill.run import Play, play

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Play(objects=300, tasks=("caption",), kills=3, pilot=30, live=3, listings=1, model_latency_ms=100)


def test_a_small_backfill_that_is_killed_three_times_pays_nothing_twice_and_leaves_nothing_out(tmp_path: Path) -> None:
    said: list[str] = []

    outcome = play(SMALL, tmp_path, say=said.append)

    assert outcome.violations == [], "\n".join([*said, *outcome.said])
    assert outcome.kills == 3
