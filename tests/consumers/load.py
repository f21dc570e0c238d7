"""Loads datasets with the tool that they are for, in an environment of its own (`.venv-consumers`), and says as JSON
what the tool has seen. Imports nothing of ours: `python -W error load.py TOOL FOLDER`.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Seen = list[dict[str, Any]]
"""Images, each with `name`, `size` (width, height) as loaded, and `items`: `label`, `box` and `runs` of its mask."""


def runs(mask: Any) -> list[int]:
    """Lengths of 0s and 1s along the rows of a mask, beginning with 0s."""
    flat = np.asarray(mask).astype(bool).ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    found: list[int] = np.diff(changes, prepend=0, append=flat.size).tolist()
    return found


def supervision(folder: Path) -> dict[str, Seen]:
    import supervision as sv

    coco = sv.DetectionDataset.from_coco(
        str(folder / "coco/images/train"), str(folder / "coco/annotations/instances_train.json")
    )
    polygons = sv.DetectionDataset.from_coco(
        str(folder / "coco/images/train"), str(folder / "polygons/annotations/instances_train.json")
    )
    yolo = sv.DetectionDataset.from_yolo(
        str(folder / "yolo/images/train"), str(folder / "yolo/labels/train"), str(folder / "yolo/data.yaml")
    )
    saved = dict(np.load(folder / "arrays.npz"))
    detections = sv.Detections(
        xyxy=saved["xyxy"], mask=saved["mask"], class_id=saved["class_id"], data={"class_name": saved["class_name"]}
    )
    return {
        "coco": _of_supervision(coco, folder / "coco/images/train"),
        "polygons": _of_supervision(polygons, folder / "coco/images/train"),
        "yolo": _of_supervision(yolo, folder / "yolo/images/train"),
        "arrays": [{"items": _detections(detections, saved["names"].tolist())}],
    }


def _of_supervision(dataset: Any, images: Path) -> Seen:
    found = []
    for path, image, detections in dataset:
        name = Path(path).resolve().relative_to(images.resolve()).as_posix()
        size = [image.shape[1], image.shape[0]]
        found.append({"name": name, "size": size, "items": _detections(detections, dataset.classes)})
    return found


def _detections(detections: Any, names: list[str]) -> list[dict[str, Any]]:
    masks = detections.mask if detections.mask is not None else [None] * len(detections)
    return [
        {"label": names[number], "box": box.tolist(), "runs": None if mask is None else runs(mask)}
        for number, box, mask in zip(detections.class_id, detections.xyxy, masks, strict=True)
    ]


def datumaro(folder: Path) -> dict[str, Seen]:
    from datumaro.components.dataset import Dataset

    places = {"coco": "coco_instances", "yolo-boxes": "yolo", "cvat": "cvat"}
    return {name: _of_datumaro(Dataset.import_from(str(folder / name), kind)) for name, kind in places.items()}


def _of_datumaro(dataset: Any) -> Seen:
    from datumaro.components.annotation import AnnotationType

    labels = [each.name for each in dataset.categories()[AnnotationType.label]]
    found = []
    for item in dataset:
        height, width = item.media.size
        shown = []
        for each in item.annotations:
            x, y, wide, high = each.get_bbox()
            mask = runs(each.image) if each.type == AnnotationType.mask else None
            shown.append(
                {
                    "label": labels[each.label],
                    "box": [float(place) for place in (x, y, x + wide, y + high)],
                    "runs": mask,
                }
            )
        name = Path(item.media.path).relative_to(Path(item.media.path).parents[item.id.count("/")]).as_posix()
        found.append({"name": name, "split": item.subset, "size": [width, height], "items": shown})
    return found


def label_studio(folder: Path) -> dict[str, Any]:
    import tempfile

    from label_studio_sdk.converter import Converter
    from label_studio_sdk.converter.brush import decode_rle
    from label_studio_sdk.label_interface import LabelInterface

    seen: dict[str, Any] = {}
    for name in ("polygons", "brushes"):
        place = folder / f"label-studio-{name}"
        tasks = json.loads((place / "tasks.json").read_text(encoding="utf-8"))
        config = (place / "config.xml").read_text(encoding="utf-8")
        interface = LabelInterface(config)
        wrong = [error for task in tasks for each in task["predictions"] for error in _problems(interface, each)]
        seen[name] = {"problems": wrong}
        if name == "brushes":
            seen[name]["masks"] = {
                region["id"]: runs(
                    decode_rle(region["value"]["rle"]).reshape(region["original_height"], region["original_width"], 4)[
                        :, :, 3
                    ]
                )
                for task in tasks
                for region in task["predictions"][0]["result"]
                if region["type"] == "brushlabels"
            }
            continue
        # What Label Studio exports once a person has accepted every prediction that there is.
        accepted = [
            {
                "id": number,
                "data": task["data"],
                "annotations": [{"id": number, "completed_by": 1, "result": task["predictions"][0]["result"]}],
            }
            for number, task in enumerate(tasks, 1)
            if task["predictions"][0]["result"]
        ]
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "tasks.json").write_text(json.dumps(accepted), encoding="utf-8")
            converter = Converter(config, str(folder), download_resources=False)
            converter.convert_to_coco(f"{scratch}/tasks.json", f"{scratch}/out", is_dir=False)
            seen[name]["coco"] = json.loads((Path(scratch) / "out/result.json").read_text(encoding="utf-8"))
    return seen


def _problems(interface: Any, prediction: dict[str, Any]) -> list[str]:
    found: list[str] = interface.validate_prediction(prediction, return_errors=True)
    return found


TOOLS: dict[str, Callable[[Path], Any]] = {
    "supervision": supervision,
    "datumaro": datumaro,
    "label-studio": label_studio,
}

if __name__ == "__main__":
    # pycocotools 2.0.11 says so with NumPy 2, whatever it reads. Every other warning is an error.
    warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword", DeprecationWarning)
    # datumaro 1.13 leaves the files of CVAT open.
    warnings.filterwarnings("ignore", "unclosed file", ResourceWarning)
    sys.stdout.write(json.dumps(TOOLS[sys.argv[1]](Path(sys.argv[2]))))
