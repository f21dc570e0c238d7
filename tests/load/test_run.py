"""A few uploads through the real stack. How long they take is the machine's matter, and judged nowhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from infra.load import play as playing
from infra.load import usage
from infra.load.measured import Sample
from infra.load.plan import Plan
from infra.load.rig import samples_until_over
from infra.local import endpoints

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(not usage.available(), reason="it is measured by Linux's /proc")
def test_a_load_ends_well_and_its_simulation_stands_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "PROBE_S", 0.05)
    monkeypatch.setattr(playing, "WARM_UP", 1)
    plan = Plan(rate=4, seconds=1, burst=2, calibrate=2, model_s=0.1)

    played = playing.play(plan, tmp_path, os.environ, say=lambda _: None)

    found = json.loads(json.dumps(played.document, allow_nan=False))
    for one in (found["measured"], found["simulated"]):
        assert (one["uploads"], one["finished"], one["held"], one["failed"], one["waiting"]) == (4, 4, 0, 0, 0)
        assert one["p95_s"] > 0
    assert found["calibration"]["workers"] == ["caption", "segment"]  # detect is answered out of segment's call
    assert all(found["calibration"]["cpu_s"][name] > 0 for name in ("gemini", "caption", "segment"))
    assert len(found["latencies_s"]) == 4
    assert found["samples"][-1]["finished"] == 4
    assert sum(found["samples"][-1]["backlog"].values()) == 0
    assert {"load", "pubsub", "storage", "gemini", "ingest", "segment"} <= found["samples"][-1]["usage"].keys()
    assert endpoints.read(tmp_path) is None  # the stack has ended


def test_the_last_sample_shows_what_ended_while_the_stack_was_looked_at() -> None:
    """It was read first and asked afterwards whether anything was open, and so could miss the last upload."""
    ended: list[int] = []

    def look() -> Sample:
        finished = len(ended)
        ended.append(1)  # the next upload ends while the rest of the sample is taken
        return Sample(0.0, finished, {}, 0, 0, {})

    samples = samples_until_over(look, unfinished=lambda: len(ended) < 3, given_up=lambda: False, pause_s=0)

    assert [each.finished for each in samples] == [0, 1, 2, 3]


def test_a_run_is_over_when_nothing_waits_any_more_or_when_it_is_given_up() -> None:
    waiting = iter([{"caption": 2}, {"caption": 1}, {}, {}])

    def look() -> Sample:
        return Sample(0.0, 1, next(waiting), 0, 0, {})

    assert len(samples_until_over(look, unfinished=lambda: False, given_up=lambda: False, pause_s=0)) == 3
    assert len(samples_until_over(look, unfinished=lambda: True, given_up=lambda: True, pause_s=0)) == 1
