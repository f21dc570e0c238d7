"""One result as numpy arrays, in the way of `supervision.Detections`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.values import is_transposed
from shared.export.classes import category, is_usable
from shared.export.shapes import crop_mask, stored_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from shared.export.shapes import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """The N usable items of a result on an image of `width` times `height` pixels.

    `xyxy` is float32 `(N, 4)`: `x0, y0, x1, y1` in pixels, half open. `class_id` is int64 `(N,)`, an index into
    `class_names`. `mask` is bool `(N, height, width)`, False all over where `has_mask` (bool `(N,)`) says that an
    item has none; None where masks were not asked for, or the task gives none. `indices` (int64) are the items'
    `index` in the document. Gemini gives no confidence: there is nothing but None.

    `supervision.Detections(xyxy=a.xyxy, mask=a.mask, class_id=a.class_id, data=a.data)` takes them as they are.
    """

    width: int
    height: int
    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    class_names: tuple[str, ...]
    indices: NDArray[np.int64]
    has_mask: NDArray[np.bool_]
    mask: NDArray[np.bool_] | None = None
    confidence: None = None

    @property
    def labels(self) -> NDArray[np.str_]:
        """The class name of each item."""
        return np.array(self.class_names, dtype=np.str_)[self.class_id]

    @property
    def data(self) -> dict[str, NDArray[Any]]:
        """What else is known of each item, under supervision's names where it has one."""
        return {"class_name": self.labels, "index": self.indices}


def to_arrays(
    document: Mapping[str, Any],
    *,
    read_file: Callable[[str], bytes] | None = None,
    class_names: Sequence[str] | None = None,
    frame: Frame = "upright",
) -> Arrays:
    """Return the items of a result document (`uplook.result/1`) that have a box.

    Masks are read only with `read_file`, which gets the value of `mask.file` and returns the PNG; they take
    N x width x height bytes. `class_names` gives several results the same ids; without it they are the labels of
    this one, sorted. `frame="stored"` gives boxes and masks in the pixels of the file as stored, for readers that
    ignore EXIF orientation (OpenCV's `IMREAD_IGNORE_ORIENTATION`, torchvision).

    Raises:
        ValueError: the document has no items (a caption, a failure), a label is not in `class_names`, or a mask
            file has another size than the image or is no PNG.
    """
    image = document.get("image")
    if document.get("items") is None or not image:
        raise ValueError(
            f"expected a result with items, found task {document['task']} with status {document['status']}:"
            " take detect or segment results that are ok, empty or partial"
        )
    items = [item for item in document["items"] if is_usable(item)]
    labels = [category(item) for item in items]
    names = tuple(sorted(set(labels)) if class_names is None else class_names)
    turned = frame == "stored" and is_transposed(image["orientation"])
    boxes = [item["box_px" if frame == "upright" else "box_px_stored"] for item in items]
    return Arrays(
        width=image["height" if turned else "width"],
        height=image["width" if turned else "height"],
        xyxy=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        class_id=np.array(_class_ids(labels, names), dtype=np.int64),
        class_names=names,
        indices=np.array([item["index"] for item in items], dtype=np.int64),
        has_mask=np.array([_mask_file(item) is not None for item in items], dtype=np.bool_),
        mask=_masks(items, image, frame, read_file) if read_file else None,
    )


def _class_ids(labels: Sequence[str], names: Sequence[str]) -> list[int]:
    ids = {name: number for number, name in enumerate(names)}
    unknown = sorted(set(labels) - set(ids))
    if unknown:
        raise ValueError(f"expected labels of class_names only, found also {', '.join(unknown)}: add them")
    return [ids[label] for label in labels]


def _mask_file(item: Mapping[str, Any]) -> str | None:
    mask = item.get("mask") or {}
    return mask["file"] if mask.get("status") == "ok" else None


def _masks(
    items: Sequence[Mapping[str, Any]], image: Mapping[str, Any], frame: Frame, read_file: Callable[[str], bytes]
) -> NDArray[np.bool_] | None:
    if items and not any(item.get("mask") for item in items):
        return None
    width, height = image["width"], image["height"]
    turned = frame == "stored" and is_transposed(image["orientation"])
    planes = np.zeros((len(items), *((width, height) if turned else (height, width))), dtype=np.bool_)
    for plane, file in zip(planes, map(_mask_file, items), strict=True):
        if file is not None:
            crop = crop_mask(read_file(file), width=width, height=height)
            if frame == "stored":
                crop = stored_crop(crop, width=width, height=height, orientation=image["orientation"])
            rows, columns = crop.inside.shape
            plane[crop.top : crop.top + rows, crop.left : crop.left + columns] = crop.inside
    return planes
