"""What an instance says when it reads its rules."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from shared import bootstrap
from tests.rig import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Leave the logs as they were."""
    logger = logging.getLogger("uplook")
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


def test_a_model_that_nobody_knows_is_logged_once_when_the_rules_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[defaults.ask]\nmodel = "gemini-9-uranium"\n')
    for name in ("results_bucket", "work_bucket", "image_topic", "result_topic"):
        monkeypatch.setenv(name.upper(), getattr(SETTINGS, name))
    monkeypatch.setenv("UPLOAD_BUCKETS", ",".join(SETTINGS.upload_buckets))
    monkeypatch.setenv("RULES_FILE", str(rules))

    bootstrap.rules()
    bootstrap.rules()

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["severity"] == "WARNING"
    assert told["message"].startswith("defaults.ask.model: gemini-9-uranium is not in the model registry")
