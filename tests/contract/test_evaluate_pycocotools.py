"""Our average precision is that of pycocotools, which reckons it beside us: on boxes and masks, by size and label."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from shared.core.evaluation.coco_masks import read_segmentation
from shared.core.evaluation.objects import FoundObject, judge_objects, label_statistics, object_statistics
from shared.core.evaluation.truth import parse_truth
from tests.coco_sets import CocoSet, random_set

# pycocotools 2.0.11 with NumPy 2, whatever it reads.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
STATS = ("mAP", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large")


def theirs(some: CocoSet, kind: str) -> Any:
    """Return COCOeval after its reckoning; `kind` is bbox or segm."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = some.truth
        truth.createIndex()
        shown = "bbox" if kind == "bbox" else "segmentation"
        results = [
            {key: each[key] for key in ("image_id", "category_id", "score")}
            | {shown: each["bbox"] if kind == "bbox" else each["rle"]}
            for each in some.found
        ]
        reckoned = COCOeval(truth, truth.loadRes(results), kind)
        reckoned.evaluate()
        reckoned.accumulate()
        reckoned.summarize()
    return reckoned


def ours(some: CocoSet) -> tuple[Any, Any]:
    truth = parse_truth(some.truth)
    names = {each["id"]: each["name"] for each in some.truth["categories"]}
    judged = []
    for image in truth.images:
        found = [
            FoundObject(names[each["category_id"]], tuple(each["bbox"]), each["mask"])
            for each in some.found
            if each["image_id"] == image.number
        ]
        judged.append(judge_objects(image, found, with_masks=True))
    return truth, judged


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("shape", "kind", "prefix"), [("box", "bbox", ""), ("mask", "segm", "mask_")])
def test_average_precision_is_that_of_pycocotools(seed: int, shape: Any, kind: str, prefix: str) -> None:
    some = random_set(seed)
    truth, judged = ours(some)
    once = np.ones((1, len(truth.images)), dtype=np.int64)

    reckoned = theirs(some, kind)

    [averages, *_] = object_statistics(judged, shape)
    values = averages.over(once)
    assert [values[f"{prefix}{name}"][0] for name in STATS] == pytest.approx(list(reckoned.stats[:6]), abs=1e-12)
    assert 0.05 < values[f"{prefix}mAP"][0] < 0.95
    by_label = label_statistics(judged, shape)
    precision = reckoned.eval["precision"]  # thresholds, recalls, categories, areas, most found
    for place, category in enumerate(some.truth["categories"]):
        per_label = precision[:, :, place, 0, -1]
        if per_label.max() > -1:
            [label_averages, _] = by_label[category["name"]]
            assert label_averages.over(once)["mAP"][0] == pytest.approx(per_label.mean(), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_masks_in_every_spelling_are_read_as_pycocotools_reads_them(seed: int) -> None:
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO

    some = random_set(seed, images=10)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = some.truth
        truth.createIndex()
    sizes = {each["id"]: (each["width"], each["height"]) for each in some.truth["images"]}

    for each in some.truth["annotations"]:
        width, height = sizes[each["image_id"]]
        plane = np.zeros((height, width), dtype=np.bool_)
        mask = read_segmentation(each["segmentation"], width=width, height=height)
        rows, columns = mask.inside.shape
        plane[mask.top : mask.top + rows, mask.left : mask.left + columns] = mask.inside

        assert np.array_equal(plane, coco_mask.decode(truth.annToRLE(each)).astype(np.bool_))
