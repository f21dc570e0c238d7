"""What the demo makes of result events: answers are fetched as they come, and silence counts from the last one."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from infra.local import activity, interrupts
from infra.local.activity import Activity
from infra.local.demo import progress, run, show
from infra.local.demo.answers import Answers
from infra.local.demo.collect import Collector, Fetched, Outcome
from infra.local.demo.failed_deliveries import FailedDeliveries
from infra.local.demo.planned import Planner
from infra.local.demo.resume import Work
from infra.local.demo.samples import Sample
from infra.local.process import ServiceError
from shared.core.planning.rules import parse_rules
from tests.export_documents import document, item
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from infra.local.demo.collect import Place

RESULT = document([item("cat", (0, 0, 2, 2))])
HELD: dict[str, Any] = {
    "id": "1",
    "status": "held",
    "task": "caption",
    "source": {"bucket": "uploads", "name": "cat.jpg", "generation": "7"},
    "result": None,
    "error": "configuration",
    "until": "2026-11-21T16:00:00Z",
}
DONE = HELD | {"status": "ok", "result": "gs://results/v1/uploads/cat.jpg/7/caption.json", "error": None}


class _Clock:
    """Seconds that pass only when they are told to."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class _Dead:
    """A part of the stack that has died."""

    name = "storage"

    def tail(self) -> str:
        return "no more disk"


class _Stack:
    """As much of a stack as waiting needs."""

    def __init__(self, died: _Dead | None = None) -> None:
        self._died = died

    def dead(self) -> _Dead | None:
        return self._died


@pytest.fixture(name="clock")
def _clock() -> _Clock:
    return _Clock()


@pytest.fixture(name="collector")
def _collector(tmp_path: Path, clock: _Clock) -> Collector:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"a picture")
    rules = parse_rules('[defaults]\ntasks = ["caption"]')
    uploads = Planner(rules, "v1", "emulator").plan({name: Sample(path, "yours") for name in ("cat.jpg", "dog.jpg")})
    return Collector(uploads, Answers(tmp_path / "answers"), tmp_path / "results", clock=clock)


def _fetch(_: str) -> Fetched:
    return Fetched(RESULT, lambda *_: None)


def _cat(collector: Collector) -> Outcome:
    return collector.outcomes["cat.jpg", "caption"]


def test_a_parked_image_is_shown_with_the_reason_instead_of_a_document(collector: Collector) -> None:
    with collector.fetching(_fetch):
        collector.take(HELD)

    document = _cat(collector).document
    assert document is not None
    assert document["status"] == "held"
    assert "refuses the key or the model" in document["error"]["message"]


@pytest.mark.parametrize("events", [(HELD, DONE), (DONE, HELD)])
def test_a_result_replaces_what_was_parked_and_is_never_replaced_by_it(
    collector: Collector, events: tuple[dict[str, Any], ...]
) -> None:
    with collector.fetching(_fetch):
        for event in events:
            collector.take(event)

    assert _cat(collector).document == RESULT


def test_an_answer_is_on_disk_as_soon_as_its_event_has_come(collector: Collector, tmp_path: Path) -> None:
    with collector.fetching(_fetch):
        collector.take(DONE)
        wait_until(lambda: _cat(collector).document is not None, "document")
        assert len(list((tmp_path / "answers").iterdir())) == 1

    assert [outcome.object_name for outcome in collector.missing()] == ["dog.jpg"]


def test_an_answer_that_cannot_be_fetched_is_told_with_its_image(collector: Collector) -> None:
    def broken(_: str) -> Fetched:
        raise ConnectionError("the storage is away")

    with collector.fetching(broken):
        collector.take(DONE)

    assert "could not be fetched: the storage is away" in (_cat(collector).problem or "")


def test_a_second_event_is_counted_and_fetched_once(collector: Collector) -> None:
    fetched: list[str] = []

    def fetch(uri: str) -> Fetched:
        fetched.append(uri)
        return _fetch(uri)

    with collector.fetching(fetch):
        assert [collector.take(DONE), collector.take(DONE)] == [True, False]

    assert (collector.told_again(("cat.jpg", "caption")), len(fetched)) == (True, 1)


def test_an_event_of_something_else_is_none_of_ours(collector: Collector) -> None:
    with collector.fetching(_fetch):
        assert collector.take(DONE | {"source": HELD["source"] | {"name": "other.jpg"}}) is False
    assert [outcome.event_ids for outcome in collector.outcomes.values()] == [[], []]


