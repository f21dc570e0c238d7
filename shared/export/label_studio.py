"""Tasks with predictions for Label Studio, and the labelling configuration that they fit.

https://labelstud.io/guide/predictions. Browsers turn pictures by their EXIF orientation, so all of it is in shares
(per cent) of the upright image.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import quoteattr

from shared.export.shapes import polygons, row_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.export.pictures import DatasetImage, Thing

Form = Literal["polygon", "brush"]

_CHANNELS = 4  # Label Studio paints with a brush in RGBA, all four alike
_WORD_BITS = 8
_LENGTH_BITS = (3, 4, 8, 16)
_LONGEST = 1 << _LENGTH_BITS[-1]


def config(classes: Sequence[str]) -> str:
    """Return the labelling configuration: boxes, polygons, brushes and the words of lines of text."""
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in classes)
    tags = "".join(
        f'  <{tag} name="{name}" toName="image">\n{labels}  </{tag}>\n'
        for tag, name in (("RectangleLabels", "box"), ("PolygonLabels", "polygon"), ("BrushLabels", "brush"))
    )
    words = '  <TextArea name="words" toName="image" perRegion="true" editable="true" maxSubmissions="1"/>\n'
    return f'<View>\n  <Image name="image" value="$image"/>\n{tags}{words}</View>\n'


def task(picture: DatasetImage, regions: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Return one task: the image by its gs:// address, and everything found as one prediction."""
    document = picture.document
    said = {"image": picture.uri, "generation": picture.source["generation"], "split": picture.part}
    prediction = {
        "model_version": document["model"]["served"] or document["model"]["requested"],
        "result": [region for found in regions for region in found],
    }
    return {"data": said | {"result": document["id"]}, "predictions": [prediction]}


def regions(picture: DatasetImage, thing: Thing, *, form: Form, tolerance_px: float) -> list[dict[str, Any]]:
    """Return what Label Studio shows of one item: its mask, by brush or as polygons, else its box, and its words."""
    width, height = picture.size
    drawn = _drawn(thing, width=width, height=height, form=form, tolerance_px=tolerance_px)
    found = [
        {
            "id": _id(picture, thing, number),
            "from_name": name,
            "to_name": "image",
            "type": f"{tag}labels",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": value | {f"{tag}labels": [thing.label]},
        }
        for number, (name, tag, value) in enumerate(drawn)
    ]
    if thing.text is None:
        return found
    said = {"from_name": "words", "type": "textarea", "value": {"text": [thing.text]}}
    return [*found, *(region | said for region in found)]


def _drawn(
    thing: Thing, *, width: int, height: int, form: Form, tolerance_px: float
) -> list[tuple[str, str, dict[str, Any]]]:
    if thing.mask is None or not thing.mask.area:
        x0, y0, x1, y1 = thing.box_px
        size = {"width": 100 * (x1 - x0) / width, "height": 100 * (y1 - y0) / height}
        return [("box", "rectangle", {"x": 100 * x0 / width, "y": 100 * y0 / height, **size, "rotation": 0})]
    if form == "brush":
        whole = _whole(thing, width=width, height=height)
        return [("brush", "brush", {"format": "rle", "rle": brush_rle(whole)})]
    rings = polygons(thing.mask, tolerance_px=tolerance_px)
    points = (
        [[100 * x / width, 100 * y / height] for x, y in zip(ring[::2], ring[1::2], strict=True)] for ring in rings
    )
    return [("polygon", "polygon", {"points": ring, "closed": True}) for ring in points]


def _whole(thing: Thing, *, width: int, height: int) -> NDArray[np.bool_]:
    import numpy as np

    plane = np.zeros((height, width), dtype=np.bool_)
    if thing.mask is not None:
        rows, columns = thing.mask.inside.shape
        plane[thing.mask.top : thing.mask.top + rows, thing.mask.left : thing.mask.left + columns] = thing.mask.inside
    return plane


def brush_rle(inside: NDArray[np.bool_]) -> list[int]:
    """Return a mask (rows by columns) as Label Studio packs it: thi.ng's rle-pack, as a list of bytes.

    A number of 32 bits (how many values), then the sizes of words and of lengths, then runs: a bit for "many", two
    for which size of length, the length less one, and the value. Every pixel is four equal values.
    """
    sizes = "".join(f"{size - 1:04b}" for size in _LENGTH_BITS)
    bits = [f"{_CHANNELS * inside.size:032b}{_WORD_BITS - 1:05b}{sizes}"]
    for number, pixels in enumerate(row_runs(inside)):
        value = f"{255 * (number % 2):08b}"
        left = _CHANNELS * pixels
        while left:
            run = min(left, _LONGEST)
            which = next(place for place, size in enumerate(_LENGTH_BITS) if run <= 1 << size)
            bits.append(f"1{which:02b}{run - 1:0{_LENGTH_BITS[which]}b}{value}")
            left -= run
    packed = "".join(bits)
    whole = packed + "0" * (-len(packed) % 8)
    return list(int(whole, 2).to_bytes(len(whole) // 8, "big"))


def _id(picture: DatasetImage, thing: Thing, number: int) -> str:
    """The same region has the same id in every export."""
    name = f"{picture.document['id']}/{thing.index}/{number}"
    return hashlib.sha256(name.encode()).hexdigest()[:10]
