"""Alerts match what the code logs: a line that is worded anew must not silence them. Their commands exist."""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from shared.command_line import FAILED
from shared.config import Settings
from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.delivery.waiting import PARK_AFTER
from shared.core.errors import AwayError, ConfigurationError, DailyQuotaError, SettingsError, TransientError
from shared.core.planning.rules import parse_rules
from shared.operate.cli import main
from shared.pipeline.worker.analyze import analyze
from tests.docs.blocks import inline
from tests.docs.checks import is_command, problem
from tests.policy.evaluated import anything
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


WRITTEN: Final = [
    (policy.address, code)
    for policy in anything(parse(FILES), "google_monitoring_alert_policy")
    for code in inline("alerts.tf", policy.one("documentation", "content"))
]
"""The code in what an alert tells people, with the values of a deployment in it."""


@pytest.mark.parametrize(("alert", "code"), sorted({each for each in WRITTEN if is_command(each[1])}))
def test_a_command_in_the_mail_of_an_alert_exists(alert: str, code: str) -> None:
    assert problem(code) is None, alert


def test_every_alert_tells_what_to_do() -> None:
    policies = {each.address for each in anything(parse(FILES), "google_monitoring_alert_policy")}

    told = {alert for alert, code in WRITTEN if is_command(code) or code == "max_instances"}
    assert told == policies


@pytest.mark.parametrize("code", [code for _, code in sorted(set(WRITTEN)) if "python" in code])
def test_an_operators_command_in_the_mail_of_an_alert_is_understood(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is run as it is written: with the settings of no deployment, it must get as far as asking for these."""
    for name in ("RESULTS_BUCKET", "WORK_BUCKET", "UPLOAD_BUCKETS", "IMAGE_TOPIC", "RESULT_TOPIC"):
        monkeypatch.delenv(name, raising=False)
    program, module, package, *arguments = shlex.split(code)
    assert (program, module, package) == (".venv/bin/python", "-m", "shared.operate")

    assert main(arguments) == FAILED

    assert "RESULTS_BUCKET is not set" in capsys.readouterr().err


def test_the_alert_on_a_function_that_cannot_start_hears_the_words_of_the_code() -> None:
    words = re.findall(r'\\"(Uplook cannot start|The rules file cannot be used)\\"', FILES["alerts.tf"])
    with pytest.raises(SettingsError, match=words[0]):
        Settings.from_env({})
    with pytest.raises(SettingsError, match=words[1]):
        parse_rules("tasks = 1")
