from __future__ import annotations

import pytest

from infra.emulators.storage.errors import ApiError
from infra.emulators.storage.ranges import ContentRange, parse_content_range, parse_range


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
        ("bytes=0-0", (0, 1)),
        ("bytes=3-", (3, 10)),
        ("bytes=3-5", (3, 6)),
        ("bytes=3-99", (3, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-99", (0, 10)),
    ],
)
def test_a_range_of_ten_bytes(header: str | None, span: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=5-4", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_range_of_nothing_is_refused_with_416(header: str, size: int) -> None:
    with pytest.raises(ApiError) as refused:
        parse_range(header, size)
    assert refused.value.status == 416


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 0-9/20", ContentRange(0, 20)),
        ("bytes 10-19/*", ContentRange(10, None)),
        ("bytes 10-*/*", ContentRange(10, None)),
        ("bytes */20", ContentRange(None, 20)),
        ("bytes */*", ContentRange(None, None)),
    ],
)
def test_a_content_range_says_where_a_piece_begins_and_how_long_the_whole_is(
    header: str, expected: ContentRange
) -> None:
    assert parse_content_range(header) == expected


@pytest.mark.parametrize("header", ["", "bytes", "bytes=0-9/20", "bytes x-9/20", "bytes 0-9"])
def test_an_unreadable_content_range_is_refused_with_400(header: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_content_range(header)
    assert refused.value.status == 400
