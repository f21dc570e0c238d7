"""The page about the emulator tells the truth: its examples run, its table is the emulator's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from infra.emulators.pubsub.faults import KINDS
from infra.local.process import ROOT
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]

PAGE = (ROOT / "docs" / "emulators" / "pubsub.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_example_runs_in_the_order_of_the_page(emulator: Controlled) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the shell examples need curl")
    env = os.environ | {"PUBSUB_EMULATOR_HOST": emulator.host, "PUBSUB_CONTROL": emulator.url}
    run = {"python": [sys.executable, "-c"], "sh": ["sh", "-ec"]}
    said = [
        subprocess.run(
            [*run[language], text], cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_S, check=True
        ).stdout
        for language, text in BLOCKS
        if language in run
    ]
    pulled, pushed, stats, rules, doubled = said
    (shown,) = [json.loads(text) for language, text in BLOCKS if language == "json"]
    found = json.loads(stats)
    assert pulled == "hello {'language': 'en'}\n"
    assert pushed == "pushed: hello\n"
    assert {part: found[part] | shown[part] for part in shown} == found
    assert '"skip":1,"times":5' in rules
    assert doubled == "['twice', 'twice']\n"


def test_the_table_has_every_kind_of_fault_in_the_words_of_the_control_api() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == KINDS
