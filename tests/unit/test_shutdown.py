"""How a stopping instance watches the time: with a clock of the test's, which goes on by what was slept."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from functions import _shutdown
from shared.core.delivery.shutdown import GRACE_S, JOURNAL_S, LIMIT_S
from shared.core.tracing import NO_TRACES
from shared.pipeline.instance.in_flight import InFlight
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNALLED_S = 1000.0


@dataclass
class _Clock:
    """What `_shutdown` uses of the module `time`; `on_sleep` looks after each sleep."""

    now_s: float = SIGNALLED_S
    on_sleep: Callable[[float], None] = field(default=lambda _: None)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.on_sleep(self.now_s - SIGNALLED_S)


@dataclass
class _Server:
    """As much of gunicorn's worker as is looked at."""

    alive: bool


class _EndedError(Exception):
    """Instead of the end of this process."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    def end(code: int) -> None:
        assert code == 0
        raise _EndedError

    clock = _Clock()
    monkeypatch.setattr(_shutdown, "time", clock)
    monkeypatch.setattr(_shutdown, "os", SimpleNamespace(_exit=end))
    return clock


def ended_after_s(clock: _Clock, in_flight: InFlight) -> float:
    with pytest.raises(_EndedError):
        _shutdown._watch(_Server(alive=False), in_flight, NO_TRACES.stop)
    return clock.now_s - SIGNALLED_S


def test_a_lease_that_cannot_be_released_keeps_the_instance_until_the_limit_and_no_longer(clock: _Clock) -> None:
    in_flight, store_is_back = InFlight(), threading.Event()

    def release() -> None:
        store_is_back.wait()

    with in_flight.holding("a", release):
        took_s = ended_after_s(clock, in_flight)
        store_is_back.set()

    assert took_s == pytest.approx(LIMIT_S, abs=2 * _shutdown._POLL_S)


@pytest.mark.parametrize(("phase", "cut_s"), [("asking", GRACE_S), ("answered", JOURNAL_S)])
def test_a_lease_is_released_at_the_end_of_its_time_and_the_instance_ends_with_the_last(
    clock: _Clock, phase: str, cut_s: float
) -> None:
    in_flight, released_s = InFlight(), list[float]()

    def let_it_go(since_s: float) -> None:
        if since_s > cut_s + 1.5 * _shutdown._POLL_S:  # by then it was cut
            wait_until(lambda: len(in_flight) == 0, "release")

    clock.on_sleep = let_it_go
    with in_flight.holding("a", lambda: released_s.append(clock.now_s - SIGNALLED_S)):
        getattr(in_flight, phase)("a")
        took_s = ended_after_s(clock, in_flight)

    assert released_s == [pytest.approx(cut_s, abs=2 * _shutdown._POLL_S)]
    assert took_s == pytest.approx(cut_s, abs=3 * _shutdown._POLL_S)


def test_an_instance_without_leases_is_ended_at_the_grace_where_the_server_has_not_ended_it(clock: _Clock) -> None:
    assert ended_after_s(clock, InFlight()) == pytest.approx(GRACE_S, abs=2 * _shutdown._POLL_S)


def test_nothing_is_stopped_while_the_server_lives(clock: _Clock) -> None:
    server, in_flight, seen = _Server(alive=True), InFlight(), list[bool]()

    def look(_: float) -> None:
        if server.alive:
            seen.append(in_flight.stopping.is_set())
            server.alive = len(seen) < 3

    clock.on_sleep = look
    with pytest.raises(_EndedError):
        _shutdown._watch(server, in_flight, NO_TRACES.stop)

    assert seen == [False] * 3
    assert in_flight.stopping.is_set()
