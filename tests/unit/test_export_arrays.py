from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from shared.export.arrays import to_arrays
from tests.export_documents import NO_MASK, document, failed, grid, item, mask_of, png

ROWS = ["##..", "#...", "...."]
CAT = item("cat", (0, 0, 2, 2), mask=mask_of("cat.png"))
DOG = item("dog", (1, 0, 4, 3), index=2, mask=NO_MASK)
UNUSABLE = item("cow", (0, 0, 1, 1), index=1) | {"status": "unusable", "reason": "odd"}
RESULT = document([CAT, UNUSABLE, DOG], status="partial")


def no_files(name: str) -> bytes:
    raise AssertionError(f"nothing should read {name}")


def test_usable_items_are_boxes_and_classes() -> None:
    arrays = to_arrays(RESULT)
    assert arrays.xyxy.tolist() == [[0, 0, 2, 2], [1, 0, 4, 3]]
    assert [arrays.xyxy.dtype.name, arrays.class_id.dtype.name] == ["float32", "int64"]
    assert (arrays.class_names, arrays.class_id.tolist()) == (("cat", "dog"), [0, 1])
    assert arrays.labels.tolist() == ["cat", "dog"]
    assert arrays.indices.tolist() == [0, 2]
    assert (arrays.width, arrays.height, arrays.confidence) == (4, 3, None)
    assert {key: value.tolist() for key, value in arrays.data.items()} == {
        "class_name": ["cat", "dog"],
        "index": [0, 2],
    }


def test_masks_are_read_only_when_asked_for() -> None:
    assert to_arrays(RESULT).mask is None


def test_an_item_without_a_mask_has_an_empty_plane_and_says_so() -> None:
    arrays = to_arrays(RESULT, read_file={"cat.png": png(ROWS)}.__getitem__)
    assert arrays.mask is not None
    assert (arrays.mask.shape, arrays.mask.dtype.name) == ((2, 3, 4), "bool")
    assert arrays.mask[0].tolist() == grid(ROWS).tolist()
    assert not arrays.mask[1].any()
    assert arrays.has_mask.tolist() == [True, False]


def test_a_task_that_gives_no_masks_has_none() -> None:
    boxes = document([item("cat", (0, 0, 2, 2))], task="detect")
    assert to_arrays(boxes, read_file=no_files).mask is None


def test_a_result_that_found_nothing_has_arrays_of_length_zero() -> None:
    arrays = to_arrays(document([], status="empty"), read_file=no_files)
    assert arrays.mask is not None
    assert (arrays.xyxy.shape, arrays.class_id.shape, arrays.mask.shape) == ((0, 4), (0,), (0, 3, 4))
    assert (arrays.labels.tolist(), arrays.class_names) == ([], ())


def test_given_class_names_give_several_results_the_same_ids() -> None:
    names = ("dog", "cat", "cow")
    assert to_arrays(RESULT, class_names=names).class_id.tolist() == [1, 0]
    assert to_arrays(document([DOG]), class_names=names).class_id.tolist() == [0]


def test_a_label_outside_of_the_given_class_names_is_refused() -> None:
    with pytest.raises(ValueError, match="found also dog: add them"):
        to_arrays(RESULT, class_names=["cat"])


def test_a_result_without_items_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a result with items, found task segment with status failed"):
        to_arrays(failed())


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a mask of 4x3, found 2x1"):
        to_arrays(RESULT, read_file={"cat.png": png(["##"])}.__getitem__)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_stored_frame_is_what_exif_turns_upright(orientation: int) -> None:
    box = item("cat", (0, 0, 2, 2), orientation=orientation, mask=mask_of("cat.png"))
    result = document([box], orientation=orientation)
    arrays = to_arrays(result, read_file={"cat.png": png(ROWS)}.__getitem__, frame="stored")
    assert arrays.mask is not None
    assert arrays.mask.shape == (1, arrays.height, arrays.width)

    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    Image.fromarray(arrays.mask[0].astype(np.uint8) * 255).save(file, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(file))

    assert (np.asarray(upright) > 0).tolist() == grid(ROWS).tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_and_masks_of_the_stored_frame_lie_on_each_other(orientation: int) -> None:
    box = item("cat", (0, 0, 2, 2), orientation=orientation, mask=mask_of("cat.png"))
    result = document([box], orientation=orientation)
    arrays = to_arrays(result, read_file={"cat.png": png(ROWS)}.__getitem__, frame="stored")
    assert arrays.mask is not None
    y, x = np.nonzero(arrays.mask[0])
    assert arrays.xyxy[0].tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
