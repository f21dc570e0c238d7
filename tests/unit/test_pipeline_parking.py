"""The spending guard: what the day has no room for is held, announced as held, and released once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.delivery import budget
from shared.core.delivery.budget import Ceiling
from shared.core.errors import (
    ChangedError,
    ConfigurationError,
    DailyQuotaError,
    ErrorCode,
    ModelRejectedError,
    NotFoundError,
    ParkError,
    RefusedError,
    TransientError,
)
from shared.core.events import envelopes
from shared.core.gemini import prices
from shared.core.gemini.registry import profile
from shared.core.replies.answer import read_answer
from shared.core.results import schemas
from shared.core.tasks.common import requests
from shared.pipeline.instance.budget import DayBudget
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.upkeep.unpark import parked_places, unpark, unpark_due
from shared.pipeline.worker.analyze import analyze
from shared.pipeline.worker.park import PARKED_CODE
from tests.rig import SETTINGS, TEXTS, WORK, Rig, reply

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.pipeline.job import WorkerPorts

DAY_S = 86_400.0
DAY_ENDS_S = budget.DAY_BEGINS_HOUR_UTC * 3600.0
REFUSED_FOR_GOOD = ModelRejectedError(ErrorCode.IMAGE_REFUSED, "400")
CAPTION = '{"caption": "A red square on white."}'


def rig_with(**settings: Any) -> Rig:
    return Rig(settings=dataclasses.replace(SETTINGS, **settings))


def captions(rig: Rig, count: int) -> list[ImageEvent]:
    return [rig.upload(f"{number:03d}.jpg", task="caption") for number in range(count)]


def held(rig: Rig) -> list[str]:
    return list(rig.store.list_names(WORK, "held/"))


def released(rig: Rig) -> list[ImageEvent]:
    messages = rig.publisher.messages.pop(rig.settings.image_topic, [])
    return [envelopes.parse_image_event(message.data) for message in messages]


def raised(rig: Rig, calls: int = 100) -> WorkerPorts:
    """The same deployment with a higher ceiling, which counts from zero."""
    return dataclasses.replace(rig.ports, settings=dataclasses.replace(rig.settings, max_calls_per_day=calls))


def statuses(rig: Rig) -> list[str]:
    return [event["status"] for event in rig.result_events()]


def instances(rig: Rig, count: int) -> list[Any]:
    """Further instances of the same deployment: one work bucket, a budget each."""
    ceiling = Ceiling(rig.settings.max_calls_per_day, rig.settings.max_usd_per_day)
    return [dataclasses.replace(rig.ports, budget=Budgets(ceiling)) for _ in range(count)]


def test_two_hundred_uploads_under_a_ceiling_of_fifty_calls_are_fifty_calls_and_after_release_two_hundred_results() -> (
    None
):
    rig = rig_with(max_calls_per_day=50)
    several = instances(rig, 7)
    events = captions(rig, 200)

    for number, event in enumerate(events):
        analyze(event, several[number % 7])

    assert len(rig.model.requests) == 50
    assert len(held(rig)) == 150
    assert sorted(statuses(rig)) == ["held"] * 150 + ["ok"] * 50

    for _ in range(3):
        rig.clock.time_s += DAY_S
        assert unpark_due(rig.ports) > 0
        for number, event in enumerate(released(rig)):
            analyze(event, several[number % 7])

    assert held(rig) == []
    assert len(rig.model.requests) == 200
    assert all(rig.document(event)["status"] == "ok" for event in events)


def test_nothing_is_released_before_the_day_ends_and_then_what_the_next_has_room_for() -> None:
    rig = rig_with(max_calls_per_day=1)
    for event in captions(rig, 3):
        analyze(event, rig.ports)

    assert unpark_due(rig.ports) == 0
    for _ in range(2):
        rig.clock.time_s += DAY_S
        assert unpark_due(rig.ports) == 1
        assert unpark_due(rig.ports) == 0
    assert len(released(rig)) == 2
    assert held(rig) == []


def test_the_event_of_a_held_image_is_a_valid_result_event_without_a_result() -> None:
    rig = rig_with(max_calls_per_day=1)
    for event in captions(rig, 2):
        analyze(event, rig.ports)

    told = rig.result_events()[-1]

    assert schemas.problem(told, schemas.RESULT_EVENT) is None
    assert (told["status"], told["result"], told["error"]) == ("held", None, "daily_ceiling")
    assert told["until"] == "2026-11-21T08:00:00Z"


def test_a_held_event_leaves_its_lease_free_and_commits_nothing() -> None:
    rig = rig_with(max_calls_per_day=1)
    first, second = captions(rig, 2)
    analyze(first, rig.ports)

    analyze(second, rig.ports)

    lease = rig.store.stat(WORK, "leases/v1/uploads/001.jpg/" + f"{second.source.generation}/caption.json")
    assert lease is not None
    assert lease.metadata["uplook-state"] == "released"
    with pytest.raises(Exception, match="does not exist"):
        rig.document(second)
    with pytest.raises(Exception, match="does not exist"):
        rig.document(second, error=0)


def test_a_duplicate_of_a_held_event_downloads_nothing_and_is_held_once() -> None:
    rig = rig_with(max_calls_per_day=1)
    first, second = captions(rig, 2)
    for event in (first, second):
        analyze(event, rig.ports)
    reads = rig.store.faults.calls["read"]

    analyze(second, rig.ports)

    assert rig.store.faults.calls["read"] - reads <= 3  # result, error, journal: no image
    assert len(held(rig)) == 1


def test_an_event_that_is_held_again_while_a_release_runs_is_not_lost() -> None:
    """Released by command on the same day: the worker parks it again between the publication and the deletion."""
    rig = rig_with(max_calls_per_day=1)
    first, second = captions(rig, 2)
    for event in (first, second):
        analyze(event, rig.ports)
    publish = rig.publisher.publish

    def publish_and_deliver(topic: str, messages: Any) -> None:
        publish(topic, messages)
        if topic == rig.settings.image_topic:
            analyze(second, rig.ports)

    rig.publisher.publish = publish_and_deliver  # type: ignore[method-assign]

    unpark(raised(rig), early=True)

    assert len(held(rig)) == 1


def test_a_release_that_dies_between_publishing_and_forgetting_costs_no_second_call() -> None:
    rig = rig_with(max_calls_per_day=1)
    first, second = captions(rig, 2)
    for event in (first, second):
        analyze(event, rig.ports)
    rig.clock.time_s += DAY_S
    rig.store.faults.add("delete", TransientError("killed"))

    with pytest.raises(TransientError):
        unpark_due(rig.ports)
    unpark_due(rig.ports)
    for event in released(rig):
        analyze(event, rig.ports)

    assert len(rig.model.requests) == 2
    assert rig.document(second)["status"] == "ok"


def test_what_cannot_be_held_is_delivered_again() -> None:
    rig = rig_with(max_calls_per_day=1)
    first, second = captions(rig, 2)
    analyze(first, rig.ports)
    rig.model.faults.add("generate", TransientError("never asked"))

    def refuse_held(*arguments: Any, **options: Any) -> int:
        if arguments[1].startswith("held/"):
            raise TransientError("503")
        return create(*arguments, **options)

    create = rig.store.create
    rig.store.create = refuse_held  # type: ignore[method-assign]

    with pytest.raises(TransientError, match="503"):
        analyze(second, rig.ports)


def costly(output_tokens: int, *, served: str = "gemini-3.5-flash-lite") -> dict[str, Any]:
    answer = reply(CAPTION, served=served)
    answer["usageMetadata"] = {
        "promptTokenCount": 1000,
        "candidatesTokenCount": output_tokens,
        "totalTokenCount": 1000 + output_tokens,
    }
    return answer


def paid_usd(rig: Rig, answer: dict[str, Any]) -> float:
    usd = prices.cost_usd(profile("gemini-3.5-flash-lite"), read_answer(answer).usage, day=dt.date(2026, 11, 21))
    assert usd is not None
    return usd * len(rig.model.requests)


@pytest.mark.fault(141)
@pytest.mark.parametrize("calls_of_an_instance", [1, 8, 1000])
def test_an_uploader_who_makes_every_answer_maximal_never_makes_a_day_cost_more_than_its_ceiling(
    calls_of_an_instance: int,
) -> None:
    """However short instances live: the day was once exceeded twelvefold by those that lived for one call each."""
    rig = rig_with(max_usd_per_day=0.1)
    answer = costly(requests.request_for(rig.upload(task="caption")).max_output_tokens)
    rig.answer = lambda _: answer
    ports = rig.ports
    for number, event in enumerate(captions(rig, 200)):
        if number % calls_of_an_instance == 0:
            (ports,) = instances(rig, 1)
        analyze(event, ports)

    assert 0.05 < paid_usd(rig, answer) <= 0.1
    assert set(statuses(rig)) == {"ok", "held"}


def test_what_calls_did_not_cost_is_spent_on_others() -> None:
    rig = rig_with(max_usd_per_day=0.02)  # three calls at most could be reserved at once
    answer = costly(50)
    rig.answer = lambda _: answer
    for event in captions(rig, 100):
        analyze(event, rig.ports)

    assert len(rig.model.requests) > 25
    assert 0.01 < paid_usd(rig, answer) <= 0.02


def test_what_an_instance_put_back_is_taken_by_another() -> None:
    rig = rig_with(max_usd_per_day=0.3)
    rig.answer = lambda _: reply(TEXTS["segment"])
    first, second = instances(rig, 2)

    for number in range(6):  # one such call reserves a third of the day
        analyze(rig.upload(f"{number}.jpg", task="segment"), first if number % 2 else second)

    assert statuses(rig) == ["ok"] * 6
    assert [name for name in rig.store.list_names(WORK, "spending/") if "/took-" in name] != []


@pytest.mark.parametrize(
    ("error", "times", "ending"),
    [(ConfigurationError("401"), 2, "held"), (RefusedError("500"), 20, "nacked"), (REFUSED_FOR_GOOD, 1, "failed")],
    ids=["held", "nacked", "failed"],
)
def test_what_a_refused_call_had_reserved_is_put_back_however_its_event_ends(
    error: Exception, times: int, ending: str
) -> None:
    rig = rig_with(max_usd_per_day=0.3)
    for _ in range(times):
        rig.model.faults.add("generate", error)

    try:
        analyze(rig.upload(task="segment"), rig.ports)
    except TransientError:
        assert ending == "nacked"
    else:
        assert statuses(rig) == [ending]

    ceiling = Ceiling(usd=0.3)
    pool = budget.read_pool(ceiling, rig.store.list_names(WORK, "spending/"))
    kept = ceiling.whole.less(pool.free)
    assert pool.returned
    assert kept.nano_usd < 2 * budget.grant(ceiling, 0).nano_usd


@pytest.mark.parametrize(
    "error", [TransientError("503"), ConfigurationError("403"), NotFoundError("no such bucket"), ChangedError("412")]
)
def test_a_part_that_could_not_be_put_back_costs_the_day_and_not_the_result(error: Exception) -> None:
    rig = rig_with(max_usd_per_day=0.3)
    rig.answer = lambda _: reply(TEXTS["segment"])
    create = rig.store.create

    def lose_what_comes_back(bucket: str, name: str, *arguments: Any, **options: Any) -> int:
        if "/back-" in name:
            raise error
        return create(bucket, name, *arguments, **options)

    rig.store.create = lose_what_comes_back  # type: ignore[method-assign]

    for number, ports in enumerate(instances(rig, 5)):
        analyze(rig.upload(f"{number}.jpg", task="segment"), ports)

    assert statuses(rig) == ["ok", "ok", "held", "held", "held"]


@pytest.mark.fault(143)
def test_a_call_that_cost_more_than_it_can_is_told_of_and_paid_from_the_pool(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Prices that rose unannounced, say: the registry is out of date, and the day pays for it."""
    rig = rig_with(max_usd_per_day=1.0)
    answer = costly(120_000)  # 0.3 dollars
    rig.answer = lambda _: answer
    for event, ports in zip(captions(rig, 10), instances(rig, 10), strict=True):
        analyze(event, ports)

    assert "a call cost more than it can" in caplog.text
    assert len(rig.model.requests) == 4  # each took what it owed, and what was left was not enough for a fifth


