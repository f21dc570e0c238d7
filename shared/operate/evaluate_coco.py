"""Average precision by pycocotools itself, which is optional: beside ours, for whoever trusts only the original."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import SettingsError
from shared.core.evaluation.coco_masks import EMPTY
from shared.core.evaluation.objects import ObjectsOfImage
from shared.export.shapes import rle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.evaluation.judging import JudgedImage
    from shared.core.masks.crop import MaskCrop

_NAMES: Final = ("mAP", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large")


def require_pycocotools() -> None:
    """Import it.

    Raises:
        SettingsError: it is not installed; the message says how to.
    """
    try:
        import pycocotools.cocoeval  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "expected pycocotools, found none: run `pip install --require-hashes --no-deps --requirement"
            f" requirements-evaluate.txt` ({error})."
        ) from error


def precision_by_pycocotools(judged: Sequence[JudgedImage]) -> dict[str, float | None]:
    """Return the figures of our names; None where pycocotools says -1, which is: not defined.

    Raises:
        SettingsError: pycocotools is not installed.
    """
    require_pycocotools()
    with_masks = [each for each in judged if isinstance(each.scores, ObjectsOfImage) and "mask" in each.scores.matches]
    figures = _reckoned(judged, masks=False)
    if with_masks:
        figures |= {f"mask_{name}": value for name, value in _reckoned(with_masks, masks=True).items()}
    return figures


def _reckoned(judged: Sequence[JudgedImage], *, masks: bool) -> dict[str, float | None]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    ids = {label: number for number, label in enumerate(sorted(_labels(judged)), 1)}
    # pycocotools prints tables, and warns of what NumPy 2 thinks of it.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        truth, results = COCO(), COCO()
        for dataset, entries in ((truth, _true(judged, ids, masks)), (results, _found(judged, ids, masks))):
            dataset.dataset = {
                "images": [
                    {"id": each.image.number, "width": each.image.width, "height": each.image.height} for each in judged
                ],
                "categories": [{"id": number, "name": label} for label, number in ids.items()],
                "annotations": [{"id": number, **entry} for number, entry in enumerate(entries, 1)],
            }
            dataset.createIndex()
        reckoned = COCOeval(truth, results, "segm" if masks else "bbox")
        reckoned.evaluate()
        reckoned.accumulate()
        reckoned.summarize()
    values = (float(value) for value in reckoned.stats[: len(_NAMES)])
    return {name: None if value < 0 else value for name, value in zip(_NAMES, values, strict=True)}


def _labels(judged: Sequence[JudgedImage]) -> set[str]:
    return {thing.label for each in judged for thing in each.image.objects}


def _true(judged: Sequence[JudgedImage], ids: dict[str, int], masks: bool) -> list[dict[str, Any]]:  # noqa: FBT001
    return [
        {
            "image_id": each.image.number,
            "category_id": ids[thing.label],
            "bbox": list(thing.box),
            "area": thing.area,
            "iscrowd": int(thing.crowd),
            **(_segmentation(thing.mask(width=each.image.width, height=each.image.height), each) if masks else {}),
        }
        for each in judged
        for thing in each.image.objects
    ]


def _found(judged: Sequence[JudgedImage], ids: dict[str, int], masks: bool) -> list[dict[str, Any]]:  # noqa: FBT001
    return [
        {
            "image_id": each.image.number,
            "category_id": ids[thing.label],
            "bbox": list(thing.box),
            "area": (thing.mask or EMPTY).area if masks else thing.box[2] * thing.box[3],
            "iscrowd": 0,
            "score": 1.0,
            **(_segmentation(thing.mask or EMPTY, each) if masks else {}),
        }
        for each in judged
        for thing in each.found
        if thing.label in ids
    ]


def _segmentation(mask: MaskCrop, each: JudgedImage) -> dict[str, Any]:
    return {"segmentation": rle(mask, width=each.image.width, height=each.image.height).segmentation()}
