"""The benchmarks beside bare handlers, made tiny: both sides do what they are compared in, over real sockets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from infra.bench import making
from infra.bench.floor.groups import FLOOR, STARTS
from infra.bench.floor.stage import Size, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.bench.model import Sample

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads what processes have used in /proc")

VARIANTS = {variant.name: variant for variant in FLOOR.variants}
STARTING = {variant.name: variant for variant in STARTS.variants}
TINY = Size(events=2, slots=3, rounds=1, latency_s=0.05, uploads=1)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("floor")
    making.make_small(folder)
    with Stage(folder, size=TINY) as found:
        yield found


def calls(sample: Sample) -> dict[str, float]:
    """Return what was asked for about one event."""
    events = int(sample.facts["events"])
    return {name: int(count) / events for name, count in sample.facts.items() if name != "events"}


def test_a_bare_worker_makes_the_calls_of_ours_and_no_others(stage: Stage) -> None:
    ours, bare = stage.measure(VARIANTS["segment"]), stage.measure(VARIANTS["segment_bare"])

    made = calls(ours)
    assert made.pop("object.insert") > 3  # lease, journal and document, and the files that are drawn
    assert made == {"object.download": 1, "messages": 1, "model calls": 1}
    assert calls(bare) == calls(ours)
    assert min(ours.cpu_ms, ours.wall_ms, ours.peak_rss_mb, bare.cpu_ms) > 0


def test_events_at_once_wait_for_a_slow_model_together(stage: Stage) -> None:
    together = stage.measure(VARIANTS["segment_80"])

    assert together.facts["events"] == together.facts["model calls"] == TINY.slots
    assert together.wall_ms * TINY.slots >= TINY.latency_s * 1000
    assert stage.peers.gemini.faults() == []


def test_an_upload_is_followed_to_its_result_event_on_both_sides(stage: Stage) -> None:
    assert [stage.measure(VARIANTS[name]).facts["uploads"] for name in ("upload", "upload_bare")] == [1, 1]


@pytest.mark.parametrize("name", ["caption", "caption_bare", "dead_letter"])
def test_a_start_is_measured_until_the_model_is_asked_or_the_event_is_done(stage: Stage, name: str) -> None:
    before = stage.peers.counts()["messages"]

    sample = stage.measure(STARTING[name])

    assert sample.cpu_ms > 0
    assert stage.peers.counts()["messages"] > before  # it went on to the end of its event
    assert stage.peers.gemini.faults() == []