@pytest.mark.fault(144)
def test_a_ceiling_too_low_for_a_single_call_says_so_in_words_that_mend_it(caplog: pytest.LogCaptureFixture) -> None:
    rig = rig_with(max_usd_per_day=0.05)
    event = rig.upload(task="segment")

    analyze(event, rig.ports)

    assert [(told["status"], told["error"]) for told in rig.result_events()] == [("held", "configuration")]
    assert rig.model.requests == []
    assert "MAX_USD_PER_DAY is 0.05: raise it" in str([vars(record) for record in caplog.records])


def test_a_call_waits_for_those_of_its_own_instance_rather_than_for_tomorrow() -> None:
    rig, guard = Rig(), DayBudget(Ceiling(usd=0.1))
    running = guard.reserve(0.08, rig.ports, timeout_s=60)
    ended = list[float]()

    def end(_: float) -> None:
        if not ended:
            ended.append(rig.clock.time_s)
            guard.settle(running, 0.001, rig.ports)

    rig.clock.on_sleep = end

    assert guard.reserve(0.08, rig.ports, timeout_s=60).amount.calls == 1
    assert ended


def test_a_call_that_others_of_its_instance_keep_waiting_for_too_long_is_delivered_again() -> None:
    rig, guard = Rig(), DayBudget(Ceiling(usd=0.1))
    guard.reserve(0.08, rig.ports, timeout_s=60)

    with pytest.raises(TransientError, match="other calls have reserved"):
        guard.reserve(0.08, rig.ports, timeout_s=5)


