"""What an instance believes to be used up is asked about anew when a person releases events by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from shared.core.errors import DailyQuotaError
from shared.pipeline.instance.lifted import RELEASE
from tests.functions.pushes import OK, push
from tests.rig import WORK, Rig

NO_QUOTA = DailyQuotaError("429: GenerateRequestsPerDay")


def _held(rig: Rig) -> int:
    return len(rig.store.list_names(WORK, "held/"))


def test_a_used_up_quota_is_asked_about_once_for_each_release_by_hand(rig: Rig, client: Any) -> None:
    events = [rig.upload(f"{number}.jpg", task="caption") for number in range(6)]
    worker = client("caption")
    rig.model.faults.add("generate", NO_QUOTA)

    assert [push(worker, event) for event in events[:2]] == [OK, OK]
    assert (_held(rig), len(rig.model.requests)) == (2, 1)  # the second one believes the first one's refusal

    rig.model.faults.add("generate", NO_QUOTA)
    for event in events[2:4]:
        assert push(worker, event, attributes={RELEASE: "first"}) == OK
    assert (_held(rig), len(rig.model.requests)) == (4, 2)

    for event in events[4:]:
        assert push(worker, event, attributes={RELEASE: "second"}) == OK
    assert (_held(rig), len(rig.model.requests)) == (4, 4)
    assert [rig.document(event)["status"] for event in events[4:]] == ["ok", "ok"]


def test_an_empty_pool_is_looked_at_again_after_a_release_by_hand(rig: Rig, client: Any) -> None:
    settings = dataclasses.replace(rig.settings, max_calls_per_day=1)
    rig.ports = dataclasses.replace(rig.ports, settings=settings, budget=Rig(settings=settings).ports.budget)
    events = [rig.upload(f"{number}.jpg", task="caption") for number in range(4)]
    worker = client("caption")
    for event in events[:2]:
        assert push(worker, event) == OK
    [grant] = rig.store.list_names(WORK, "spending/")
    rig.store.delete(WORK, grant)  # as if somebody had put it back

    assert push(worker, events[2]) == OK
    assert _held(rig) == 2  # it is not even looked for
    assert push(worker, events[3], attributes={RELEASE: "by hand"}) == OK

    assert _held(rig) == 2
    assert rig.document(events[3])["status"] == "ok"
