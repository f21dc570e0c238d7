"""Maps of probabilities, where they are wanted: one beside each mask that has one, and named in the result."""

from __future__ import annotations

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig, reply

OUTLINE = [[250, 250], [750, 250], [750, 750], [250, 750]]


def slope() -> str:
    """256x256, from 0 at the left to 255 at the right."""
    file = io.BytesIO()
    Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (256, 1))).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("soft", [True, False])
def test_a_map_lies_beside_each_mask_that_has_one(soft: bool) -> None:
    items = [
        {"label": "slope", "box_2d": [250, 250, 750, 750], "mask": slope()},
        {"label": "outline", "box_2d": [250, 250, 750, 750], "mask": OUTLINE},
    ]
    rig = Rig(answer=lambda _: reply(json.dumps({"boxes": items})))
    event = rig.upload(task="segment")
    event = dataclasses.replace(
        event, settings=dataclasses.replace(event.settings, soft_masks=soft, mask_threshold=200)
    )

    analyze(event, rig.ports)

    document = rig.document(event)
    first, second = (item["mask"] for item in document["items"])
    assert first["area_px"] < second["area_px"] / 2
    assert (first["fit"], second["fit"]) == (pytest.approx(55 / 256, abs=0.01), 1.0)
    if not soft:
        assert "soft_file" not in first | second
        return
    assert second["soft_file"] is None
    assert first["soft_file"] in [file["name"] for file in document["files"]]
    data = rig.store.read(rig.settings.results_bucket, first["soft_file"], max_bytes=10**7)
    picture = np.asarray(Image.open(io.BytesIO(data)))
    assert picture.shape == (document["image"]["height"], document["image"]["width"])
    assert int(picture.min()) == 0
    assert int(picture.max()) > 250
