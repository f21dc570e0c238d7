"""Images with results that nobody had to compute: written straight into the buckets of an emulator."""

from __future__ import annotations

import datetime as dt
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from infra.local import resources, topology
from shared.core.events.envelopes import ImageEvent
from shared.core.naming import paths
from shared.core.planning import plan
from shared.core.results import documents
from shared.core.values import ImageInfo, Source, TaskSettings, is_transposed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SETTINGS = TaskSettings("gemini-3.8-flash", "p", "low", 25, 1000)
_TURN_RIGHT = 6  # EXIF 2.32, table 4
AT = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Planted:
    """One image: `size` upright, its items as (label, box in upright pixels), and how the file lies.

    `status` is that of its one task, segment; "waiting" leaves it without a result, "none" without a task.
    """

    name: str
    size: tuple[int, int] = (320, 240)
    items: Sequence[tuple[str, tuple[int, int, int, int]]] = ()
    orientation: int = 1
    status: str = "ok"
    caption: str | None = None
    data: bytes | None = None
    masks: bool = True


def plant(storage: str, planted: Iterable[Planted]) -> None:
    """Write uploads, in their order, and then results and masks: the page lists what was uploaded last first."""
    client = resources.storage_client(storage)
    uploaded = [(each, _upload(client, each)) for each in planted]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: _answer(client, *each), uploaded))


def _upload(client: Any, each: Planted) -> int:
    """Return the generation of the upload."""
    width, height = each.size
    stored = (height, width) if is_transposed(each.orientation) else (width, height)
    blob = client.bucket(topology.UPLOADS).blob(each.name)
    data = each.data or jpeg(stored, seed=len(each.name) + ord(each.name[-5]), orientation=each.orientation)
    blob.upload_from_string(data, content_type="image/jpeg")
    return int(blob.generation)


def _answer(client: Any, each: Planted, generation: int) -> None:
    if each.status == "none":
        return
    event = ImageEvent(Source(topology.UPLOADS, each.name, generation), "segment", SETTINGS, "v1")
    place = paths(event.source, run=event.run, task=event.task)
    if each.status == "waiting":
        client.bucket(topology.WORK).blob(place.lease).upload_from_string(b"{}")
        return
    results = client.bucket(topology.RESULTS)
    document = _document(event, each, place.file("mask"))
    for number, (_, box) in enumerate(each.items if each.masks else ()):
        results.blob(f"{place.file('mask')}-{number}.png").upload_from_string(mask(each.size, box), "image/png")
    name = place.error(0) if each.status == "failed" else place.result
    results.blob(name).upload_from_string(json.dumps(document), content_type="application/json")


def mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> bytes:
    """Return a mask PNG that fills the lower left half of its box, with one corner in the upper left."""
    picture = Image.new("L", size)
    x0, y0, x1, y1 = box
    ImageDraw.Draw(picture).polygon([(x0, y0), (x0, y1 - 1), (x1 - 1, y1 - 1)], fill=255)
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


def jpeg(size: tuple[int, int], *, seed: int = 0, orientation: int = 1) -> bytes:
    """Return a small picture of its own colours."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    made = io.BytesIO()
    colour = (40 + seed * 37 % 200, 40 + seed * 61 % 200, 40 + seed * 13 % 200)
    Image.new("RGB", size, colour).save(made, "JPEG", exif=exif, quality=60)
    return made.getvalue()


def stored_box(box: Sequence[int], each: Planted) -> list[int]:
    """Return a box in the grid of a file that lies on its side by EXIF orientation 6, or that stands upright."""
    x0, y0, x1, y1 = box
    return [y0, each.size[0] - x1, y1, each.size[0] - x0] if each.orientation == _TURN_RIGHT else list(box)


def _document(event: ImageEvent, each: Planted, stem: str) -> dict[str, Any]:
    info = ImageInfo(*each.size, "jpeg", "image/jpeg", orientation=each.orientation)
    document = documents.unanswered(
        event,
        plan.idempotency_key(event),
        status="failed",
        code="corrupt",  # type: ignore[arg-type]
        message="The file is broken.",
        at=AT.isoformat().replace("+00:00", "Z"),
        image=info,
    )
    if each.status == "failed":
        return document
    items = [
        {
            "index": number,
            "label": label,
            "status": "ok",
            "reason": None,
            "box_px": list(box),
            "box_px_stored": stored_box(box, each),
            "mask": None
            if not each.masks
            else {
                "status": "ok",
                "file": f"{stem}-{number}.png",
                "source": "png",
                "area_px": (box[2] - box[0]) * (box[3] - box[1]) // 2,
                "reason": None,
            },
        }
        for number, (label, box) in enumerate(each.items)
    ]
    usage = {"total_tokens": 100, "cost_usd": 0.001}
    files = [{"name": item["mask"]["file"]} for item in items if isinstance(item["mask"], dict)]
    served = {"requested": SETTINGS.model, "served": "local-vision"}
    document |= {"status": each.status, "error": None, "items": items, "files": files, "usage": usage, "model": served}
    return document | ({} if each.caption is None else {"caption": each.caption})
