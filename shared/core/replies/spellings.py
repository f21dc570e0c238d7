"""The names under which answers keep things, as tables: of boxes, masks, points, labels and of lists of entries.

Names are compared without case, spaces and marks: `boundingBox`, `Bounding Box` and `bounding_box` are one name. They
come from recorded answers, from prompts of public projects and from their readers; translated ones from answers in
other languages, where models translate keys, too. Earlier names win over later ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_LONGEST_NAME = 64


def plain(key: str) -> str:
    """A name as the tables have it: letters and digits alone, without case."""
    return _plain(key[:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    return "".join(char for char in key.casefold() if char.isalnum())


BOX = ("box2d", "boundingbox2d", "bbox2d", "boundingbox", "bbox", "box")
"""A value under one of these is meant as a box, whatever it is; its order is that of `box_2d`."""

LOOSE_BOX = (
    *("boxes", "boxes2d", "bboxes", "boundingboxes", "coordinates", "coords", "boxcoordinates", "bounds", "location"),
    *("region", "rect", "rectangle", "position", "boundingrect", "locations", "regions"),
    *("caja", "cuadro", "cuadrodelimitador", "cajadelimitadora", "boîte", "boîteenglobante", "rahmen", "caixa"),
    *("begrenzungsrahmen", "caixadelimitadora", "riquadro", "рамка", "边界框", "边框", "バウンディングボックス"),
)
"""Names of a box only where the value reads as one, or as several: they name lists of entries and other things, too."""

NO_BOX = re.compile(
    r"colou?r|rgb|hsv|size|dimension|resolution|image|canvas|score|confiden|point|cent(?:er|re)|time|date|3d|shape|mask"
    r"|poly|segment|contour|outline"
)
"""In the name of four numbers that are no box."""

MASK = (
    *("mask", "segmentationmask", "mask2d", "segmentmask", "maskbase64", "polygon", "maskpolygon", "segmentation"),
    *("contour", "outline", "polygons", "contours", "points", "vertices", "masks", "máscara", "masque", "maske"),
    *("маска", "掩码", "蒙版", "マスク"),
)
POINT = ("point", "point2d", "center", "centre", "centerpoint", "keypoint")

LABEL = (
    *("label", "classname", "class", "objectname", "objectlabel", "labelname", "textlabel", "categoryname"),
    "category",
)
"""Names of a label wherever they stand."""

WEAK_LABEL = (
    *("name", "object", "item", "title", "textcontent", "text", "content", "entity", "tag", "type", "caption"),
    *("description", "labels", "names", "objects", "classes", "classnames", "categories", "tags"),
)
"""Names of a label beside a box; elsewhere they describe anything."""

LABEL_ABOVE = ("name", "object", "entity", "tag")
"""Those of them that name what lies below, where that has no label of its own."""

TRANSLATED_LABEL = tuple(
    plain(name)
    for name in (
        *("etiqueta", "nombre", "objeto", "clase", "rótulo", "nome", "étiquette", "libellé", "nom", "objet", "classe"),
        *("beschriftung", "bezeichnung", "etikett", "objekt", "klasse", "etichetta", "oggetto", "etykieta", "nazwa"),
        *("etiket", "nesne", "naam", "метка", "название", "имя", "объект", "класс", "标签", "標籤", "名称", "名稱"),
        *(
            "类别",
            "ラベル",
            "名前",
            "라벨",
            "레이블",
            "이름",
            "लेबल",
            "नाम",
            "ป้ายกำกับ",
            "ชื่อ",
            "nhãn",
            "tên",
            "تسمية",
            "اسم",
        ),
    )
)
NO_LABEL = re.compile(
    r"colou?r|rgb|score|confiden|probab|(?:^|box|item|object)id$|index|number|count|evidence|reason|explan|note|comment"
    r"|status|url|uri|format|unit|scale|order|language|source|model|time|date"
)
"""In the names of texts that are no labels."""

LABELS = ("labels", "label", "tags", "tag", "classes", "class", "categories", "category", "names", "keywords")
"""Names of a list of labels that stands beside a list of boxes, or is the answer to a classification."""

WRAPPER = frozenset(
    (
        *("boxes", "box", "bbox", "bboxes", "boundingboxes", "boundingbox", "box2d", "boxes2d", "bbox2d", "mask"),
        *("object", "objects", "item", "items", "detection", "detections", "detectedobjects", "result", "results"),
        *("entry", "entries", "annotation", "annotations", "prediction", "predictions", "segment", "segments"),
        *("segmentation", "segmentations", "segmentationmasks", "data", "answer", "answers", "output", "outputs"),
        *("response", "list", "image", "images", "region", "regions", "content", "found", "instance", "instances"),
        *("element", "elements", "entity", "entities", "labels", "label", "polygon", "polygons", "frame", "frames"),
        *(
            "masks",
            "value",
            "values",
            "json",
            "analysis",
            "scene",
            "children",
            "parts",
            "coordinates",
            "positions",
            "locations",
        ),
        *("objetos", "objets", "objekte", "oggetti", "obiekty", "объекты", "cajas", "对象", "物体", "オブジェクト"),
    )
)
"""Names of what stands around entries: never a label themselves."""

MEMBER = re.compile(
    r'"(?:[^"\\]*box_?2d|bounding_?box|bbox|box|segmentation_?mask|mask(?:_2d)?|polygon|point(?:_2d)?|[xy]_?min)"\s*:',
    re.IGNORECASE,
)
"""A key that only an entry has, as it stands in the text of an answer."""

_DEBRIS = "box_2d"  # models that stumble over a mask leave its beginning in front of this key
_COUNTER = re.compile(r"\d+$")


def key_of(entry: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The key under which an entry holds something by the first of `names`."""
    keys = {plain(key): key for key, value in entry.items() if value is not None}
    return next((keys[name] for name in names if name in keys), None)


def box_key(entry: Mapping[str, Any]) -> str | None:
    """The key whose value is meant as a box, whatever it is."""
    marked = (key for key, value in entry.items() if key.endswith(_DEBRIS) and value is not None)
    return key_of(entry, BOX) or next(marked, None)


def is_wrapper(key: str) -> bool:
    """Whether a key only stands around entries, or counts them: `objects`, `item_2`, `3`."""
    name = _COUNTER.sub("", plain(key))
    return not name or name in WRAPPER
