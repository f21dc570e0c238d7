"""What must hold for every value that comes out of hostile input, whatever went in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.geometry import SCALE, to_upright
from shared.core.replies.texts import MAX_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.core.errors import PermanentError
    from shared.core.replies.findings import Findings
    from shared.core.values import Box1000, BoxPx, ImageInfo, Item, Mask

MAX_MESSAGE = 1_000
"""Characters of any sentence for people; hostile input must not write essays into documents and logs."""

MAX_MASK_BYTES = 125_000_000
"""Of all masks of one answer: what a process of 512 MiB can hold beside the picture."""


def must_be_sentence(text: str | None) -> None:
    """One line for people: not empty, bounded, printable, and UTF-8 can carry it."""
    assert text
    assert len(text) <= MAX_MESSAGE, len(text)
    assert text.isprintable(), text


def must_be_refusal(error: PermanentError) -> None:
    """A stable code for programs and a sentence for people."""
    assert error.code.replace("_", "").isalnum()
    assert error.code.islower()
    must_be_sentence(error.message)


def must_be_box_1000(box: Box1000) -> None:
    ymin, xmin, ymax, xmax = box
    assert 0 <= ymin < ymax <= SCALE, box
    assert 0 <= xmin < xmax <= SCALE, box
    assert all(type(side) is int for side in box)


def must_be_inside(box: BoxPx, width: int, height: int) -> None:
    x0, y0, x1, y1 = box
    assert 0 <= x0 < x1 <= width, (box, width)
    assert 0 <= y0 < y1 <= height, (box, height)
    assert all(type(side) is int for side in box)


def must_be_mask(mask: Mask, box: BoxPx | None) -> None:
    """A bitmap of exactly its item's box, or the reason why there is none."""
    assert mask.box_px == box
    if mask.status == "unavailable":
        must_be_sentence(mask.reason)
        assert (mask.bitmap, mask.area_px, mask.source, mask.notes) == (b"", 0, None, ())
        return
    assert mask.status == "ok"
    assert mask.reason is None
    assert mask.source in {"png", "polygon"}
    assert box is not None
    _must_be_bitmap(mask.bitmap, box[2] - box[0], box[3] - box[1])
    assert mask.area_px == ones(mask.bitmap) > 0


def ones(bitmap: bytes) -> int:
    """How many bits are set."""
    return int.from_bytes(bitmap).bit_count()


def _must_be_bitmap(bitmap: bytes, width: int, height: int) -> None:
    """One bit for each pixel, in rows of whole bytes whose padding is zero."""
    row, padding = -(-width // 8), -width % 8
    assert len(bitmap) == row * height
    assert not any(last & (1 << padding) - 1 for last in bitmap[row - 1 :: row])


def must_be_findings(found: Findings, info: ImageInfo, *, masks: bool, max_items: int) -> None:
    """Items that can be drawn as they are, and a status that agrees with them."""
    assert [item.index for item in found.items] == list(range(len(found.items)))
    assert len(found.items) <= max_items
    for item in found.items:
        _must_be_item(item, info, masks=masks)
    assert sum(len(item.mask.bitmap) for item in found.items if item.mask) <= MAX_MASK_BYTES
    _must_be_status(found)
    _must_be_sentences(found.warnings)


def _must_be_status(found: Findings) -> None:
    if found.status != "ok":
        assert found.status in {"empty", "partial", "failed"}
        usable = any(item.status == "ok" for item in found.items)
        assert usable == (found.status == "partial") or not found.items
        must_be_sentence(found.reason)
        return
    assert found.reason is None
    assert found.items
    assert all(item.status == "ok" for item in found.items)
    assert all(item.mask is None or item.mask.status == "ok" for item in found.items)


def _must_be_item(item: Item, info: ImageInfo, *, masks: bool) -> None:
    must_be_label(item.label)
    _must_be_sentences(item.notes)
    assert (item.mask is not None) == masks
    if item.mask is not None:
        must_be_mask(item.mask, item.box_px)
    if item.status == "unusable":
        must_be_sentence(item.reason)
        assert (item.box_2d, item.box_px, item.box_px_stored) == (None, None, None)
        assert item.mask is None or item.mask.status == "unavailable"
        return
    assert item.reason is None
    assert item.box_2d is not None
    must_be_box_1000(item.box_2d)
    _must_be_frames(item, info)


def _must_be_frames(item: Item, info: ImageInfo) -> None:
    """Both pixel boxes lie in their grids and are the same pixels."""
    assert item.box_px is not None
    assert item.box_px_stored is not None
    must_be_inside(item.box_px, info.width, info.height)
    must_be_inside(item.box_px_stored, info.stored_width, info.stored_height)
    upright = to_upright(item.box_px_stored, width=info.width, height=info.height, orientation=info.orientation)
    assert upright == item.box_px


def must_be_label(label: str) -> None:
    """At most `MAX_LABEL` characters on one line; "" is no label."""
    assert len(label) <= MAX_LABEL
    assert label == label.strip()
    assert not any(character < " " for character in label), label
    assert label.encode().decode() == label


def _must_be_sentences(texts: Iterable[str]) -> None:
    for text in texts:
        must_be_sentence(text)
