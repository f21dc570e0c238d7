"""Structured output: fill any response schema from what was seen.

Names and types decide, whatever the schema is called. Where the schema gives words to choose from, things that have
such a name decide, and else what colours, light and faces suggest. What none of the words fits is left out of a list.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .labels import fits, fitting
from .models import MaskForm
from .requests import field
from .sentences import located
from .tasks import ANSWER_NAMES, BOX_NAMES, MASK_NAMES
from .vision.names import named_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .vision.analysis import Analysis, Region

MAX_ITEMS = 25
TEXT_NAMES = frozenset({"text", "transcription", "words"})
LANGUAGE_NAMES = frozenset({"language", "lang", "language_code"})
UNREAD, UNDETERMINED = "a line of text that this emulator cannot read", "und"
"""What is said of a line: it is seen and not read. `und` is BCP 47's tag of a language that is not known."""
LABEL_NAMES = frozenset({"label", "name", "class", "category", "tag", "object", "item", "type", "value"})
SCORE_NAMES = frozenset({"confidence", "score", "probability", "certainty"})
POINT_NAMES = frozenset({"point", "centre", "center"})
WHOLE = (0, 0, 1000, 1000)
PNG_PREFIX = "data:image/png;base64,"

CUES = {
    "face": "person people portrait human selfie man woman child face",
    "graphic": "graphic drawing logo icon diagram document illustration screenshot chart text art",
    "photo": "photo photograph picture",
    "green": "nature plant tree forest landscape garden outdoor outdoors vegetation leaf",
    "blue": "sky sea water ocean outdoor outdoors",
    "teal": "water sea",
    "brown": "food wood animal indoor indoors furniture",
    "beige": "food indoor indoors sand",
    "orange": "food fruit animal",
    "red": "food vehicle",
    "grey": "vehicle building street city machine metal urban",
    "black": "night space",
    "dark": "night",
    "bright": "day daylight",
}
"""What a fact hints at: weak evidence, but the same for the same picture and better than drawing lots."""

NAMED, DIRECT, HINT, REMAINDER, NOTHING = 0.95, 0.9, 0.5, 0.2, 0.05
REMAINDERS = frozenset({"other", "others", "unknown", "none", "misc", "unclear"})


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


def rank(values: Iterable[str], analysis: Analysis) -> list[tuple[str, float]]:
    """Return the values with a score from 0 to 1 each, the best first; ties go by the image's digest."""
    facts = _facts(analysis)
    scored = [(value, max(_score(value, facts), _named_score(value, analysis))) for value in values]
    return sorted(scored, key=lambda pair: (-pair[1], _lot(analysis.digest, pair[0])))


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
    named = {str(name).lower() for name in properties}
    if named & TEXT_NAMES and named & BOX_NAMES and not named & LABEL_NAMES:
        return [_Item(UNREAD, line.score, line) for line in facts.analysis.text_lines]
    if named & (BOX_NAMES | MASK_NAMES | POINT_NAMES):
        return _regions(_wanted_labels(properties, place), facts)
    values = items.get("enum") or next(
        (_resolved(each, place)["enum"] for each in properties.values() if _resolved(each, place).get("enum")), None
    )
    if values:
        ranked = rank(map(str, values), facts.analysis)
        return [_Item(*pair) for pair in ranked if pair[1] >= min(HINT / 2, ranked[0][1])]
    return [_Item(tag, round(0.9 - 0.05 * number, 2)) for number, tag in enumerate(facts.analysis.tags[:8])]


def _wanted_labels(properties: dict[str, Any], place: _Place) -> list[str] | None:
    """Return the labels that the elements of a list may have, None if they may have any."""
    schemas = [_resolved(each, place) for name, each in properties.items() if str(name).lower() in LABEL_NAMES]
    return next((list(map(str, each["enum"])) for each in schemas if each.get("enum")), None)


def _regions(wanted: list[str] | None, facts: Facts) -> list[_Item]:
    """Return the regions, under the labels that are wanted: what none of them fits was not asked for."""
    if wanted is None:
        return [_Item(region.label, region.score, region) for region in facts.analysis.regions]
    labelled = [(region, fitting(region, wanted)) for region in facts.analysis.regions]
    return [_Item(label, region.score, region) for region, label in labelled if label is not None]


def _string(schema: dict[str, Any], place: _Place, facts: Facts) -> str:
    longest = int(field(schema, "max_length", 0)) or None
    return _text(place.name.lower(), place.item, facts)[:longest]


def _text(name: str, item: _Item | None, facts: Facts) -> str:
    if name in MASK_NAMES and item and item.region:
        return str(mask_value(item.region, MaskForm.PNG))
    if name in LANGUAGE_NAMES:
        return UNDETERMINED
    if item:
        described = located(item.region) if item.region else item.label
        return item.label if name in LABEL_NAMES | TEXT_NAMES or not name else described
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
        number = _people(facts.analysis) if "face" not in name else facts.analysis.faces
    elif facts.analysis.detector and (counted := _named(name)):
        number = sum(thing.label in counted for thing in facts.analysis.things)
    lowest, highest = schema.get("minimum", number), schema.get("maximum", number)
    bounded = max(lowest, min(highest, number))
    return int(bounded) if whole else float(bounded)


def _boolean(_: dict[str, Any], place: _Place, facts: Facts) -> bool:
    name = place.name.lower()
    if any(word in name for word in ("face", "person", "people", "human")):
        return (facts.analysis.faces if "face" in name else _people(facts.analysis)) > 0
    if facts.analysis.detector and (wanted := _named(name)):
        return any(thing.label in wanted for thing in facts.analysis.things)
    return bool(facts.analysis.regions)


def _named(name: str) -> tuple[str, ...]:
    """Return the things that a property's name speaks of: `cat_count`, `has_dog`."""
    return named_in(name.replace("_", " "))


def _people(analysis: Analysis) -> int:
    return max(analysis.faces, sum(thing.label == "person" for thing in analysis.things))


def _chosen(values: list[Any], place: _Place, facts: Facts) -> tuple[Any, float]:
    if place.item and place.item.label in values:
        return place.item.label, place.item.score
    by_name = {str(value): value for value in values if value is not None}
    if place.item and place.item.region and (fit := fitting(place.item.region, by_name)) is not None:
        return by_name[fit], place.item.score
    best, score = rank(by_name, facts.analysis)[0]
    return by_name[best], score


def _null(_: dict[str, Any], __: _Place, ___: Facts) -> None:
    return None


def _facts(analysis: Analysis) -> dict[str, float]:
    """Weigh each fact: the first colour counts most."""
    facts = dict.fromkeys([*_words(analysis.kind), *_words(analysis.brightness)], 0.8)
    for place, tone in enumerate(analysis.tones):
        for word in _words(tone):
            facts.setdefault(word, 1 - 0.2 * place)
    return facts | ({"face": 1.0} if analysis.faces else {})


def _named_score(value: str, analysis: Analysis) -> float:
    return NAMED if any(fits(thing.label, value) for thing in analysis.things) else 0.0


def _score(value: str, facts: dict[str, float]) -> float:
    words = _words(value)
    direct = [weight * DIRECT for fact, weight in facts.items() if fact in words]
    hints = [weight * HINT for fact, weight in facts.items() if words & set(CUES.get(fact, "").split())]
    floor = REMAINDER if words & REMAINDERS else NOTHING
    return round(max([*direct, *hints, floor]), 3)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower().replace("gray", "grey")))


def _lot(digest: str, value: str) -> str:
    return hashlib.sha256(f"{digest}\n{value}".encode()).hexdigest()


_WRITERS: dict[str, Any] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
}
