"""A bucket of images and their results, made by hand: turned pictures, masks with holes and in parts, odd names."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tests.export_documents import document, item, mask_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shared.adapters.storage import GoogleStorage

ODD_LABEL = 'naïve "cat" <&> \N{CAT FACE}'


@dataclass(frozen=True)
class Thing:
    """What is there: a box of the upright image, and the mask in it, if it has one."""

    label: str
    box: tuple[int, int, int, int]
    inside: NDArray[np.bool_] | None = None

    def plane(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask in the whole upright image."""
        whole = np.zeros((size[1], size[0]), dtype=np.bool_)
        x0, y0, x1, y1 = self.box
        whole[y0:y1, x0:x1] = True if self.inside is None else self.inside
        return whole


@dataclass(frozen=True)
class Photo:
    """One upload; `size` is width and height of the upright image."""

    bucket: str
    name: str
    size: tuple[int, int]
    things: tuple[Thing, ...]
    orientation: int = 1

    @property
    def file_name(self) -> str:
        """Its name in COCO and CVAT."""
        return f"{self.bucket}/{self.name.replace('#', '%23')}"


def ring(columns: int, rows: int) -> NDArray[np.bool_]:
    """A frame with a hole in it."""
    inside = np.ones((rows, columns), dtype=np.bool_)
    inside[3:-3, 3:-3] = False
    return inside


def parts(columns: int, rows: int) -> NDArray[np.bool_]:
    """Two things that lie apart, of different sizes."""
    inside = np.zeros((rows, columns), dtype=np.bool_)
    inside[:, :4] = True
    inside[2:, -6:] = True
    return inside


def corner(columns: int, rows: int) -> NDArray[np.bool_]:
    """An L, which no turn and no mirror leaves as it is."""
    inside = np.zeros((rows, columns), dtype=np.bool_)
    inside[:, :5] = True
    inside[-7:, :] = True
    return inside


PHOTOS = (
    Photo("more", "sky.jpg", (30, 20), (Thing("cat", (2, 3, 12, 15), np.ones((12, 10), dtype=np.bool_)),)),
    Photo(
        "uploads",
        "día 1/cat#1.png",
        (60, 40),
        (
            Thing("cat", (10, 5, 30, 25), ring(20, 20)),
            Thing("dog", (31, 8, 55, 30), parts(24, 22)),
            Thing(ODD_LABEL, (0, 30, 20, 40)),
        ),
    ),
    Photo("uploads", "rotated.jpg", (40, 60), (Thing("cat", (4, 6, 20, 40), corner(16, 34)),), orientation=6),
    Photo("uploads", "sky.jpg", (30, 20), ()),
)


def fill(store: GoogleStorage, *, results: str) -> None:
    """Put the photos and their results into buckets."""
    for photo in PHOTOS:
        kind = "png" if photo.name.endswith("png") else "jpeg"
        generation = str(store.create(photo.bucket, photo.name, _image(photo, kind), content_type=f"image/{kind}"))
        _put_results(store, photo, results=results, generation=generation, task="segment")
        _put_results(store, photo, results=results, generation=generation, task="detect")
    old = Photo("uploads", "sky.jpg", (10, 10), (Thing("cow", (0, 0, 5, 5)),))
    _put_results(store, old, results=results, generation="1", task="segment")


def _put_results(store: GoogleStorage, photo: Photo, *, results: str, generation: str, task: str) -> None:
    folder = f"v1/{photo.bucket}/{photo.file_name.partition('/')[2]}/{generation}"
    items = []
    for index, thing in enumerate(photo.things):
        file = f"{folder}/{task}/mask-{index:03d}.png"
        masked = task == "segment" and thing.inside is not None
        if masked:
            data = io.BytesIO()
            Image.fromarray(thing.plane(photo.size)).save(data, "PNG")
            store.create(results, file, data.getvalue(), content_type="image/png")
        mask = {"mask": mask_of(file)} if masked else {}
        items.append(item(thing.label, thing.box, index=index, size=photo.size, orientation=photo.orientation, **mask))
    made: dict[str, Any] = document(
        items,
        name=photo.name,
        task=task,
        status="ok" if items else "empty",
        size=photo.size,
        orientation=photo.orientation,
    )
    made["id"] = hashlib.sha256(f"{folder}/{task}".encode()).hexdigest()
    made["source"] |= {"bucket": photo.bucket, "generation": generation}
    store.create(results, f"{folder}/{task}.json", json.dumps(made).encode(), content_type="application/json")


def _image(photo: Photo, kind: str) -> bytes:
    """White where a mask is, black elsewhere; stored as the orientation wants it."""
    masks = [thing.plane(photo.size) for thing in photo.things if thing.inside is not None]
    white = np.any([np.zeros(photo.size[::-1], dtype=np.bool_), *masks], axis=0)
    upright = Image.fromarray(np.where(white, 255, 0).astype(np.uint8)).convert("RGB")
    stored = upright.transpose(Image.Transpose.ROTATE_90) if photo.orientation == 6 else upright
    exif = Image.Exif()
    exif[0x0112] = photo.orientation
    data = io.BytesIO()
    stored.save(data, kind.upper(), exif=exif, quality=95, subsampling=0)
    return data.getvalue()
