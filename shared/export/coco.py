"""Turns result documents into a COCO dataset: images, categories, and annotations with boxes and masks.

Boxes and masks are in pixels of the *upright* image, so whoever loads the image files must apply their EXIF
orientation, as most COCO tools do. Masks become run-length encodings in COCO's compressed form, which
`pycocotools.mask` reads: https://cocodataset.org/#format-data. They are exact; polygons, which many labelling tools
want instead, cannot say that a mask has holes.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_UNLABELLED: Final = "object"
_TEXT: Final = "text"
_CHAR_BITS: Final = 5
_MORE: Final = 0x20
_SIGN: Final = 0x10
_FIRST_CHAR: Final = 48
_PLAIN_COUNTS: Final = 3
"""The first counts stand as they are; later ones as the difference to the count two before."""


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask as COCO runs it: alternating lengths of 0s and 1s, down the columns, beginning with 0s."""

    width: int
    height: int
    counts: tuple[int, ...]

    def segmentation(self) -> dict[str, Any]:
        """Return the value of an annotation's `segmentation`."""
        return {"size": [self.height, self.width], "counts": compressed(self.counts)}


@dataclass(frozen=True, slots=True, eq=False)
class MaskCrop:
    """The part of a mask that holds all of it: `inside` (rows by columns) lies at `left`, `top` of the image."""

    inside: NDArray[np.bool_]
    left: int
    top: int

    @property
    def area(self) -> int:
        """Pixels inside the mask."""
        return int(self.inside.sum())


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How masks are written. `tolerance_px` is how far a polygon may leave out corners; 0 keeps every pixel."""

    form: Literal["rle", "polygon"] = "rle"
    tolerance_px: float = 0.0


def to_coco(
    documents: Iterable[Mapping[str, Any]],
    *,
    read_file: Callable[[str], bytes],
    segmentation: Segmentation = Segmentation(),
    on_unreadable: Callable[[str, ValueError], None] | None = None,
    each: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map,
) -> dict[str, Any]:
    """Return one COCO dataset of all `documents` (`uplook.result/1`) that have items, even none.

    Results of several tasks on the same generation of an image share one entry in `images`. `read_file` gets the
    value of `mask.file` and returns the PNG. An item without a mask has the empty `segmentation`; an unusable
    one is left out. With `on_unreadable`, an item whose mask cannot be read is told to it, with the reason, and
    keeps its box. `each` is `map`, or an executor's, which reads many masks at a time.

    Raises:
        ValueError: without `on_unreadable`, if a mask file has another size than its image, or is no PNG.
    """
    listed = [document for document in documents if document.get("items") is not None and document.get("image")]
    images = _images(listed)
    pairs = [
        (images[_identity(document)], item) for document in listed for item in document["items"] if is_usable(item)
    ]
    categories = {name: number for number, name in enumerate(sorted({category(item) for _, item in pairs}), 1)}
    masks = _Masks(read_file, segmentation, on_unreadable)
    annotations = each(lambda pair: _annotation(pair[0], pair[1], masks), pairs)
    return {
        "info": {"description": "Uplook results", "version": "1"},
        "images": list(images.values()),
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
        "annotations": [
            annotation | {"id": number, "category_id": categories[category(item)]}
            for number, ((_, item), annotation) in enumerate(zip(pairs, annotations, strict=True), 1)
        ],
    }


def is_usable(item: Mapping[str, Any]) -> bool:
    """Whether an item of a result has a box to work with."""
    return item["status"] == "ok" and item["box_px"] is not None


def category(item: Mapping[str, Any]) -> str:
    """Return the name of an item's class: `text` for a line of text, else its label in one line, or `object`."""
    if item.get("text") is not None:
        return _TEXT
    return " ".join(item["label"].split()) or _UNLABELLED


