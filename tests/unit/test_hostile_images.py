from __future__ import annotations

import pytest

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import prepare
from shared.core.images.probing import probe
from tests.hostile_images import ACCEPTED, EXPECTED, MAX_SIDE_PX, hostile_images

FILES = hostile_images()


def outcome(data: bytes) -> str:
    try:
        prepared = prepare(data, probe(data), accepted=ACCEPTED, max_side_px=MAX_SIDE_PX)
    except ImageRejectedError as error:
        return error.code
    return "untouched" if prepared.data is data else "converted"


@pytest.mark.fault(37, 38, 40, 41, 42, 43, 45, 46, 49, 51, 52, 53, 54, 55, 56, 57, 58)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_hostile_file_has_its_documented_outcome(name: str) -> None:
    assert outcome(FILES[name]) == EXPECTED[name]
