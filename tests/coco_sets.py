"""Labelled sets and results on them, drawn by a seed: boxes, masks in every spelling, crowds, labels of every size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.masks.crop import MaskCrop
from shared.export.shapes import rle

if TYPE_CHECKING:
    from numpy.random import Generator

LABELS = ("cat", "dog", "traffic light", "person", "never there")


@dataclass(frozen=True)
class CocoSet:
    """A labelled set, and what was found: annotations as COCO's results have them, each with a `mask`."""

    truth: dict[str, Any]
    found: list[dict[str, Any]]


def random_set(seed: int, *, images: int = 40) -> CocoSet:
    """Return a set in which much is found, some of it twice, some under another label, some not at all."""
    random = np.random.default_rng(seed)
    sizes = [(int(random.integers(60, 320)), int(random.integers(60, 320))) for _ in range(images)]
    truth: dict[str, Any] = {
        "images": [
            {"id": 7 * number + 3, "file_name": f"{number}.png", "width": width, "height": height}
            for number, (width, height) in enumerate(sizes)
        ],
        "categories": [{"id": 11 * number + 1, "name": name} for number, name in enumerate(LABELS)],
        "annotations": [],
    }
    found: list[dict[str, Any]] = []
    for image in truth["images"]:
        for _ in range(int(random.integers(0, 7))):
            _add(random, image, truth, found)
    return CocoSet(truth, found)


def _add(random: Generator, image: dict[str, Any], truth: dict[str, Any], found: list[dict[str, Any]]) -> None:
    width, height = image["width"], image["height"]
    ring = _ring(random, width, height)
    spelling = ("polygon", "polygons", "counts", "text")[int(random.integers(4))]
    label = int(random.integers(4))
    plane = _drawn(ring, width, height)
    if not plane.any():
        return
    crop = _crop(plane)
    segmentation: Any = [ring]
    if spelling == "polygons":
        segmentation = [ring, _ring(random, width, height)]
    elif spelling == "counts":
        segmentation = {"size": [height, width], "counts": list(rle(crop, width=width, height=height).counts)}
    elif spelling == "text":
        segmentation = rle(crop, width=width, height=height).segmentation()
    rows, columns = crop.inside.shape
    truth["annotations"].append(
        {
            "id": len(truth["annotations"]) + 1,
            "image_id": image["id"],
            "category_id": truth["categories"][label]["id"],
            "bbox": [crop.left + 0.25, crop.top, columns, rows + 0.5],
            "area": float(crop.area) * float(random.choice([1.0, 1.0, 0.4, 3.0])),
            "iscrowd": int(random.random() < 0.1),
            "segmentation": segmentation,
        }
    )
    for _ in range(int(random.choice([0, 1, 1, 1, 2]))):
        moved = _moved(random, crop, width, height)
        if moved is not None:
            other = label if random.random() < 0.8 else int(random.integers(len(LABELS)))
            found.append(_result(image, truth["categories"][other]["id"], moved))


def _result(image: dict[str, Any], category: int, mask: MaskCrop) -> dict[str, Any]:
    rows, columns = mask.inside.shape
    coded = rle(mask, width=image["width"], height=image["height"]).segmentation()
    box = [float(mask.left), float(mask.top), float(columns), float(rows)]
    return {"image_id": image["id"], "category_id": category, "score": 1.0, "bbox": box, "mask": mask, "rle": coded}


def _ring(random: Generator, width: int, height: int) -> list[float]:
    centre = random.uniform(0, [width, height])
    radius = random.uniform(2, min(width, height) / 2)
    corners = int(random.integers(3, 12))
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    reach = radius * random.uniform(0.3, 1, corners)
    points = centre + np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=1)
    return [round(float(each), 2) for each in np.clip(points, 0, [width, height]).ravel()]


def _drawn(ring: list[float], width: int, height: int) -> Any:
    from PIL import Image, ImageDraw

    canvas = Image.new("1", (width, height))
    ImageDraw.Draw(canvas).polygon(ring, fill=1)
    return np.asarray(canvas)


def _crop(plane: Any) -> MaskCrop:
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    inside = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return MaskCrop(inside, int(columns[0]), int(rows[0]))


def _moved(random: Generator, mask: MaskCrop, width: int, height: int) -> MaskCrop | None:
    """Return a mask a little beside its place, and eaten at a side."""
    plane = np.zeros((height, width), dtype=np.bool_)
    rows, columns = mask.inside.shape
    plane[mask.top : mask.top + rows, mask.left : mask.left + columns] = mask.inside
    shift = random.integers(-3, 4, 2)
    plane = np.roll(plane, shift, axis=(0, 1))
    plane[: mask.top + int(random.integers(0, rows // 3 + 1))] = False
    return _crop(plane) if plane.any() else None
