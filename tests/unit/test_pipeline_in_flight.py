"""What a stopping instance lets go of: every lease, in time, but no answer that only waits to be written down."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from functions import _shutdown
from shared.adapters.clock import SystemClock
from shared.core.delivery.shutdown import GRACE_S, JOURNAL_S, LIMIT_S, Phase, ends, is_cut
from shared.core.errors import TransientError
from shared.core.tracing import NO_TRACES
from shared.pipeline.instance.in_flight import InFlight
from shared.pipeline.worker.analyze import analyze
from tests.rig import WORK, Rig
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGKILL_S = 10.0


@contextlib.contextmanager
def delivery(in_flight: InFlight, attempt: str) -> Iterator[threading.Event]:
    """Hold a lease during the block; yield what is set when it is released."""
    released = threading.Event()
    with in_flight.holding(attempt, released.set):
        yield released


@pytest.mark.parametrize("phase", ["working", "asking"])
def test_a_delivery_is_cut_at_the_end_of_the_grace(phase: Phase) -> None:
    assert not is_cut(phase, since_s=GRACE_S - 0.01)
    assert is_cut(phase, since_s=GRACE_S)


def test_an_answer_gets_longer_than_the_grace_to_reach_the_journal() -> None:
    assert not is_cut("answered", since_s=GRACE_S)
    assert is_cut("answered", since_s=JOURNAL_S)


def test_the_instance_ends_once_nothing_is_left_but_not_before_the_grace_and_in_any_case_before_it_is_killed() -> None:
    assert not ends(since_s=GRACE_S - 0.01, left=0)
    assert ends(since_s=GRACE_S, left=0)
    assert not ends(since_s=LIMIT_S - 0.01, left=1)
    assert ends(since_s=LIMIT_S, left=1)
    assert GRACE_S < JOURNAL_S < LIMIT_S < SIGKILL_S - 2


def test_the_leases_of_all_but_those_that_have_their_answer_are_released() -> None:
    in_flight = InFlight()
    with delivery(in_flight, "a") as asking, delivery(in_flight, "b") as answered, delivery(in_flight, "c") as kept:
        in_flight.asking("a")
        in_flight.answered("b")
        in_flight.answered("c")
        in_flight.reply_kept("c")

        in_flight.cut(since_s=GRACE_S)

        assert asking.wait(WAIT_S)
        assert kept.wait(WAIT_S)
        wait_until(lambda: len(in_flight) == 1, "end of both")
        assert not answered.is_set()


def test_a_lease_is_released_once_however_often_the_time_is_looked_at() -> None:
    releases: list[int] = []
    in_flight, go_on = InFlight(), threading.Event()

    def release() -> None:
        releases.append(1)
        go_on.wait(WAIT_S)

    with in_flight.holding("a", release):
        in_flight.cut(since_s=GRACE_S)
        in_flight.cut(since_s=JOURNAL_S)
        go_on.set()
        wait_until(lambda: len(in_flight) == 0, "end")

    assert releases == [1]


def test_a_delivery_that_has_ended_is_not_released() -> None:
    in_flight = InFlight()
    with delivery(in_flight, "a") as released:
        pass

    in_flight.cut(since_s=LIMIT_S)

    assert len(in_flight) == 0
    assert not released.is_set()


def test_a_stopping_instance_asks_no_model_and_leaves_no_lease_behind() -> None:
    rig = Rig()
    event = rig.upload()
    rig.ports.in_flight.stopping.set()

    with pytest.raises(TransientError, match="stopping"):
        analyze(event, rig.ports)

    assert rig.model.requests == []
    (lease,) = rig.store.list_names(WORK, "leases/")
    found = rig.store.stat(WORK, lease)
    assert found is not None
    assert found.metadata["uplook-state"] == "released"


def test_a_delivery_is_in_flight_while_the_model_answers_and_no_longer_than_it_works() -> None:
    rig = Rig()
    seen: list[int] = []

    def answer(request: object) -> dict[str, object]:
        seen.append(len(rig.ports.in_flight))
        rig.answer = None
        return dict(rig.model.generate(request, timeout_s=1))  # type: ignore[arg-type]

    rig.answer = answer
    analyze(rig.upload(), rig.ports)

    assert seen == [1]
    assert len(rig.ports.in_flight) == 0


def test_nothing_is_waited_for_in_a_stopping_instance() -> None:
    stopping = threading.Event()
    clock = SystemClock(stopping)
    clock.sleep(0)
    stopping.set()

    with pytest.raises(TransientError, match="stopping"):
        clock.sleep(3600)


def test_where_gunicorn_does_not_serve_nothing_watches_and_sigterm_ends_the_process_as_ever() -> None:
    before = threading.active_count()

    _shutdown.watch(InFlight(), NO_TRACES.stop)

    assert threading.active_count() == before
