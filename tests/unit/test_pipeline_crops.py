"""Crops, where they are wanted: each object as a picture beside the result, bounded, and named in it."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from shared.consumer.documents import parse_result
from shared.core.overlays import crops
from shared.core.planning.plan import idempotency_key
from shared.core.values import Item, Mask
from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig, reply

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent

TRIANGLE = [[250, 250], [750, 250], [250, 750]]


def boxes(count: int, **more: Any) -> str:
    found = [
        {"label": f"thing {place}", "box_2d": [10 * place, 0, 10 * place + 20, 500], **more} for place in range(count)
    ]
    return json.dumps({"boxes": found})


def event_of(rig: Rig, task: str, *, wanted: bool = True) -> ImageEvent:
    event = rig.upload(task=task)
    return dataclasses.replace(event, settings=dataclasses.replace(event.settings, crops=wanted))


def picture_of(rig: Rig, name: str) -> Image.Image:
    return Image.open(io.BytesIO(rig.store.read(rig.settings.results_bucket, name, max_bytes=10**7)))


def test_a_segmented_object_is_cut_out_with_its_mask_as_alpha() -> None:
    items = [{"label": "sail", "box_2d": [250, 250, 750, 750], "mask": TRIANGLE}]
    rig = Rig(answer=lambda _: reply(json.dumps({"boxes": items})))
    event = event_of(rig, "segment")

    analyze(event, rig.ports)

    document = rig.document(event)
    [item] = document["items"]
    assert item["crop_file"] in [file["name"] for file in document["files"]]
    crop = picture_of(rig, item["crop_file"])
    x0, y0, x1, y1 = item["box_px"]
    assert (crop.format, crop.mode, crop.size) == ("PNG", "RGBA", (x1 - x0, y1 - y0))
    mask = np.asarray(picture_of(rig, item["mask"]["file"]))[y0:y1, x0:x1] > 0
    assert ((np.asarray(crop.getchannel("A")) == 255) == mask).all()
    [parsed] = parse_result(json.dumps(document), uri="gs://results/v1/a.json").items or ()
    assert parsed.crop_file is not None
    assert parsed.crop_file.uri == f"gs://results/{item['crop_file']}"


def test_a_detected_object_is_cut_out_as_a_jpeg_of_the_uploads_own_pixels() -> None:
    rig = Rig(answer=lambda _: reply(boxes(1)))
    event = event_of(rig, "detect")

    analyze(event, rig.ports)

    [item] = rig.document(event)["items"]
    crop = picture_of(rig, item["crop_file"])
    x0, y0, x1, y1 = item["box_px"]
    assert (crop.format, crop.size) == ("JPEG", (x1 - x0, y1 - y0))


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_without_the_wish_there_are_no_crops_and_no_field(task: str) -> None:
    rig = Rig(answer=lambda _: reply(boxes(2)))
    event = event_of(rig, task, wanted=False)

    analyze(event, rig.ports)

    document = rig.document(event)
    assert all("crop_file" not in item for item in document["items"])
    assert not [file for file in document["files"] if "/crop-" in file["name"]]


def test_more_objects_than_the_bound_leave_a_warning_and_null() -> None:
    rig = Rig(answer=lambda _: reply(boxes(crops.MAX_CROPS + 3)))
    event = event_of(rig, "detect")

    analyze(event, rig.ports)

    document = rig.document(event)
    assert [item["crop_file"] is not None for item in document["items"]] == [True] * crops.MAX_CROPS + [False] * 3
    assert "crops were made of 25 of 28 objects: there may not be more" in document["warnings"]


def test_the_wish_is_part_of_the_key_and_the_same_work_gives_the_same_bytes() -> None:
    files = []
    for _ in range(2):
        rig = Rig(answer=lambda _: reply(boxes(2)))
        event = event_of(rig, "detect")
        analyze(event, rig.ports)
        files.append([(file["name"], file["crc32c"]) for file in rig.document(event)["files"]])

    assert files[0] == files[1]
    assert idempotency_key(event) != idempotency_key(event_of(Rig(), "detect", wanted=False))


def item(index: int, box: tuple[int, int, int, int], mask: Mask | None = None) -> Item:
    return Item(index, "thing", box_px=box, mask=mask)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 255, (height, width, 3), dtype=np.uint8))


def test_a_crop_is_never_longer_than_the_bound_never_enlarged_and_never_empty() -> None:
    picture = noise(1500, 1000)
    boxes_px = [(0, 0, 1500, 1000), (0, 0, 1500, 1), (7, 7, 8, 8), (100, 100, 400, 300)]

    # The image was ten times as large as the picture that is left of it.
    found = crops.cut(
        picture,
        [item(index, tuple(10 * side for side in box)) for index, box in enumerate(boxes_px)],  # type: ignore[arg-type]
        width=15_000,
        height=10_000,
    )

    sizes = [Image.open(io.BytesIO(found.by_index[index].data)).size for index in range(4)]
    assert sizes == [(512, 341), (512, 1), (1, 1), (300, 200)]
    assert found.warnings == ()


def test_whole_pictures_are_cut_as_often_as_the_bound_of_pixels_allows() -> None:
    picture = noise(3000, 3000)

    found = crops.cut(picture, [item(index, (0, 0, 3000, 3000)) for index in range(20)], width=3000, height=3000)

    assert len(found.by_index) == crops.MAX_SOURCE_PIXELS // 9_000_000
    assert found.warnings == ("crops were made of 11 of 20 objects: there may not be more",)


def test_what_cannot_be_used_is_not_cut() -> None:
    unusable = Item(0, "thing", status="unusable", reason="odd", box_px=(0, 0, 5, 5))

    found = crops.cut(noise(10, 10), [unusable, Item(1, "thing")], width=10, height=10)

    assert (found.by_index, found.warnings) == ({}, ())
