"""The page about the emulator tells the truth: its table is the emulator's own (its examples run in tests/docs)."""

from __future__ import annotations

import re

from infra.emulators.pubsub.faults import KINDS
from infra.local.process import ROOT

PAGE = (ROOT / "docs" / "emulators" / "pubsub.md").read_text(encoding="utf-8")


def test_the_table_has_every_kind_of_fault_in_the_words_of_the_control_api() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == KINDS
