"""What is released, in which order, and what holding costs: storage operations are counted as a month goes by."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.delivery import holding
from shared.core.delivery.holding import LEAST_BATCH, SHARE_OF_A_TICK, Entry, Place, Probe
from shared.core.errors import ConfigurationError, DailyQuotaError, ErrorCode
from shared.core.events import envelopes
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.job import begin
from shared.pipeline.upkeep.unpark import unpark, unpark_due
from shared.pipeline.worker.analyze import analyze
from shared.pipeline.worker.lease import HeldLease, claim, release
from tests.rig import SETTINGS, WORK, Rig, picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.events.envelopes import ImageEvent
    from shared.pipeline.job import WorkerPorts

ROOT = Path(__file__).resolve().parents[2]
IMAGE = picture()
DAY_S, HOUR_S = 86_400.0, 3600.0
NAMES_OF_A_PAGE = 1000
"""A listing of so many names is one operation: https://cloud.google.com/storage/docs/json_api/v1/objects/list."""


@dataclasses.dataclass
class Month:
    """A deployment in which many events wait, and ticks and workers go on by the hour."""

    rig: Rig
    pages: int = 0
    hours: int = 0
    done_operations: int = 0
    event_days: float = 0.0

    def __post_init__(self) -> None:
        self.operations_before = 0
        list_names = self.rig.store.list_names

        def counting(bucket: str, prefix: str) -> Any:
            names = list_names(bucket, prefix)
            self.pages += len(names) // NAMES_OF_A_PAGE  # the first page is counted as a call
            return names

        self.rig.store.list_names = counting  # type: ignore[method-assign]

    @property
    def operations(self) -> int:
        """Every request that has reached storage."""
        return sum(self.rig.store.faults.calls.values()) + self.pages

    @property
    def held(self) -> int:
        return sum(name.startswith("held/") for bucket, name in self.rig.store._objects if bucket == WORK)

    def hour(self, work: Callable[[ImageEvent, WorkerPorts], None] = analyze) -> int:
        """Let an hour pass: a tick, and what workers do with what it released. Return how many events that was."""
        self.rig.clock.time_s += HOUR_S
        self.event_days += self.held / 24
        unpark_due(self.rig.ports)
        messages = self.rig.publisher.messages.pop(self.rig.settings.image_topic, [])
        for message in messages:
            before, results = self.operations, self._results()
            work(envelopes.parse_image_event(message.data), dataclasses.replace(self.rig.ports, pacer=Pacer()))
            if self._results() > results:  # work that is done is no cost of waiting
                self.done_operations += self.operations - before
        return len(messages)

    def per_event_and_day(self) -> float:
        """Storage operations that waiting has cost so far, by event that waited and day."""
        return (self.operations - self.operations_before - self.done_operations) / self.event_days

    def _results(self) -> int:
        return sum(bucket == self.rig.settings.results_bucket for bucket, _ in self.rig.store._objects)


def _month(count: int, error: Exception | None = None, **settings: Any) -> Month:
    """Return a month that begins with parked events: by the ceiling, or by what the model answers all the time."""
    month = Month(Rig(settings=dataclasses.replace(SETTINGS, **settings)))
    code = ErrorCode.DAILY_CEILING
    if error is not None:
        code = ErrorCode.DAILY_QUOTA if isinstance(error, DailyQuotaError) else ErrorCode.CONFIGURATION

        def refuse(_: Any) -> Any:
            raise error

        month.rig.answer = refuse
    until = "2026-11-21T01" if code == ErrorCode.CONFIGURATION else "2026-11-21T08"
    for number in range(count):
        event = month.rig.upload(f"{number:04d}.jpg", IMAGE, task="caption")
        _park(month.rig, event, holding.place_of(until, code, event))
    month.operations_before = month.operations
    return month


def test_days_under_a_ceiling_cost_each_waiting_event_less_than_one_operation() -> None:
    month = _month(300, max_calls_per_day=5)

    for _ in range(8 + 10 * 24):
        month.hour()

    assert len(month.rig.model.requests) == 5 * 11  # ten whole days, and the one that has just begun
    assert month.held == 300 - 5 * 11
    assert month.per_event_and_day() < 1


