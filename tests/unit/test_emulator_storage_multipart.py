from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.storage.errors import ApiError
from infra.emulators.storage.multipart import RelatedBody

TYPE = 'multipart/related; boundary="===b=="'
METADATA = b'--===b==\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{"name": "o"}\r\n'
TRAPS = [b"", b"\r\n", b"\n", b"\r\n--===b==", b"--===b==--", b"\r\n\r\n--", b"\x00\xff", b"x" * 600]


def split(body: bytes, cuts: list[int]) -> tuple[dict[str, object] | None, bytes]:
    """Feed `body` cut at the given places."""
    parser, payload, start = RelatedBody(TYPE), b"", 0
    for cut in sorted(min(cut, len(body)) for cut in cuts):
        payload += parser.feed(body[start:cut])
        start = cut
    payload += parser.feed(body[start:])
    return parser.metadata, payload + parser.close()


@given(st.lists(st.sampled_from(TRAPS), max_size=5).map(b"".join), st.lists(st.integers(0, 3000), max_size=6))
def test_the_payload_is_exact_however_the_body_is_cut(payload: bytes, cuts: list[int]) -> None:
    body = METADATA + b"--===b==\r\ncontent-type: image/png\r\n\r\n" + payload + b"\r\n--===b==--\r\n"
    assert split(body, cuts) == ({"name": "o", "contentType": "image/png"}, payload)


def test_a_part_without_headers_has_no_content_type() -> None:
    assert split(METADATA + b"--===b==\r\n\r\nabc\r\n--===b==--", []) == ({"name": "o"}, b"abc")


def test_the_content_type_in_the_metadata_beats_that_of_the_part() -> None:
    body = METADATA.replace(b'"o"', b'"o", "contentType": "image/webp"')
    body += b"--===b==\r\ncontent-type: image/png\r\n\r\nabc\r\n--===b==--"
    assert split(body, []) == ({"name": "o", "contentType": "image/webp"}, b"abc")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        METADATA,
        METADATA + b"--===b==\r\n\r\ncut off",
        METADATA.replace(b"{", b"[") + b"--===b==\r\n\r\nabc\r\n--===b==--",
        METADATA.replace(b'{"name": "o"}', b"[1]") + b"--===b==\r\n\r\nabc\r\n--===b==--",
    ],
)
def test_a_malformed_body_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        split(body, [])
    assert refused.value.status == 400


def test_a_body_without_a_boundary_is_refused_with_400() -> None:
    with pytest.raises(ApiError, match="Expected multipart/related"):
        RelatedBody("image/png")


def test_an_endless_head_is_refused_before_it_fills_the_memory() -> None:
    parser = RelatedBody(TYPE)
    with pytest.raises(ApiError, match="first MiB"):
        parser.feed(b"x" * (1 << 20) + b"xx")
