"""Labels for YOLO: a text file for each image, one line for each item, and the `data.yaml` that names the classes.

https://docs.ultralytics.com/datasets/detect/ and /segment/. All numbers are shares of the picture's sides.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shared.export.shapes import polygons

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.export.pictures import DatasetImage, Thing


def image_path(picture: DatasetImage) -> str:
    """Return where the image belongs, below the folder of the dataset."""
    return f"images/{picture.part}/{picture.flat_name}"


def label_path(picture: DatasetImage) -> str:
    """Return where its labels belong: YOLO finds them by the name of the image alone."""
    return f"labels/{picture.part}/{PurePosixPath(picture.flat_name).stem}.txt"


def box_line(picture: DatasetImage, thing: Thing, class_index: int) -> str:
    """Return `class x_centre y_centre width height`."""
    width, height = picture.size
    x0, y0, x1, y1 = thing.box_px
    return _line(class_index, [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height])


def polygon_line(picture: DatasetImage, thing: Thing, class_index: int, *, tolerance_px: float) -> str:
    """Return `class x y x y ...`: one outline for the whole item, so that it is one item to YOLO, too.

    Parts that lie apart are joined by lines, as ultralytics' own converter does it. Without a mask it is the box.
    """
    width, height = picture.size
    x0, y0, x1, y1 = thing.box_px
    rings = polygons(thing.mask, tolerance_px=tolerance_px) if thing.mask is not None and thing.mask.area else []
    corners = _joined(rings or [[x0, y0, x1, y0, x1, y1, x0, y1]])
    return _line(class_index, [place / (width, height)[axis % 2] for axis, place in enumerate(corners)])


def data_yaml(classes: Sequence[str], parts: Iterable[str]) -> str:
    """Return the description of the dataset. There is no `path`, so the folders lie beside this file.

    YOLO wants a part `train` and one `val`: where there is none of that name, the first or the last stands for it.
    """
    names = list(parts)
    roles = {"train": names[0], "val": names[-1]} | {name: name for name in names}
    folders = "".join(f"{role}: images/{name}\n" for role, name in roles.items())
    listed = "".join(f"  {number}: {_yaml_text(name)}\n" for number, name in enumerate(classes))
    return f"{folders}nc: {len(classes)}\nnames:\n{listed}" if classes else f"{folders}nc: 0\nnames: {{}}\n"


def _yaml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a double-quoted text of YAML, but for surrogate pairs


def _joined(rings: Sequence[Sequence[int]]) -> list[int]:
    first, *others = rings
    start = list(first[:2])
    path = list(first)
    for ring in others:
        path += [*start, *ring, *ring[:2]]
    return [*path, *start] if others else path


def _line(class_index: int, numbers: Iterable[float]) -> str:
    return " ".join([str(class_index), *(f"{number:.7f}" for number in numbers)]) + "\n"
