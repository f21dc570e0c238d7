"""The page about the emulator tells the truth: its table is the emulator's own (its examples run in tests/docs)."""

from __future__ import annotations

import re

import pytest

from infra.emulators.storage.faults import EVENT_KINDS, EVENT_OPERATIONS, REQUEST_KINDS
from infra.emulators.storage.routes import JSON_ROUTES, XML_ROUTES
from infra.local.process import ROOT

PAGE = (ROOT / "docs" / "emulators" / "storage.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("befalls", "kinds"), [("requests", REQUEST_KINDS), ("events", EVENT_KINDS)])
def test_the_table_has_every_kind_of_fault_in_the_words_of_the_control_api(befalls: str, kinds: dict[str, str]) -> None:
    assert dict(re.findall(rf"^\| `(\w+)` \| {befalls} \| (.+) \|$", PAGE, re.MULTILINE)) == kinds


def test_every_operation_the_page_names_exists() -> None:
    operations = {route.operation for route in (*JSON_ROUTES, *XML_ROUTES)} | set(EVENT_OPERATIONS.values())
    named = re.findall(r"`((?:object|upload|bucket|event)\.\w+)`", PAGE)
    short = [f"object.{name}" for name in re.findall(r"`\.(\w+)`", PAGE)]
    assert (len(named), len(short)) == (9, 10)
    assert set(named + short) - operations == set()
