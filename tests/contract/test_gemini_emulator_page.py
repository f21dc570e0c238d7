"""The emulator's page tells the truth: its tables are the code's (its examples run in tests/docs)."""

from __future__ import annotations

import re
from pathlib import Path

from infra.emulators.gemini.faults import KINDS, OPERATIONS

PAGE = (Path(__file__).parents[2] / "docs/emulators/gemini.md").read_text(encoding="utf-8")


def test_the_page_lists_every_fault_in_the_codes_own_words() -> None:
    _, table = PAGE.split("| fault | does |\n|---|---|\n", 1)
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)) == dict(KINDS)


def test_the_page_lists_every_operation() -> None:
    listed = re.search(r"The operations are (.*?)\. An upload", PAGE, re.DOTALL)
    assert listed
    assert tuple(re.findall(r"`([\w.]+)`", listed.group(1))) == OPERATIONS
