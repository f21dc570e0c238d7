"""The page about the emulator tells the truth: its examples run, its table is the emulator's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from infra.emulators.storage.faults import EVENT_KINDS, EVENT_OPERATIONS, REQUEST_KINDS
from infra.emulators.storage.routes import JSON_ROUTES, XML_ROUTES
from infra.local.process import ROOT
from tests.services import running
from tests.waiting import WAIT_S

PAGE = (ROOT / "docs" / "emulators" / "storage.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
RUN = {"python": [sys.executable, "-c"], "sh": ["sh", "-ec"]}


def test_every_example_runs_in_the_order_of_the_page() -> None:
    if shutil.which("curl") is None:
        pytest.skip("the shell examples need curl")
    with running("storage", "--bucket", "uploads") as url:
        env = os.environ | {"STORAGE_EMULATOR_HOST": url}
        python, listed, rules, fault = [
            subprocess.run(
                [*RUN[language], text], cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_S, check=True
            ).stdout
            for language, text in BLOCKS
            if language in RUN
        ]
    assert python == "hello {'mood': 'good'} True\n"
    assert listed.endswith("from curl")
    assert '"skip":1,"times":2' in rules
    assert fault == "in the way of the repetition: mine\n"


@pytest.mark.parametrize(("befalls", "kinds"), [("requests", REQUEST_KINDS), ("events", EVENT_KINDS)])
def test_the_table_has_every_kind_of_fault_in_the_words_of_the_control_api(befalls: str, kinds: dict[str, str]) -> None:
    assert dict(re.findall(rf"^\| `(\w+)` \| {befalls} \| (.+) \|$", PAGE, re.MULTILINE)) == kinds


def test_every_operation_the_page_names_exists() -> None:
    operations = {route.operation for route in (*JSON_ROUTES, *XML_ROUTES)} | set(EVENT_OPERATIONS.values())
    named = re.findall(r"`((?:object|upload|bucket|event)\.\w+)`", PAGE)
    short = [f"object.{name}" for name in re.findall(r"`\.(\w+)`", PAGE)]
    assert (len(named), len(short)) == (9, 10)
    assert set(named + short) - operations == set()
