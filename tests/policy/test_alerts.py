"""The alert on held events matches what the code logs: a line that is worded anew must not silence it."""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.delivery.waiting import PARK_AFTER
from shared.core.errors import AwayError, ConfigurationError, DailyQuotaError, TransientError
from shared.pipeline.worker.analyze import analyze
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES
from tests.rig import SETTINGS, Rig

if TYPE_CHECKING:
    from tests.policy.parsed import Block

CAUSES = {
    "daily_ceiling": None,
    "daily_quota": DailyQuotaError("429: GenerateRequestsPerDayPerProjectPerModel"),
    "configuration": ConfigurationError("400: API key not valid"),
    "model_away": AwayError("503: overloaded"),
}


def _alert() -> Block:
    return next(block for block in parse(FILES).of("google_monitoring_alert_policy") if block.name == "held")


@pytest.mark.parametrize("code", CAUSES)
def test_the_alert_hears_of_every_reason_to_hold_an_event(code: str, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(settings=replace(SETTINGS, max_calls_per_day=1))
    analyze(rig.upload(), rig.ports)  # all that the day has room for
    if cause := CAUSES[code]:
        rig = Rig()
        for _ in range(PARK_AFTER * MAX_ATTEMPTS):
            rig.model.faults.add("generate", cause)
    (message,) = re.findall(r'jsonPayload\.message = \\"(\w+)\\"', FILES["alerts.tf"])

    event = rig.upload("next.jpg")
    with caplog.at_level(logging.INFO, logger="uplook"):
        while not (rig.result_events() and rig.result_events()[-1]["status"] == "held"):
            with contextlib.suppress(TransientError):
                analyze(event, rig.ports)

    held = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == message]
    assert [fields["code"] for fields in held] == [code]
    assert f"{code}: " in _alert().one("documentation", "content")
