"""Fill any response schema from what was seen: names and types decide, whatever the schema is called."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .choosing import HINT, rank
from .describing import located
from .models import MaskForm
from .request import field
from .tasks import ANSWER_NAMES, BOX_NAMES, MASK_NAMES

if TYPE_CHECKING:
    from .analysis import Analysis, Region

MAX_ITEMS = 25
LABEL_NAMES = frozenset({"label", "name", "class", "category", "tag", "object", "item", "type", "value"})
SCORE_NAMES = frozenset({"confidence", "score", "probability", "certainty"})
POINT_NAMES = frozenset({"point", "centre", "center"})
WHOLE = (0, 0, 1000, 1000)
PNG_PREFIX = "data:image/png;base64,"


@dataclass(frozen=True, slots=True)
class Facts:
    """What may be written: `analysis` of the first image, sentences about all of them."""

    analysis: Analysis
    caption: str
    answer: str
    mask: MaskForm


@dataclass(frozen=True, slots=True)
class _Item:
    """What one element of a list is about."""

    label: str
    score: float
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the schema one is: the definitions, the property's name, the list element it belongs to."""

    definitions: dict[str, Any]
    name: str = ""
    item: _Item | None = None


def fill(schema: dict[str, Any], facts: Facts) -> Any:
    """Return a JSON value of the schema's shape."""
    definitions = schema.get("$defs") or schema.get("definitions") or {}
    return _value(schema, _Place(definitions), facts)


def mask_value(region: Region, form: MaskForm) -> Any:
    """Return a region's mask the way a family of models writes it."""
    if form is MaskForm.POLYGON:
        return [list(point) for point in region.polygon]
    return PNG_PREFIX + base64.b64encode(region.mask_png).decode()


def _value(schema: Any, place: _Place, facts: Facts) -> Any:
    schema = _resolved(schema, place)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _chosen(schema["enum"], place, facts)[0]
    return _WRITERS.get(_type(schema), _string)(schema, place, facts)


def _resolved(schema: Any, place: _Place) -> dict[str, Any]:
    found = schema if isinstance(schema, dict) else {}
    for _ in range(len(place.definitions) + 1):
        if "$ref" not in found:
            break
        found = place.definitions.get(str(found["$ref"]).rpartition("/")[2], {})
    options = field(found, "any_of") or found.get("oneOf")
    if isinstance(options, list):
        found = next((option for option in options if _type(option) != "null"), found)
        return _resolved(found, place) if "$ref" in found else found
    return found


def _type(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return next((str(kind).lower() for kind in kinds if str(kind).lower() != "null"), "null")


def _object(schema: dict[str, Any], place: _Place, facts: Facts) -> dict[str, Any]:
    properties = field(schema, "properties", {})
    order = field(schema, "property_ordering", list(properties))
    names = [name for name in order if name in properties] + [name for name in properties if name not in order]
    return {name: _value(properties[name], replace(place, name=name), facts) for name in names}


def _array(schema: dict[str, Any], place: _Place, facts: Facts) -> list[Any]:
    name, region = place.name.lower(), place.item.region if place.item else None
    box = region.box if region else WHOLE
    if name in BOX_NAMES:
        return list(box)
    if name in POINT_NAMES:
        return [(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]
    items = _resolved(field(schema, "items", {}), place)
    if name in MASK_NAMES and region:
        points = [list(point) for point in region.polygon]
        return points if _type(items) == "array" else [number for point in points for number in point]
    limit = min(MAX_ITEMS, int(field(schema, "max_items", MAX_ITEMS)))
    return [_value(items, replace(place, name="", item=item), facts) for item in _items(items, place, facts)[:limit]]


def _items(items: dict[str, Any], place: _Place, facts: Facts) -> list[_Item]:
    """Return what a list's elements are about: regions, chosen classes or tags."""
    properties = field(items, "properties", {})
    if {str(name).lower() for name in properties} & (BOX_NAMES | MASK_NAMES | POINT_NAMES):
        return [_Item(region.label, region.score, region) for region in facts.analysis.regions]
    values = items.get("enum") or next(
        (_resolved(each, place)["enum"] for each in properties.values() if _resolved(each, place).get("enum")), None
    )
    if values:
        ranked = rank(map(str, values), facts.analysis)
        return [_Item(*pair) for pair in ranked if pair[1] >= min(HINT / 2, ranked[0][1])]
    return [_Item(tag, round(0.9 - 0.05 * number, 2)) for number, tag in enumerate(facts.analysis.tags[:8])]


def _string(schema: dict[str, Any], place: _Place, facts: Facts) -> str:
    longest = int(field(schema, "max_length", 0)) or None
    return _text(place.name.lower(), place.item, facts)[:longest]


def _text(name: str, item: _Item | None, facts: Facts) -> str:
    if name in MASK_NAMES and item and item.region:
        return str(mask_value(item.region, MaskForm.PNG))
    if item:
        described = located(item.region) if item.region else item.label
        return item.label if name in LABEL_NAMES or not name else described
    if name in LABEL_NAMES:
        return next(iter(facts.analysis.tags), facts.caption)
    if name in ANSWER_NAMES:
        return facts.answer
    return ", ".join(facts.analysis.tones) if name in {"color", "colour", "colors", "colours"} else facts.caption


def _number(schema: dict[str, Any], place: _Place, facts: Facts) -> float:
    whole, name = _type(schema) == "integer", place.name.lower()
    number: float = len(facts.analysis.regions)
    if name in SCORE_NAMES:
        number = place.item.score if place.item else 0.5
        number = round(number * 100) if whole else number
    elif "face" in name or "people" in name or "person" in name:
        number = facts.analysis.faces
    lowest, highest = schema.get("minimum", number), schema.get("maximum", number)
    bounded = max(lowest, min(highest, number))
    return int(bounded) if whole else float(bounded)


def _boolean(_: dict[str, Any], place: _Place, facts: Facts) -> bool:
    name = place.name.lower()
    if any(word in name for word in ("face", "person", "people", "human")):
        return facts.analysis.faces > 0
    return bool(facts.analysis.regions)


def _chosen(values: list[Any], place: _Place, facts: Facts) -> tuple[Any, float]:
    if place.item and place.item.label in values:
        return place.item.label, place.item.score
    by_name = {str(value): value for value in values if value is not None}
    best, score = rank(by_name, facts.analysis)[0]
    return by_name[best], score


def _null(_: dict[str, Any], __: _Place, ___: Facts) -> None:
    return None


_WRITERS: dict[str, Any] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
}
