"""The Makefile's own names and the settings keep apart: make passes a changed variable on to every command."""

from __future__ import annotations

import re
from pathlib import Path

from infra.local.process import without_server_settings

ROOT = Path(__file__).parents[2]


def test_no_make_variable_is_called_like_a_setting_of_ours_or_of_a_functions_server() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    settings = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    variables = set(re.findall(r"^(\w+) *[:?+]?=|\$\((?:if |or \$\()?(\w+)\)", makefile, re.MULTILINE))
    names = {name for pair in variables for name in pair if name}

    assert {"RUN", "MAX_CALLS_PER_DAY", "PUBSUB_EMULATOR_HOST"} <= settings
    assert {"VENV", "IMAGES", "VIEWER_PORT", "RANDOM_RUNS"} <= names
    assert names & settings == set()
    assert set(without_server_settings(dict.fromkeys(names, "set"))) == names