def test_days_with_a_quota_that_ends_early_cost_each_waiting_event_less_than_one_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows how much room the day has: a batch tries it, and none once others have met its end."""
    monkeypatch.setattr(holding, "LEAST_BATCH", 2)
    month = _month(480, DailyQuotaError("429: GenerateRequestsPerDay"))

    for _ in range(8):
        month.hour()
    for _ in range(4):
        assert sum(month.hour() for _ in range(24)) == 480 / SHARE_OF_A_TICK

    assert month.held == 480
    assert month.per_event_and_day() < 1


def test_a_day_with_a_wrong_key_costs_a_probe_an_hour_and_each_waiting_event_less_than_one_operation() -> None:
    month = _month(500, ConfigurationError("400: API key not valid"))

    assert [month.hour() for _ in range(24)] == [1] * 24

    assert month.held == 500
    assert month.per_event_and_day() < 1


def test_fifty_thousand_events_that_wait_for_a_month_cost_what_the_documents_say() -> None:
    """Measured: an idle tick, and one release in vain. Reckoned: what of both grows with the number of events."""
    idle = _month(10, max_calls_per_day=1)
    for _ in range(9):
        idle.hour()
    before = idle.operations
    assert idle.hour() == 0
    tick = idle.operations - before
    vain = _month(2, ConfigurationError("401"))
    vain.hour()
    before = vain.operations
    assert vain.hour() == 1
    in_vain = vain.operations - before - tick

    events, ticks = 50_000, 24
    listed = ticks * (tick + events // NAMES_OF_A_PAGE)
    by_reason = {
        "the ceiling": listed,
        "a mend": listed + ticks * in_vain,
        "a quota": listed + events // SHARE_OF_A_TICK * in_vain,
    }
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    for reason, operations in by_reason.items():
        told = re.search(rf"\| {reason}[^|]*\| ([0-9,]+) \| ([0-9.]+) \|", page)
        assert told is not None, by_reason
        assert int(told[1].replace(",", "")) == round(operations, -2), by_reason
        assert float(told[2]) == round(operations / events, 2)
        assert operations <= events


def test_what_a_mend_was_waited_for_follows_a_probe_that_ended_well() -> None:
    month = _month(50, ConfigurationError("400: API key not valid"))
    assert month.hour() == 1  # the key is still wrong

    month.rig.answer = None
    assert [month.hour(), month.hour(), month.hour()] == [1, 49, 0]
    assert month.held == 0


def test_a_fault_that_comes_back_meets_one_release_and_then_probes_again() -> None:
    month = _month(5, ConfigurationError("401"))
    wrong, month.rig.answer = month.rig.answer, None
    assert month.hour() == 1
    month.rig.answer = wrong
    assert month.hour() == 4

    assert [month.hour() for _ in range(5)] == [1] * 5
    assert month.held == 4


def test_a_probe_that_nobody_sees_again_is_followed_by_another() -> None:
    """Its image is gone, or its delivery: that says nothing of the deployment."""
    month = _month(3, ConfigurationError("401"))

    assert [month.hour(work=lambda *_: None) for _ in range(4)] == [1, 1, 1, 0]


def test_causes_are_probed_apart() -> None:
    """A model that is gone must not keep back what waits for a key, nor the other way round."""
    month = _month(2, ConfigurationError("401"))
    gone = [month.rig.upload(f"legacy{number}.jpg", task="caption") for number in range(2)]
    for event in gone:
        named = dataclasses.replace(event.settings, model="gemini-2.0-flash")
        analyze(dataclasses.replace(event, settings=named), month.rig.ports)

    assert month.hour() == 2
    month.rig.answer = None
    assert [month.hour() for _ in range(3)] == [2, 2, 1]  # the model stays gone
    assert month.held == 2


def test_the_oldest_upload_goes_first_whenever_it_was_parked() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, max_calls_per_day=2))
    events = [rig.upload(name, task="caption") for name in ("z.jpg", "m.jpg", "a.jpg", "b.jpg")]
    for event in events[:2]:
        analyze(event, rig.ports)
    for event in (events[3], events[2]):
        analyze(event, rig.ports)
    late = rig.upload("0.jpg", task="caption")
    analyze(late, rig.ports)
    rig.clock.time_s += DAY_S

    assert unpark_due(rig.ports) == 2

    messages = rig.publisher.messages[rig.settings.image_topic]
    assert [envelopes.parse_image_event(each.data).source.name for each in messages] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(("usd", "released"), [(1.25, 12), (0.1, 1), (0.03, 1), (0.004, 0)])
def test_of_dollars_a_day_has_room_for_dear_calls_and_for_one_that_may_be_cheap(usd: float, released: int) -> None:
    month = _month(20, max_usd_per_day=usd)

    assert [month.hour(lambda *_: None) for _ in range(8)] == [0] * 7 + [released]


def test_a_ceiling_of_a_few_cents_lets_all_that_wait_through_in_time() -> None:
    month = _month(5, max_usd_per_day=0.03)

    for _ in range(48):
        month.hour()

    assert month.held == 0
    assert len(month.rig.model.requests) == 5


def test_what_was_released_today_counts_until_it_is_asked_about() -> None:
    """Workers who are slow, or away, are not sent more than the day can hold."""
    month = _month(30, max_calls_per_day=10)
    month.rig.clock.time_s += DAY_S

    assert [month.hour(work=lambda *_: None) for _ in range(5)] == [10, 0, 0, 0, 0]


def test_a_day_that_others_have_filled_releases_nothing_unless_somebody_says_so() -> None:
    month = _month(10, max_calls_per_day=10)
    month.rig.clock.time_s = 8 * HOUR_S
    month.hour()
    newest = [month.rig.upload(f"new{number}.jpg", task="caption") for number in range(3)]
    for event in newest:
        analyze(event, month.rig.ports)
    rig = month.rig
    more = dataclasses.replace(rig.ports, settings=dataclasses.replace(rig.settings, max_calls_per_day=100))

    assert unpark_due(more) == 0
    (done,) = unpark(more, early=True)
    assert (done.waiting, done.released, done.note) == (3, 3, "")
    assert month.held == 0


def test_one_hour_alone_can_be_released() -> None:
    rig = Rig()
    for number, until in enumerate(("2026-11-22T08", "2026-11-23T08")):
        _park(rig, rig.upload(f"{number}.jpg", IMAGE, task="caption"), Place(until))

    (done,) = unpark(rig.ports, early=True, until="2026-11-23T08")

    assert (done.waiting, done.released) == (1, 1)
    assert [name.split("/")[1] for name in rig.store.list_names(WORK, "held/")] == ["2026-11-22T08"]


def test_the_mark_of_a_probe_that_cannot_be_read_is_no_reason_to_stop() -> None:
    month = _month(2, ConfigurationError("401"))
    month.hour()
    (name,) = month.rig.store.list_names(WORK, "releases/probes/")
    month.rig.store.delete(WORK, name)
    month.rig.store.create(WORK, name, b"[]", content_type="application/json")

    assert month.hour() == 1


@pytest.mark.parametrize(
    ("waiting", "room", "released"),
    [
        (0, None, 0),
        (LEAST_BATCH - 1, None, LEAST_BATCH - 1),
        (50_000, None, 2084),
        (50_000, 2000, 2000),
        (50_000, 0, 0),
        (100, 7, 7),
    ],
)
def test_a_tick_releases_what_the_day_has_room_for_or_a_share(waiting: int, room: int | None, released: int) -> None:
    assert holding.batch(waiting, room=room) == released


def test_what_is_no_entry_goes_last_and_its_order_is_its_name() -> None:
    names = [
        "held/2026-11-22T08/b",
        "held/2026-11-22T08/v1/u/c/9/detect.json",
        "held/2026-11-23T08/v1/u/d/3/detect.json",
    ]

    assert [each.name for each in holding.oldest_first(names)] == [names[2], names[1], names[0]]


@pytest.mark.parametrize(
    ("waits", "answered", "at", "well"),
    [
        (True, True, "2026-11-22T08:00:00.000Z", False),
        (False, True, "2026-11-22T08:00:00.000Z", True),
        (False, False, "2026-11-22T08:59:00.000Z", None),
        (False, False, "2026-11-22T08:00:00.000Z", False),
    ],
)
def test_how_a_probe_ended_is_told_from_what_is_parked_and_journalled(
    at: str, *, waits: bool, answered: bool, well: bool | None
) -> None:
    waiting = [Entry("held/2026-11-22T09.0badcafe/w.json", "w", 1)] if waits else []

    found = holding.ended_well(Probe("w", at), waiting, answered=answered, now_iso="2026-11-22T09:05:00.000Z")

    assert found is well


@pytest.mark.parametrize("place", [Place("2026-11-22T08"), Place("2026-11-22T08", "0badcafe")])
def test_the_name_of_a_place_is_read_as_it_is_written(place: Place) -> None:
    assert holding.parse_place(place.name) == place
    assert place.due("2026-11-22T08:00:00.000Z")
    assert not place.due("2026-11-22T07:59:59.999Z")


def _park(rig: Rig, event: ImageEvent, place: Place) -> None:
    """Park an event as a worker leaves it: with the lease that it took for it."""
    job = begin(event, rig.ports)
    name = job.paths.parked(place.name)
    rig.store.create(WORK, name, envelopes.format_image_event(event).data, content_type="application/json")
    held = claim(job, rig.ports)
    if isinstance(held, HeldLease):
        release(job, held, rig.ports)