@pytest.mark.fault(142)
def test_a_call_that_may_end_tomorrow_is_taken_out_of_both_days_and_paid_in_one() -> None:
    rig, (one, other) = Rig(), (DayBudget(Ceiling(usd=0.1)) for _ in range(2))
    rig.clock.time_s = DAY_ENDS_S - 10
    late, early = (guard.reserve(0.05, rig.ports, timeout_s=60) for guard in (one, other))
    other.settle(early, 0.05, rig.ports)  # today pays for it
    rig.clock.time_s = DAY_ENDS_S + 10

    one.settle(late, 0.05, rig.ports)  # tomorrow pays for it

    other.settle(other.reserve(0.05, rig.ports, timeout_s=60), 0.05, rig.ports)
    for guard in (one, other):
        with pytest.raises(ParkError):
            guard.reserve(0.05, rig.ports, timeout_s=60)


def test_a_call_that_was_refused_costs_nothing_of_the_ceiling() -> None:
    rig = rig_with(max_calls_per_day=1)
    refused, event = captions(rig, 2)
    rig.model.faults.add("generate", ModelRejectedError(ErrorCode.IMAGE_REFUSED, "400"))
    for _ in range(2):
        rig.model.faults.add("generate", RefusedError("503"))

    for each in (refused, event):
        analyze(each, rig.ports)

    assert rig.document(refused, error=0)["error"]["code"] == "image_refused"
    assert rig.document(event)["status"] == "ok"


