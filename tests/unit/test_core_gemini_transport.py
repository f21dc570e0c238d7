"""How an image travels is decided by arithmetic alone."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.gemini.limits import developer, vertex
from shared.core.gemini.transport import choose, file_name, request_bytes, share

FRAME = request_bytes(0, 0)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_the_size_of_a_request_is_that_of_its_base64_its_text_and_a_fixed_frame(image: int, text: int) -> None:
    assert request_bytes(image, text) == len(base64.b64encode(bytes(image))) + text + FRAME


def test_a_request_of_exactly_the_limit_travels_inline_and_one_byte_more_does_not() -> None:
    """3,000,000 bytes of image are 4,000,000 in base64; text fills the rest."""
    backend = developer(5_000_000)
    text = 5_000_000 - 4_000_000 - FRAME

    assert choose(backend, image_bytes=3_000_000, text_bytes=text)[0] == "inline"
    assert choose(backend, image_bytes=3_000_000, text_bytes=text + 1)[0] == "file"


@pytest.mark.parametrize(("image_bytes", "kind"), [(1, "inline"), (13_000_000, "inline"), (14_000_000, "file")])
def test_the_limit_counts_what_is_sent_and_not_what_lies_in_the_bucket(image_bytes: int, kind: str) -> None:
    """13 MB are 17.3 MB in base64, 14 MB are 18.7 MB."""
    assert choose(developer(18_000_000), image_bytes=image_bytes, text_bytes=1000)[0] == kind


@given(st.integers(1, 10**8), st.integers(0, 10**8), st.integers(0, 10**6))
def test_what_travels_inline_still_does_when_it_is_smaller(limit: int, image: int, text: int) -> None:
    if choose(developer(limit), image_bytes=image, text_bytes=text)[0] == "inline":
        assert choose(developer(limit), image_bytes=image // 2, text_bytes=text // 2)[0] == "inline"


def test_the_reason_names_both_sizes() -> None:
    choice = choose(developer(18_000_000), image_bytes=15_000_000, text_bytes=0)

    assert choice == ("file", "the request of 20.0 MB exceeds the inline limit of 18.0 MB")


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_file_name_is_legal_and_belongs_to_the_bytes_alone(one: bytes, other: bytes) -> None:
    """Up to 40 characters of a-z, 0-9 and inner dashes: the Files API answers 400 for others."""
    assert re.fullmatch(r"files/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", file_name(one))
    assert (file_name(one) == file_name(other)) is (one == other)


def test_a_file_name_stays_the_same_across_releases_so_that_uploads_are_found_again() -> None:
    assert file_name(b"abc") == "files/uplook-ba7816bf8f01cfea414140de5dae2223"


VERTEX = vertex(18_000_000)
REGISTERING = developer(18_000_000, register_files=True)


@pytest.mark.parametrize(
    ("size", "in_bucket", "kind"),
    [
        (100, True, "gs"),
        (2 * 1024**3, True, "gs"),
        (2 * 1024**3 + 1, True, "shrunk"),
        (6_000_000, False, "inline"),
        (6_000_001, False, "shrunk"),
    ],
)
def test_vertex_reads_what_lies_in_a_bucket_itself_and_takes_the_rest_inline(
    size: int, in_bucket: bool, kind: str
) -> None:
    assert choose(VERTEX, image_bytes=size, text_bytes=1000, in_bucket=in_bucket)[0] == kind


@pytest.mark.parametrize(
    ("size", "in_bucket", "kind"),
    [
        (1_000_000, True, "inline"),
        (20_000_000, True, "registered"),
        (20_000_000, False, "file"),
        (2_000_000_001, True, "file"),
    ],
)
def test_with_registered_files_a_large_object_is_not_uploaded(size: int, in_bucket: bool, kind: str) -> None:
    assert choose(REGISTERING, image_bytes=size, text_bytes=1000, in_bucket=in_bucket)[0] == kind


def test_several_images_share_what_fits_inline_and_the_smallest_go_first() -> None:
    images = [(8_000_000, False), (1_000_000, False), (9_000_000, False), (2_000_000, False)]

    choices = share(developer(18_000_000), images, text_bytes=1000)

    assert [kind for kind, _ in choices] == ["inline", "inline", "file", "inline"]


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=8), st.integers(0, 10_000))
def test_what_several_images_send_inline_stays_within_the_limit(sizes: list[int], text: int) -> None:
    choices = share(developer(18_000_000), [(size, False) for size in sizes], text_bytes=text)

    inline = [size for size, (kind, _) in zip(sizes, choices, strict=True) if kind == "inline"]
    assert sum(4 * ((size + 2) // 3) for size in inline) + text <= 18_000_000
