"""One labelled picture, and its labels in the words of COCO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True, slots=True, eq=False)
class LabelledThing:
    """A thing with its exact mask, bool `(height, width)` of the whole picture."""

    label: str
    inside: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A picture under its file name, and what is true of it. `lines` is None where nobody has looked for text."""

    name: str
    picture: Image.Image
    things: tuple[LabelledThing, ...]
    classes: tuple[str, ...]
    captions: tuple[str, ...]
    lines: tuple[str, ...] | None = None
    with_things: bool = True


def to_truth(pictures: Sequence[LabelledPicture], *, question: str, counted: str) -> dict[str, Any]:
    """Return the labelled set as a document; `question` asks how many things of the label `counted` there are."""
    labels = sorted({thing.label for each in pictures for thing in each.things})
    ids = {label: number for number, label in enumerate(labels, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, each in enumerate(pictures, 1):
        images.append(_image(number, each, question=question, counted=counted))
        annotations += [
            {
                "id": len(annotations) + place,
                "image_id": number,
                "category_id": ids[thing.label],
                **_shape(thing.inside),
            }
            for place, thing in enumerate(each.things, 1)
        ]
    return {
        "info": {"description": "Uplook's labelled set for a first evaluation", "version": "1"},
        "images": images,
        "categories": [{"id": number, "name": label} for label, number in ids.items()],
        "annotations": annotations,
    }


def _image(number: int, each: LabelledPicture, *, question: str, counted: str) -> dict[str, Any]:
    count = sum(thing.label == counted for thing in each.things)
    image: dict[str, Any] = {
        "id": number,
        "file_name": each.name,
        "width": each.picture.width,
        "height": each.picture.height,
        "labelled": ["captions", "classes"],
        "captions": list(each.captions),
        "classes": list(each.classes),
    }
    if each.with_things:
        image["labelled"] += ["boxes", "masks", "answers"]
        image["answers"] = [{"question": question, "answers": _COUNTS[count]}]
    if each.lines is not None:
        image["labelled"].append("text")
        image["text"] = list(each.lines)
    return image


_COUNTS = (["0", "none", "no", "zero"], ["1", "one"], ["2", "two"], ["3", "three"])


def _shape(inside: NDArray[np.bool_]) -> dict[str, Any]:
    """Return box, area and runs of a mask, as COCO has them: down the columns, beginning with what is outside."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    changes = np.flatnonzero(np.diff(inside.T.ravel(), prepend=False))
    counts = np.diff(changes, prepend=0, append=inside.size).tolist()
    return {
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(inside.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(inside.shape), "counts": counts},
    }
