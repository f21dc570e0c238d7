"""Turns the pictures of a dataset into COCO: images, categories, and annotations with boxes and masks.

Masks become run-length encodings in COCO's compressed form, which `pycocotools.mask` reads:
https://cocodataset.org/#format-data. They are exact; polygons, which many labelling tools want instead, cannot say
that a mask has holes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shared.export.classes import ids_of
from shared.export.pictures import with_things
from shared.export.shapes import polygons, rle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shared.export.pictures import DatasetImage, Masks, Thing


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How masks are written. `tolerance_px` is how far a polygon may leave out corners; 0 keeps every pixel."""

    form: Literal["rle", "polygon"] = "rle"
    tolerance_px: float = 0.0


def to_coco(
    pictures: Iterable[DatasetImage],
    *,
    classes: Sequence[str],
    masks: Masks,
    segmentation: Segmentation = Segmentation(),
    each: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map,
) -> dict[str, Any]:
    """Return one COCO dataset. `classes` are all classes of the project, in the order of their ids, from 1.

    An item without a mask has the empty `segmentation`. `each` is `map`, or an executor's, which reads many masks at
    a time.

    Raises:
        ValueError: a mask cannot be read, and `masks` tells that nobody.
    """
    ids = ids_of(classes)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []

    def annotation(picture: DatasetImage, thing: Thing) -> dict[str, Any]:
        return _annotation(picture, thing, segmentation) | {"category_id": ids[thing.label]}

    for number, (picture, found) in enumerate(with_things(pictures, annotation, masks, each=each), 1):
        images.append(_image(picture, number))
        annotations += [
            {"id": place, "image_id": number} | each_found
            for place, each_found in enumerate(found, len(annotations) + 1)
        ]
    return {
        "info": {"description": "Uplook results", "version": "1"},
        "licenses": [],
        "images": images,
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
        "annotations": annotations,
    }


def _image(picture: DatasetImage, number: int) -> dict[str, Any]:
    width, height = picture.size
    return {
        "id": number,
        "file_name": picture.file_name,
        "width": width,
        "height": height,
        "coco_url": f"{picture.uri}#{picture.source['generation']}",
    }


def _annotation(picture: DatasetImage, thing: Thing, segmentation: Segmentation) -> dict[str, Any]:
    x0, y0, x1, y1 = thing.box_px
    annotation: dict[str, Any] = {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
        "segmentation": [],
    }
    if thing.text is not None:
        annotation["utf8_string"] = thing.text  # as in COCO-Text
    if thing.mask is None:
        return annotation
    width, height = picture.size
    if segmentation.form == "polygon":
        drawn: Any = polygons(thing.mask, tolerance_px=segmentation.tolerance_px)
    else:
        drawn = rle(thing.mask, width=width, height=height).segmentation()
    return annotation | {"area": thing.mask.area, "segmentation": drawn}
