"""docs/transport.md and the README say what the code decides."""

from __future__ import annotations

import re

from shared.core import weburls
from shared.core.events.manifest import MAX_BYTES, SCHEMA, SUFFIX
from shared.core.values import MAX_LANGUAGE, MAX_QUESTION
from shared.pipeline.worker.inputs import MAX_TOTAL_BYTES
from tests.transport_table import PAGE, README, page, readme

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_that_the_code_makes() -> None:
    """If not: python -m tests.transport_table."""
    assert page(TEXT) == TEXT
    assert readme(README.read_text(encoding="utf-8")) == README.read_text(encoding="utf-8")


def test_the_page_names_the_limits_of_manifests() -> None:
    for limit in (MAX_BYTES, MAX_QUESTION, MAX_LANGUAGE, MAX_TOTAL_BYTES, weburls.MAX_URL_LENGTH):
        assert re.search(rf"\b{limit:,}\b", TEXT), limit
    assert SCHEMA in TEXT
    assert SUFFIX in TEXT
