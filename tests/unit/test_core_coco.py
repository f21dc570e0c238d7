from __future__ import annotations

import math
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from shared.core.masks.crop import MaskCrop
from shared.core.masks.png_writing import encode_mask_png
from shared.core.values import Mask
from shared.export.classes import category
from shared.export.coco import Segmentation, to_coco
from shared.export.pictures import Masks, choose_pictures
from shared.export.shapes import Rle, compressed, crop_mask, polygons, rle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def document(name: str, items: list[dict[str, Any]] | None, **extra: Any) -> dict[str, Any]:
    source = {"bucket": "uploads", "name": name, "generation": 7}
    image = {"width": 4, "height": 3, "format": "jpeg", "orientation": 1}
    payload = {} if items is None else {"items": items}
    head = {"schema": "uplook.result/1", "status": "ok", "created": "2026-11-21T10:00:00.000Z"}
    return head | {"source": source, "image": image, **payload, **extra}


def coco_of(
    documents: Sequence[dict[str, Any]],
    read_file: Callable[[str], bytes],
    *,
    on_unreadable: Callable[[str, ValueError], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the dataset of documents whose labels are all classes of the project."""
    pictures = choose_pictures(documents).pictures
    classes = sorted({category(item) for picture in pictures for item in picture.items})
    return to_coco(pictures, classes=classes, masks=Masks(read_file, on_unreadable), **options)


def item(label: str, box: list[int] | None, **extra: Any) -> dict[str, Any]:
    return {"index": 0, "label": label, "status": "ok", "box_px": box, **extra}


def masked(label: str, box: list[int], file: str) -> dict[str, Any]:
    return item(label, box, mask={"status": "ok", "file": file, "source": "png", "area_px": 0, "reason": None})


def no_files(name: str) -> bytes:
    raise AssertionError(f"nothing should read {name}")


def png(rows: list[str]) -> bytes:
    out = BytesIO()
    Image.fromarray(np.array([[char == "#" for char in row] for row in rows])).save(out, "PNG")
    return out.getvalue()


# Expected strings: pycocotools 2.0.11, mask.encode(np.asfortranarray(mask)).
@pytest.mark.parametrize(
    ("rows", "counts", "text"),
    [
        ([".##.", ".##.", "###."], (2, 7, 3), "273"),
        (["....", "....", "...."], (12,), "<"),
        (["####", "####", "####"], (0, 12), "0<"),
        (["#...", "....", "...#"], (0, 1, 10, 1), "01:0"),
        (["#.#.", ".#.#", "#.#."], (0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), "0110000000000"),
        ([".", "#", "."], (1, 1, 1), "111"),
    ],
)
def test_a_mask_is_run_down_its_columns_and_written_as_pycocotools_does(
    rows: list[str], counts: tuple[int, ...], text: str
) -> None:
    width, height = len(rows[0]), len(rows)
    runs = rle(crop_mask(png(rows), width=width, height=height), width=width, height=height)
    assert runs.counts == counts
    assert runs.segmentation() == {"size": [len(rows), len(rows[0])], "counts": text}


def test_counts_above_the_first_three_are_differences_and_may_be_negative() -> None:
    assert compressed((3020, 41, 59, 41)) == r"\n2Y1k10"
    assert compressed((5, 500, 3, 2, 4)) == "5d?3^@1"


def test_a_mask_in_the_middle_of_an_image_is_counted_in_the_whole_image() -> None:
    mask = MaskCrop(np.ones((41, 60), dtype=np.bool_), left=30, top=20)
    runs = rle(mask, width=200, height=100)
    assert runs.counts[:5] == (3020, 41, 59, 41, 59)
    assert runs.counts[-1] == 200 * 100 - (89 * 100 + 61)
    assert mask.area == 41 * 60
    assert runs.segmentation()["counts"] == r"\n2Y1k10" + "0" * 116 + "Tg:"


def test_a_mask_file_of_a_result_is_read_back() -> None:
    mask = Mask("ok", "png", (1, 0, 3, 2), 3, bitmap=b"\xc0\x40")
    crop = crop_mask(encode_mask_png(mask, width=4, height=3), width=4, height=3)
    assert (crop.inside.tolist(), crop.left, crop.top, crop.area) == ([[True, True], [False, True]], 1, 0, 3)
    assert rle(crop, width=4, height=3) == Rle(4, 3, (3, 1, 2, 2, 4))


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a mask of 5x3, found 4x3"):
        crop_mask(png(["####"] * 3), width=5, height=3)


BAD_CHUNK = png(["#.#."] * 3).replace(b"IDAT", b"\x8c\xcb\x15\x91")
HUGE = png(["#"]).replace(b"\x00\x00\x00\x01\x00\x00\x00\x01", b"\x00\x01\x00\x00\x00\x01\x00\x00", 1)
HUGE = HUGE[:29] + zlib.crc32(HUGE[12:29]).to_bytes(4) + HUGE[33:]


@pytest.mark.parametrize("data", [b"", b"GIF89a", png(["#.#."] * 3)[:45], BAD_CHUNK, HUGE])
def test_a_file_that_is_no_whole_png_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="expected a mask PNG, found"):
        crop_mask(data, width=4, height=3)


# Drawn by pycocotools 2.0.11 (mask.frPyObjects, merge, decode), each gives its mask back, holes filled.
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["....", "...."], []),
        (["####", "####"], [[0, 0, 4, 0, 4, 2, 0, 2]]),
        ([".#..", ".##."], [[1, 0, 2, 0, 2, 1, 3, 1, 3, 2, 1, 2]]),
        (["#..#"], [[0, 0, 1, 0, 1, 1, 0, 1], [3, 0, 4, 0, 4, 1, 3, 1]]),
        (["#.", ".#"], [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]),
        ([".#", "#."], [[1, 0, 2, 0, 2, 1, 1, 1], [0, 1, 1, 1, 1, 2, 0, 2]]),
        (["###", "#.#", "###"], [[0, 0, 3, 0, 3, 3, 0, 3]]),
        (["###", "#.#", "##."], [[0, 0, 3, 0, 3, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 3, 0, 3]]),
    ],
)
def test_polygons_go_round_the_outside_of_each_part(rows: list[str], expected: list[list[int]]) -> None:
    mask = crop_mask(png(rows), width=len(rows[0]), height=len(rows))
    assert polygons(mask) == expected


def test_a_polygon_lies_at_the_place_of_its_mask_in_the_image() -> None:
    assert polygons(MaskCrop(np.ones((2, 3), dtype=np.bool_), left=10, top=20)) == [[10, 20, 13, 20, 13, 22, 10, 22]]


def _filled(polygon: list[int], width: int, height: int) -> NDArray[np.bool_]:
    """A pixel is inside if its middle is: an odd number of vertical edges lies to its left."""
    inside = np.zeros((height, width), dtype=np.int64)
    x, y = polygon[::2], polygon[1::2]
    for start, end, at in zip(y, [*y[1:], y[0]], x, strict=True):
        inside[min(start, end) : max(start, end), at:] += 1  # an edge along a row spans no rows
    return (inside % 2).astype(np.bool_)


@given(
    st.integers(1, 7).flatmap(
        lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=7)
    )
)
def test_all_polygons_together_are_the_mask_with_its_holes_filled(rows: list[list[bool]]) -> None:
    inside = np.array(rows, dtype=np.bool_)
    height, width = inside.shape
    outside, _ = ndimage.label(np.pad(~inside, 1, constant_values=True), structure=np.ones((3, 3)))
    drawn = [_filled(polygon, width, height) for polygon in polygons(MaskCrop(inside, 0, 0))]
    assert np.array_equal(np.any([*drawn, np.zeros_like(inside)], axis=0), (outside != outside[0, 0])[1:-1, 1:-1])


def _disc(radius: int) -> MaskCrop:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return MaskCrop(x**2 + y**2 <= radius**2, 0, 0)


def test_a_tolerance_leaves_out_most_corners_and_moves_the_outline_by_no_more() -> None:
    [exact] = polygons(_disc(100))
    [simpler] = polygons(_disc(100), tolerance_px=1)
    corners = set(zip(exact[::2], exact[1::2], strict=True))
    kept = list(zip(simpler[::2], simpler[1::2], strict=True))
    assert len(exact) > 5 * len(simpler)
    assert set(kept) < corners
    assert max(min(_away(corner, *edge) for edge in pairwise([*kept, kept[0]])) for corner in corners) <= 1


def _away(point: tuple[int, int], start: tuple[int, int], end: tuple[int, int]) -> float:
    (px, py), (ax, ay), (bx, by) = point, start, end
    length = math.hypot(bx - ax, by - ay)
    return abs((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / length


def test_a_tolerance_that_would_swallow_a_part_leaves_it_as_it_is() -> None:
    assert polygons(_disc(1), tolerance_px=50) == polygons(_disc(1))


def test_a_dataset_has_images_categories_and_annotations_that_point_at_each_other() -> None:
    documents = [
        document("a.jpg", [item("dog", [0, 0, 2, 3]), masked("cat", [1, 1, 4, 3], "a/mask-001.png")]),
        document("b.jpg", [item("cat", [2, 0, 4, 1])]),
    ]
    dataset = coco_of(documents, {"a/mask-001.png": png(["....", ".##.", ".#.."])}.__getitem__)
    assert dataset["images"] == [
        {"id": 1, "file_name": "uploads/a.jpg", "width": 4, "height": 3, "coco_url": "gs://uploads/a.jpg#7"},
        {"id": 2, "file_name": "uploads/b.jpg", "width": 4, "height": 3, "coco_url": "gs://uploads/b.jpg#7"},
    ]
    assert dataset["categories"] == [
        {"id": 1, "name": "cat", "supercategory": ""},
        {"id": 2, "name": "dog", "supercategory": ""},
    ]
    assert dataset["annotations"] == [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 2,
            "bbox": [0, 0, 2, 3],
            "area": 6,
            "iscrowd": 0,
            "segmentation": [],
        },
        {
            "id": 2,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 1, 3, 2],
            "area": 3,
            "iscrowd": 0,
            "segmentation": {"size": [3, 4], "counts": "421O3"},
        },
        {
            "id": 3,
            "image_id": 2,
            "category_id": 1,
            "bbox": [2, 0, 2, 1],
            "area": 2,
            "iscrowd": 0,
            "segmentation": [],
        },
    ]


def test_masks_become_polygons_where_asked_for() -> None:
    file = png(["....", ".##.", ".#.."])
    documents = [document("a.jpg", [masked("cat", [1, 1, 3, 3], "m.png")])]
    dataset = coco_of(documents, {"m.png": file}.__getitem__, segmentation=Segmentation("polygon"))
    [annotation] = dataset["annotations"]
    assert annotation["segmentation"] == [[1, 1, 3, 1, 3, 2, 2, 2, 2, 3, 1, 3]]
    assert annotation["area"] == 3


def test_a_mask_that_cannot_be_read_is_told_and_its_item_keeps_the_box() -> None:
    told: list[tuple[str, str]] = []
    items = [masked("cat", [0, 0, 2, 3], "bad.png"), masked("cat", [0, 0, 4, 3], "good.png")]
    files = {"bad.png": b"", "good.png": png(["####"] * 3)}
    dataset = coco_of(
        [document("a.jpg", items)],
        files.__getitem__,
        on_unreadable=lambda name, error: told.append((name, str(error)[:19])),
    )
    assert told == [("bad.png", "expected a mask PNG")]
    assert [annotation["segmentation"] for annotation in dataset["annotations"]] == [
        [],
        {"size": [3, 4], "counts": "0<"},
    ]
    assert [annotation["area"] for annotation in dataset["annotations"]] == [6, 12]


def test_without_anyone_to_tell_a_mask_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected a mask PNG"):
        coco_of([document("a.jpg", [masked("cat", [0, 0, 2, 3], "m.png")])], lambda _: b"")


def test_masks_read_in_parallel_make_the_same_dataset() -> None:
    documents = [document(f"{each}.jpg", [masked("cat", [0, 0, 4, 3], "m.png")]) for each in range(20)]
    read = {"m.png": png(["####"] * 3)}.__getitem__
    with ThreadPoolExecutor(4) as pool:
        assert coco_of(documents, read, each=pool.map) == coco_of(documents, read)


def test_an_image_in_which_nothing_was_found_is_listed_without_annotations() -> None:
    dataset = coco_of([document("a.jpg", [], status="empty")], no_files)
    assert (len(dataset["images"]), dataset["annotations"]) == (1, [])


def test_results_without_items_or_without_an_image_are_left_out() -> None:
    documents = [document("a.jpg", None, caption="a cat"), document("b.jpg", None, image=None, status="skipped")]
    assert coco_of(documents, no_files)["images"] == []


def test_unusable_items_and_items_without_a_box_are_left_out() -> None:
    unusable = item("cat", [0, 0, 2, 3], status="unusable", reason="not a box")
    dataset = coco_of([document("a.jpg", [unusable, item("dog", None)], status="partial")], no_files)
    assert (dataset["categories"], dataset["annotations"]) == ([], [])


def test_an_unavailable_mask_leaves_the_box_alone() -> None:
    found = item("cat", [0, 0, 2, 3], mask={"status": "unavailable", "file": None, "reason": "tokens"})
    [annotation] = coco_of([document("a.jpg", [found])], no_files)["annotations"]
    assert (annotation["bbox"], annotation["segmentation"], annotation["area"]) == ([0, 0, 2, 3], [], 6)


def test_labels_that_differ_in_white_space_are_one_category_and_empty_ones_are_objects() -> None:
    items = [item("red  cup\n", [0, 0, 1, 1]), item("red cup", [0, 0, 1, 1]), item(" ", [0, 0, 1, 1])]
    dataset = coco_of([document("a.jpg", items)], no_files)
    assert [category["name"] for category in dataset["categories"]] == ["object", "red cup"]
