from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import prepare
from shared.core.images.probing import probe
from tests.hostile_images import hostile_images

SMALL_FILES = [data for data in hostile_images().values() if 0 < len(data) < 20_000]
MAGIC = [data[:16] for data in SMALL_FILES]


def accepted_or_refused(data: bytes) -> bool:
    """Any other exception than a refusal fails the test that asks."""
    try:
        return probe(data).width > 0
    except ImageRejectedError as error:
        return bool(error.code)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_probed_or_refused(data: bytes) -> None:
    assert accepted_or_refused(data)


@settings(derandomize=True)
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_arbitrary_bytes_behind_a_real_signature_are_probed_or_refused(magic: bytes, rest: bytes) -> None:
    assert accepted_or_refused(magic + rest)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SMALL_FILES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), 600)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(damaged_files())
def test_damaged_files_are_probed_or_refused(data: bytes) -> None:
    try:
        info = probe(data)
    except ImageRejectedError:
        return
    assert info.width * info.height == info.stored_width * info.stored_height
    assert 1 <= info.orientation <= 8


@pytest.mark.fault(37)
@settings(derandomize=True, max_examples=300, deadline=None)
@given(damaged_files())
def test_damaged_files_are_prepared_or_refused(data: bytes) -> None:
    try:
        result = prepare(data, probe(data), accepted=frozenset(), max_side_px=40)
    except ImageRejectedError:
        return
    assert Image.open(io.BytesIO(result.data)).size == (result.width, result.height)
