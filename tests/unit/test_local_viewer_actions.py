from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infra.local.viewer.actions import next_run
from infra.local.viewer.faults import OFFERS, Faults, children_of
from infra.viewer.downloads import archive_of, coco_of
from infra.viewer.errors import ApiError

SOURCE = {"bucket": "uploads", "name": "cat.jpg", "generation": "7"}


def document(task: str, items: list[dict[str, Any]], files: list[str]) -> dict[str, Any]:
    image = {"width": 40, "height": 30, "format": "jpeg", "orientation": 1}
    made = {"source": SOURCE, "task": task, "status": "ok", "created": "2026-11-29T10:00:00Z", "image": image}
    return made | {"items": items, "files": [{"name": f"v1/uploads/cat.jpg/7/{task}/{name}"} for name in files]}


def item(box: list[int], *, mask: str | None = None) -> dict[str, Any]:
    found = {"index": 0, "label": "cat", "status": "ok", "box_px": box, "box_px_stored": box}
    return found | ({"mask": {"status": "ok", "file": mask}} if mask else {})


def mask_png() -> bytes:
    pixels = np.zeros((30, 40), np.uint8)
    pixels[5:10, 10:20] = 255
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def test_an_archive_holds_documents_and_all_their_files() -> None:
    documents = [document("segment", [], ["mask-000.png", "overlay.jpg"]), document("caption", [], [])]
    content = archive_of(documents, lambda name: name.encode())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["segment.json", "segment/mask-000.png", "segment/overlay.jpg", "caption.json"]
        assert archive.read("segment/mask-000.png") == b"v1/uploads/cat.jpg/7/segment/mask-000.png"
        assert json.loads(archive.read("caption.json"))["task"] == "caption"


def test_coco_takes_the_task_with_masks() -> None:
    masked = document("segment", [item([10, 5, 20, 10], mask="m.png")], ["m.png"])
    boxed = document("detect", [item([0, 0, 40, 30])], [])
    for documents in ([masked, boxed], [boxed, masked]):
        found = coco_of(documents, lambda _: mask_png())
        assert [(each["bbox"], each["area"]) for each in found["annotations"]] == [([10, 5, 10, 5], 50)]
        assert [each["name"] for each in found["categories"]] == ["cat"]


def test_coco_of_an_image_without_items_is_empty() -> None:
    assert coco_of([{"task": "caption", "items": None}], lambda _: b"")["images"] == []


@pytest.mark.parametrize(
    ("runs", "expected"), [([], "again-1"), (["v1", None], "again-1"), (["again-1", "again-9", "again-x"], "again-10")]
)
def test_a_second_look_is_a_run_that_was_not_there(runs: list[str | None], expected: str) -> None:
    assert next_run(runs) == expected


def test_only_children_are_killed() -> None:
    assert children_of(7, "  7 1\n 9 7\n10 9\n11 7\n") == [9, 11]


def test_what_is_not_ours_cannot_be_broken(tmp_path: Any) -> None:
    faults = Faults(storage="http://127.0.0.1:1", pubsub=None, gemini=None, state=tmp_path)
    unable = {each["name"]: bool(each["unable"]) for each in faults.documents()}
    assert unable == {each.name: each.service in {"pubsub", "gemini"} for each in OFFERS}
    with pytest.raises(ApiError, match="Not here: pubsub"):
        faults.do("duplicate", None)  # type: ignore[arg-type]
    with pytest.raises(ApiError, match="Expected one of"):
        faults.do("everything", None)  # type: ignore[arg-type]