def crop_mask(data: bytes, *, width: int, height: int) -> MaskCrop:
    """Read a mask PNG of the upright image; every pixel that is not black is inside.

    Raises:
        ValueError: if the PNG is not `width` times `height` pixels, or is no PNG.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as mask:
            if mask.size != (width, height):
                raise ValueError(f"expected a mask of {width}x{height}, found {mask.width}x{mask.height}")
            box = mask.getbbox() or (0, 0, 0, 0)
            return MaskCrop(np.asarray(mask.crop(box).convert("L")) > 0, box[0], box[1])
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # all that Pillow says of damaged PNGs
        raise ValueError(
            f"expected a mask PNG, found {len(data)} bytes of something else; download the file of the result again"
        ) from error


def polygons(mask: MaskCrop, *, tolerance_px: float = 0.0) -> list[list[int]]:
    """Return the outer rings of a mask as COCO's flat `[x, y, x, y, ...]`, in pixels of the whole image.

    Corners lie on the edges of pixels: without tolerance, drawing the polygons with pycocotools gives the mask
    back, its holes filled.
    """
    import numpy as np

    from shared.core.masks.outline import outer_rings, simplified

    corner = np.array([mask.left, mask.top])
    rings = (simplified(ring, tolerance_px=tolerance_px) for ring in outer_rings(mask.inside))
    return [(ring + corner).ravel().tolist() for ring in rings]


def rle(mask: MaskCrop, *, width: int, height: int) -> Rle:
    """Run down the columns of a whole image of `width` times `height`."""
    import numpy as np

    bounds = _run_bounds(mask, height)
    counts = np.diff(bounds, prepend=0, append=width * height).tolist()
    return Rle(width, height, tuple(counts if counts[-1] else counts[:-1]))


def compressed(counts: Sequence[int]) -> str:
    """Return `counts` in COCO's own text form: 5 bits to a character, least first, with sign and continuation."""
    earlier = [0] * _PLAIN_COUNTS + list(counts[1:])
    return "".join(_chars(count - before) for count, before in zip(counts, earlier, strict=False))


def _chars(value: int) -> str:
    chars = ""
    while True:
        low = value & (_MORE - 1)
        value >>= _CHAR_BITS
        if value == (-1 if low & _SIGN else 0):
            return chars + chr(low + _FIRST_CHAR)
        chars += chr((low | _MORE) + _FIRST_CHAR)


def _run_bounds(mask: MaskCrop, height: int) -> NDArray[np.int64]:
    """Return where runs of 1s start and end, in turn, counted down the columns of the whole image."""
    import numpy as np

    padded = np.pad(mask.inside, ((1, 1), (0, 0))).T.astype(np.int8)
    column, row = np.nonzero(np.diff(padded, axis=1))
    places, times = np.unique((column + mask.left) * height + row + mask.top, return_counts=True)
    bounds: NDArray[np.int64] = places[times == 1]  # twice: a run that goes on at the top of the next column
    return bounds


def _images(documents: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    images: dict[tuple[Any, ...], dict[str, Any]] = {}
    for document in documents:
        source, image = document["source"], document["image"]
        entry = {
            "id": len(images) + 1,
            "file_name": source["name"],
            "width": image["width"],
            "height": image["height"],
            "coco_url": f"gs://{source['bucket']}/{source['name']}#{source['generation']}",
        }
        images.setdefault(_identity(document), entry)
    return images


def _identity(document: Mapping[str, Any]) -> tuple[Any, ...]:
    source = document["source"]
    return source["bucket"], source["name"], source["generation"]


@dataclass(frozen=True, slots=True)
class _Masks:
    """Reads masks and writes them as segmentations."""

    read_file: Callable[[str], bytes]
    segmentation: Segmentation
    on_unreadable: Callable[[str, ValueError], None] | None

    def of(self, file: str, image: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a mask adds to its annotation: nothing, where it cannot be read."""
        try:
            mask = crop_mask(self.read_file(file), width=image["width"], height=image["height"])
        except ValueError as error:
            if self.on_unreadable is None:
                raise
            self.on_unreadable(file, error)
            return {}
        if self.segmentation.form == "polygon":
            drawn: Any = polygons(mask, tolerance_px=self.segmentation.tolerance_px)
        else:
            drawn = rle(mask, width=image["width"], height=image["height"]).segmentation()
        return {"area": mask.area, "segmentation": drawn}


def _annotation(image: Mapping[str, Any], item: Mapping[str, Any], masks: _Masks) -> dict[str, Any]:
    x0, y0, x1, y1 = item["box_px"]
    annotation = {
        "image_id": image["id"],
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
        "segmentation": [],
    }
    if item.get("text") is not None:
        annotation["utf8_string"] = item["text"]  # as in COCO-Text
    mask = item.get("mask")
    return annotation | masks.of(mask["file"], image) if mask and mask["status"] == "ok" else annotation