def _await(
    collector: Collector,
    tmp_path: Path,
    stack: _Stack,
    *,
    timeout_s: float = 100,
    doubled: Place | None = None,
    interrupted: threading.Event | None = None,
) -> None:
    ended = interrupted or threading.Event()
    demo = run.Demo(Work((), ()), Answers(tmp_path), tmp_path, timeout_s, "v1", interrupted=ended)
    display = progress.Display(show.console())
    bar = display.bar("results", 2)
    run._await(demo, stack, collector, display=display, arriving=bar, doubled=doubled)  # type: ignore[arg-type]


def test_the_time_limit_counts_from_the_last_progress(
    collector: Collector, clock: _Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine times 90 of 100 seconds pass between uploads; after the tenth, nothing comes."""
    progresses = iter(range(9))

    def wait(_: float) -> None:
        clock.now_s += 90
        if next(progresses, None) is not None:
            collector.seen()

    monkeypatch.setattr(collector, "wait", wait)

    _await(collector, tmp_path, _Stack())

    assert clock.now_s == 9 * 90 + 2 * 90
    assert len(collector.missing()) == 2


def test_the_event_that_was_doubled_is_awaited_whatever_else_came_again(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pub/Sub delivers what it likes a second time, and in any order; the one told of is the demo's own."""
    dog = DONE | {"id": "2", "source": DONE["source"] | {"name": "dog.jpg"}}
    came = iter([DONE, DONE, dog, dog])

    def wait(_: float) -> None:
        if event := next(came, None):
            collector.take(event)

    monkeypatch.setattr(collector, "wait", wait)

    with collector.fetching(_fetch):
        _await(collector, tmp_path, _Stack(), doubled=("dog.jpg", "caption"))
    run._tell_of_repeats(list(collector.outcomes.values()), show.console(), doubled=("dog.jpg", "caption"))

    assert list(came) == []
    assert "dog.jpg, caption: its event was delivered again" in capsys.readouterr().out


def test_an_interruption_that_a_callback_has_swallowed_ends_the_waiting(collector: Collector, tmp_path: Path) -> None:
    swallowed: list[BaseException] = []
    interrupted = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    interrupts.interrupt_on_signals(interrupted)
    try:
        os.kill(os.getpid(), signal.SIGHUP)
    except KeyboardInterrupt as error:  # as gRPC does with what is raised in its callbacks
        swallowed.append(error)
    for number, handler in before.items():
        signal.signal(number, handler)

    with pytest.raises(KeyboardInterrupt):
        _await(collector, tmp_path, _Stack(), interrupted=interrupted)

    assert len(swallowed) == 1


def test_a_part_that_dies_ends_the_waiting_with_its_last_words(collector: Collector, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"storage has died(?s:.)*no more disk"):
        _await(collector, tmp_path, _Stack(_Dead()))


@pytest.fixture
def _quiet_time(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the collector be quiet for 60 s, and then for longer than `_await` waits."""
    quiet_s = iter([60.0, 101.0])
    monkeypatch.setattr(collector, "quiet_s", lambda: next(quiet_s))
    monkeypatch.setattr(collector, "wait", lambda _: None)


@pytest.mark.usefixtures("_quiet_time")
def test_a_quiet_time_is_said_with_what_is_missing(
    collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _await(collector, tmp_path, _Stack())

    assert "quiet for 60 s of 100; 2 missing: caption of cat.jpg, caption of dog.jpg" in capsys.readouterr().out


@pytest.mark.usefixtures("_quiet_time")
def test_a_quiet_time_in_which_deliveries_fail_is_said_to_be_one(
    collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _answered(tmp_path, 500, 204, 503)

    _await(collector, tmp_path, _Stack())

    told = capsys.readouterr().out
    assert "quiet for 60 s of 100; 2 deliveries failed, stack.log says why; 2 missing" in told


def test_deliveries_that_failed_before_the_last_progress_do_not_count(tmp_path: Path) -> None:
    failed = FailedDeliveries(tmp_path / activity.FILE)
    assert failed.since_progress(1) == 0

    _answered(tmp_path, 500)
    assert (failed.since_progress(2), failed.since_progress(9)) == (1, 1)

    assert failed.since_progress(0.5) == 0
    _answered(tmp_path, 429, 200)
    assert failed.since_progress(1) == 1


def _answered(folder: Path, *statuses: int) -> None:
    for status in statuses:
        line = Activity("2026-11-29T10:00:00Z", "caption", activity.ANSWERED, details={"status": status})
        activity.append(folder / activity.FILE, line)


def test_many_that_are_missing_fit_one_line() -> None:
    missing = [Outcome(f"写真 {number}.jpg", task) for number in range(200) for task in ("caption", "detect")]

    words = progress.quiet_words(12, 240, missing, 78)

    assert words.startswith("quiet for 12 s of 240; 400 missing: 写真 0.jpg, ")
    assert words.endswith(" more")
