from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

REPOSITORY = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
CHILD = """
import re, sys
from pathlib import Path
import numpy
from PIL import Image
from shared.core.replies.findings import find_items
from shared.core.values import ImageInfo
from shared.core.masks.png_writing import encode_mask_png

def megabytes():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024 // 1_000_000

Image.preinit()
text, (width, height) = sys.stdin.read(), map(int, sys.argv[1:])
base = megabytes()
found = find_items(text, info=ImageInfo(width, height, "jpeg", "image/jpeg"), masks=True, max_items=100)
usable = [item for item in found.items if item.mask.status == "ok"]
sizes = [len(encode_mask_png(item.mask, width=width, height=height)) for item in usable]
print(base, megabytes(), len(usable))
"""


def png_text(side: int) -> str:
    picture = Image.new("L", (side, side))
    ImageDraw.Draw(picture).ellipse((1, 1, side - 2, side - 2), fill=255)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def peak_of_reading(items: list[dict[str, Any]], width: int, height: int) -> tuple[int, int, int]:
    """Return the memory in MB before and at its peak, and the number of masks that were read and encoded."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(width), str(height)],
        input=json.dumps(items).encode(),
        capture_output=True,
        check=True,
        cwd=REPOSITORY,
    )
    base, peak, usable = map(int, done.stdout.split())
    return base, peak, usable


needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="peak memory is read from /proc, which Linux has")

CORNERS = [[0, 0], [1000, 100], [900, 1000], [100, 900]]
KINDS = {"png": png_text(256), "polygon": CORNERS}


@needs_proc
@pytest.mark.parametrize("kind", KINDS)
def test_ten_masks_of_a_12_megapixel_photo_take_less_than_10_mb(kind: str) -> None:
    items = [{"box_2d": [n * 70, n * 70, n * 70 + 267, n * 70 + 250], "mask": KINDS[kind]} for n in range(10)]
    base, peak, usable = peak_of_reading(items, 4_000, 3_000)
    assert usable == 10
    assert peak - base < 10


@needs_proc
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(11_600, 8_700), (2_000, 50_000), (50_000, 2_000)])
def test_one_mask_of_100_megapixels_takes_less_than_60_mb(kind: str, size: tuple[int, int]) -> None:
    base, peak, usable = peak_of_reading([{"box_2d": [0, 0, 1000, 1000], "mask": KINDS[kind]}], *size)
    assert usable == 1
    assert peak - base < 60


@needs_proc
def test_the_largest_picture_in_the_place_of_a_mask_takes_less_than_150_mb() -> None:
    base, peak, usable = peak_of_reading([{"box_2d": [0, 0, 1000, 1000], "mask": png_text(2_048)}], 11_600, 8_700)
    assert usable == 1
    assert peak - base < 150


@needs_proc
def test_25_masks_of_a_whole_40_megapixel_photo_take_less_than_200_mb() -> None:
    whole = [{"box_2d": [0, 0, 1000, 1000], "mask": CORNERS, "label": str(n)} for n in range(25)]
    base, peak, usable = peak_of_reading(whole, 8_000, 5_000)
    assert usable == 25
    assert peak - base < 200