def test_a_call_whose_answer_was_lost_may_be_billed_and_counts() -> None:
    rig = rig_with(max_calls_per_day=2)
    one, two = captions(rig, 2)
    rig.model.faults.add("generate", TransientError("reset"), when="after")

    analyze(one, rig.ports)
    analyze(two, rig.ports)

    assert rig.document(one)["status"] == "ok"
    assert statuses(rig) == ["ok", "held"]


@pytest.mark.fault(87)
def test_a_day_whose_quota_is_used_up_holds_events_without_asking_for_each() -> None:
    rig = Rig()
    rig.model.faults.add("generate", DailyQuotaError("429: GenerateRequestsPerDayPerProjectPerModel"))
    events = captions(rig, 5)

    for event in events:
        analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert {(told["status"], told["error"]) for told in rig.result_events()} == {("held", "daily_quota")}


@pytest.mark.fault(87)
def test_what_a_used_up_quota_held_back_is_done_as_soon_as_the_next_day_has_begun() -> None:
    rig = Rig()
    rig.clock.time_s = DAY_ENDS_S - 120
    rig.model.faults.add("generate", DailyQuotaError("429: GenerateRequestsPerDayPerProjectPerModel"))
    (event,) = captions(rig, 1)
    analyze(event, rig.ports)

    rig.clock.time_s = DAY_ENDS_S + 300  # less than the instance would believe the refusal on the same day
    unpark_due(rig.ports)
    for again in released(rig):
        analyze(again, rig.ports)

    assert len(rig.model.requests) == 1 + 1
    assert statuses(rig) == ["held", "ok"]


@pytest.mark.fault(87)
def test_a_refusal_on_its_way_while_the_day_ends_holds_nothing_for_another_day() -> None:
    rig = Rig()
    rig.clock.time_s = DAY_ENDS_S - 2

    def refuse_late(_: Any) -> Any:
        rig.answer, rig.clock.time_s = None, DAY_ENDS_S + 2
        raise DailyQuotaError("429: GenerateRequestsPerDayPerProjectPerModel")

    rig.answer = refuse_late
    first, second = captions(rig, 2)

    analyze(first, rig.ports)
    analyze(second, rig.ports)

    assert [(told["status"], told.get("until")) for told in rig.result_events()] == [
        ("held", "2026-11-21T08:00:00Z"),
        ("ok", None),
    ]


