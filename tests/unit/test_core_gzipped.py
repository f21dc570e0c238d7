"""Uploads that are stored as gzip: decoded within the cap, or refused by name; a bomb is never inflated."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import ImageRejectedError
from shared.core.gzipped import decoded, is_gzip

CAP = 100_000


@pytest.mark.fault(33)
@given(pieces=st.lists(st.binary(max_size=2000), min_size=1, max_size=4), padding=st.integers(0, 600))
def test_all_members_are_decoded_and_padding_is_none(pieces: list[bytes], padding: int) -> None:
    stored = b"".join(gzip.compress(piece) for piece in pieces) + b"\0" * padding

    assert is_gzip(stored)
    assert decoded(stored, max_bytes=CAP) == b"".join(pieces)


@pytest.mark.parametrize("size", [CAP - 1, CAP])
def test_as_much_as_the_cap_is_taken(size: int) -> None:
    assert len(decoded(gzip.compress(b"x" * size), max_bytes=CAP)) == size


@pytest.mark.fault(126)
@pytest.mark.parametrize("stored", [gzip.compress(b"\0" * (CAP + 1)), gzip.compress(b"\0" * CAP) + gzip.compress(b"x")])
def test_one_byte_more_is_refused(stored: bytes) -> None:
    with pytest.raises(ImageRejectedError, match=r"gzip and holds more than 100,000 bytes") as caught:
        decoded(stored, max_bytes=CAP)

    assert caught.value.code == "too_many_bytes"


@pytest.mark.fault(126)
def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ImageRejectedError):
            decoded(bomb, max_bytes=CAP)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.fault(126)
@given(cut=st.integers(3, 60))
def test_a_file_that_is_cut_is_truncated(cut: int) -> None:
    stored = gzip.compress(bytes(range(256)))

    with pytest.raises(ImageRejectedError, match="ends too early") as caught:
        decoded(stored[:cut], max_bytes=CAP)

    assert caught.value.code == "truncated"


@pytest.mark.fault(126)
@given(data=st.binary(max_size=300))
def test_whatever_follows_the_magic_is_decoded_or_refused_by_name(data: bytes) -> None:
    refusal: ImageRejectedError | None = None
    found = b""
    try:
        found = decoded(b"\x1f\x8b\x08" + data, max_bytes=CAP)
    except ImageRejectedError as error:
        refusal = error

    assert len(found) <= CAP
    if refusal is not None:
        assert refusal.code in {"corrupt", "truncated", "too_many_bytes"}
        assert "gzip" in refusal.message
