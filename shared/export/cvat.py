"""Annotations as "CVAT for images 1.1": https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/.

CVAT turns pictures by their EXIF orientation, so all of it is in pixels of the upright image.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape, quoteattr

from shared.export.classes import TEXT
from shared.export.shapes import polygons, row_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.export.pictures import DatasetImage, Thing

Form = Literal["mask", "polygon"]

_NOT_IN_XML = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # https://www.w3.org/TR/xml/#charsets


def to_xml(pictures: Iterable[tuple[DatasetImage, Sequence[str]]], *, classes: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the document, each with its end; a picture comes with its `shapes`."""
    listed = list(pictures)
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n'
    yield f"      <name>Uplook results</name>\n      <size>{len(listed)}</size>\n      <mode>annotation</mode>\n"
    yield "      <labels>\n"
    for name in classes:
        attributes = _TEXT_ATTRIBUTE if name == TEXT else ""
        yield f"        <label><name>{_text(name)}</name><attributes>{attributes}</attributes></label>\n"
    yield "      </labels>\n    </task>\n  </meta>\n"
    for number, (picture, shapes) in enumerate(listed):
        width, height = picture.size
        said = {"id": number, "name": picture.file_name, "subset": picture.part, "width": width, "height": height}
        yield f"  <image{_attributes(said)}>\n"
        yield from shapes
        yield "  </image>\n"
    yield "</annotations>\n"


_TEXT_ATTRIBUTE = (
    "<attribute><name>words</name><mutable>False</mutable><input_type>text</input_type>"
    "<default_value></default_value><values></values></attribute>"
)


def shapes(thing: Thing, *, form: Form, tolerance_px: float) -> str:
    """Return the elements of one item: its mask, exact or as polygons of one group, else its box."""
    head = {"label": thing.label, "source": "auto", "occluded": 0, "z_order": 0}
    words = f'<attribute name="words">{_text(thing.text)}</attribute>' if thing.text is not None else ""
    if thing.mask is None or not thing.mask.area:
        x0, y0, x1, y1 = thing.box_px
        return _element("box", head | {"xtl": x0, "ytl": y0, "xbr": x1, "ybr": y1}, words)
    if form == "mask":
        rows, columns = thing.mask.inside.shape
        runs = ", ".join(map(str, row_runs(thing.mask.inside)))
        place = {"rle": runs, "left": thing.mask.left, "top": thing.mask.top, "width": columns, "height": rows}
        return _element("mask", head | place, words)
    rings = polygons(thing.mask, tolerance_px=tolerance_px)
    group = {"group_id": thing.index + 1} if len(rings) > 1 else {}
    return "".join(_element("polygon", head | {"points": _points(ring)} | group, words) for ring in rings)


def _points(ring: Sequence[int]) -> str:
    return ";".join(f"{x},{y}" for x, y in zip(ring[::2], ring[1::2], strict=True))


def _element(name: str, attributes: Mapping[str, object], inside: str) -> str:
    return f"    <{name}{_attributes(attributes)}>{inside}</{name}>\n"


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f" {name}={quoteattr(_clean(str(value)))}" for name, value in values.items())


def _text(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    """Put U+FFFD in place of what XML cannot say."""
    return _NOT_IN_XML.sub("\ufffd", text)
