"""The table of variants in docs/images.md is complete and true: each row is made, and has its outcome."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.core.errors import ImageRejectedError
from tests.image_variants import JPEG, ORIGINAL, VARIANTS, table
from tests.prepared_images import prepared

PAGE = Path(__file__).parents[2] / "docs" / "images.md"


def _outcome(data: bytes) -> str:
    try:
        return JPEG if prepared(data).changes else ORIGINAL
    except ImageRejectedError as error:
        return f"refused: `{error.code}`"


def test_the_page_has_the_rows_that_are_tested_and_no_others() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n| variant | outcome |\n|---|---|\n")[2]
    rows = re.match(r"(?:\|.*\|\n)*", section)

    assert rows is not None
    assert rows[0] == "".join(f"| {variant} | {outcome} |\n" for variant, outcome in table())


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_has_the_outcome_that_the_page_says(variant: str) -> None:
    outcome, make = VARIANTS[variant]
    files = list(make())

    assert files
    assert {_outcome(data) for data in files} == {outcome}
