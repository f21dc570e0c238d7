"""docs/guides.md names a test for every feature of the guides, and each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guides.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "tests/" in line]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))

# What issue 6 takes from the guides, in the words of the page.
FEATURES = (
    "inline bytes",
    "from a URL",
    "the Files API",
    "several images in one prompt",
    "captions",
    "visual question answering",
    "classification",
    "boxes from 0 to 1000",
    "segmentation masks with a threshold",
    "overlay",
    "thinking off",
    "PNG, JPEG, WebP, HEIC, HEIF",
    "system instructions",
    "20 MB",
    "tokens by tiles",
    "3,600 images",
    "prompt after a single image",
    "not rotated",
    "not blurred",
    "safety settings",
)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_of_the_guides_has_a_row_with_a_test(feature: str) -> None:
    assert [row for row in ROWS if feature in row.split("|")[1]] != []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_row_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| in the guides")]

    assert rows == ROWS