def test_a_call_of_yesterday_that_is_refused_gives_nothing_back_to_today() -> None:
    rig, budget = Rig(), DayBudget(Ceiling(calls=1))
    rig.clock.time_s = DAY_ENDS_S - 120
    yesterday = budget.reserve(0.1, rig.ports, timeout_s=30)
    rig.clock.time_s = DAY_ENDS_S
    today = budget.reserve(0.1, rig.ports, timeout_s=60)
    budget.settle(today, 0.1, rig.ports)

    budget.refund(yesterday)

    with pytest.raises(ParkError):
        budget.reserve(0.1, rig.ports, timeout_s=60)


def test_an_answer_of_yesterday_that_cost_less_than_estimated_leaves_no_more_for_today() -> None:
    rig, budget = Rig(), DayBudget(Ceiling(usd=1.0))
    rig.clock.time_s = DAY_ENDS_S - 120
    yesterday = budget.reserve(0.5, rig.ports, timeout_s=30)
    rig.clock.time_s = DAY_ENDS_S
    today = budget.reserve(0.9, rig.ports, timeout_s=60)
    budget.settle(today, 0.9, rig.ports)

    budget.settle(yesterday, 0.0, rig.ports)

    with pytest.raises(ParkError):
        budget.reserve(0.3, rig.ports, timeout_s=60)


@pytest.mark.fault(90)
def test_a_wrong_key_holds_events_for_an_hour_and_is_never_charged_to_the_image() -> None:
    rig = Rig()
    (event,) = captions(rig, 1)
    for _ in range(2):
        rig.model.faults.add("generate", ConfigurationError("400: API key not valid"))

    analyze(event, rig.ports)

    told = rig.result_events()[-1]
    assert (told["status"], told["error"], told["until"]) == ("held", "configuration", "2026-11-21T01:00:00Z")
    rig.clock.time_s += 3600
    unpark_due(rig.ports)
    for again in released(rig):
        analyze(again, rig.ports)
    assert rig.document(event)["status"] == "ok"


@pytest.mark.parametrize("data", [b"hello", b" " * 20_000_000], ids=["small", "large"])
def test_a_foreign_object_among_the_held_ones_stays_and_hinders_nobody(data: bytes) -> None:
    rig = rig_with(max_calls_per_day=1)
    for event in captions(rig, 2):
        analyze(event, rig.ports)
    (place,) = parked_places(rig.ports)
    rig.store.create(WORK, f"held/{place.name}/note.txt", data, content_type="text/plain")

    assert sum(each.released for each in unpark(raised(rig), early=True)) == 1

    assert held(rig) == [f"held/{place.name}/note.txt"]


def test_large_events_are_released_in_requests_that_pubsub_takes() -> None:
    rig = rig_with(max_calls_per_day=1)
    first, *events = captions(rig, 5)
    large = [dataclasses.replace(each.settings, prompt="x" * 3_000_000) for each in events]
    analyze(first, rig.ports)
    for event, settings in zip(events, large, strict=True):
        analyze(dataclasses.replace(event, settings=settings), rig.ports)
    published, publish = list[int](), rig.publisher.publish

    def publish_and_weigh(topic: str, messages: Any) -> None:
        published.append(sum(len(message.data) for message in messages))
        publish(topic, messages)

    rig.publisher.publish = publish_and_weigh  # type: ignore[method-assign]

    assert sum(each.released for each in unpark(raised(rig), early=True)) == 4

    assert len(released(rig)) == 4
    assert max(published) < 10_000_000
    assert held(rig) == []


def test_a_changed_ceiling_counts_anew() -> None:
    rig = rig_with(max_calls_per_day=1)
    events = captions(rig, 3)
    for event in events:
        analyze(event, rig.ports)
    more = dataclasses.replace(raised(rig, calls=2), budget=Budgets(Ceiling(calls=2)))

    unpark(more, early=True)
    for event in released(rig):
        analyze(event, more)

    assert [json.loads(m.data)["status"] for m in rig.publisher.messages[rig.settings.result_topic]].count("ok") == 3


def test_a_held_event_says_why_it_is_held_also_when_it_is_held_again_for_another_reason() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    for error, code in ((ConfigurationError("401"), "configuration"), (DailyQuotaError("429"), "daily_quota")):
        for _ in range(1 if code == "daily_quota" else 2):
            rig.model.faults.add("generate", error)
        rig.clock.sleep(SETTINGS.lease_ttl_s)

        analyze(event, dataclasses.replace(rig.ports, pacer=Pacer()))

        places = [rig.store.stat(WORK, name) for name in held(rig)]
        assert code in {place.metadata[PARKED_CODE] for place in places if place}
