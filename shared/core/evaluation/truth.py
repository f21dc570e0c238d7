"""A labelled set: COCO's JSON, and what COCO has no place for as members of its images.

Boxes and masks are COCO's annotations, captions those with a `caption`, lines of text those with a `utf8_string` (as in
COCO-Text). Beyond that an image may have `classes`, `captions`, `answers` and `text`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from shared.core.evaluation.coco_masks import read_segmentation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.masks.crop import MaskCrop

_BOX_NUMBERS: Final = 4
_MOST: Final = 1e12
"""More than any number of pixels; no NaN is less than it."""
_MOST_SIDE_PX: Final = 1_000_000


class Labelling(StrEnum):
    """What an image may be labelled with."""

    BOXES = "boxes"
    MASKS = "masks"
    TEXT = "text"
    CLASSES = "classes"
    CAPTIONS = "captions"
    ANSWERS = "answers"


class TruthError(ValueError):
    """The labelled set cannot be used; the message names the place in it, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class TruthObject:
    """One thing that is there. `box` is `(x, y, width, height)` in pixels, `area` in square pixels as COCO says it."""

    label: str
    box: tuple[float, float, float, float]
    area: float
    crowd: bool = False
    segmentation: Any = None

    def mask(self, *, width: int, height: int) -> MaskCrop:
        """Return its mask in an image of this size; reading has found it sound."""
        return read_segmentation(self.segmentation, width=width, height=height)


@dataclass(frozen=True, slots=True)
class TruthAnswer:
    """Answers that are right, to a question; None: to whatever was asked about the image."""

    question: str | None
    accepted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TruthImage:
    """One labelled image of `width` times `height` upright pixels.

    `labellings` says what it is labelled with: with boxes and without an object, there is nothing in it.
    """

    number: int
    file_name: str
    width: int
    height: int
    labellings: frozenset[Labelling]
    objects: tuple[TruthObject, ...] = ()
    lines: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    answers: tuple[TruthAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """A labelled set: its images in the order of their ids, and the labels of its things."""

    images: tuple[TruthImage, ...]
    labels: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that images have, in the order of the alphabet."""
        return tuple(sorted({name for image in self.images for name in image.classes}))

    def labelled(self, labelling: Labelling) -> tuple[TruthImage, ...]:
        """Return the images that have such labels."""
        return tuple(image for image in self.images if labelling in image.labellings)


def parse_truth(document: Any) -> Truth:
    """Read a labelled set.

    Raises:
        TruthError: it is none; the message names the place.
    """
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise TruthError("$: expected COCO's JSON, an object with images, annotations and categories")
    if not document["images"]:
        raise TruthError("$.images: expected at least one image, found none")
    categories = _categories(document.get("categories", []))
    annotations = document.get("annotations", [])
    if not isinstance(annotations, list):
        raise TruthError("$.annotations: expected a list")
    sizes = {number: (width, height) for number, width, height in map(_size, _numbered(document["images"], "images"))}
    found = _Annotations(categories, sizes)
    for place, each in enumerate(annotations):
        found.add(each, f"$.annotations[{place}]")
    images = [found.image(each, f"$.images[{place}]") for place, each in enumerate(document["images"])]
    _require_different([image.file_name for image in images], "file_name of images")
    return Truth(tuple(sorted(images, key=lambda image: image.number)), tuple(sorted(categories.values())))


def _numbered(entries: Any, name: str) -> list[tuple[dict[str, Any], str]]:
    placed = [(entry, f"$.{name}[{place}]") for place, entry in enumerate(entries)]
    for entry, place in placed:
        if not isinstance(entry, dict) or type(entry.get("id")) is not int:
            raise TruthError(f"{place}: expected an object with a whole number as id")
    _require_different([entry["id"] for entry, _ in placed], f"id of {name}")
    return placed


def _require_different(values: Sequence[Any], what: str) -> None:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise TruthError(f"expected every {what} once, found {value!r} twice")
        seen.add(value)


def _categories(entries: Any) -> dict[int, str]:
    if not isinstance(entries, list):
        raise TruthError("$.categories: expected a list")
    names = {
        entry["id"]: _text(entry.get("name"), f"{place}.name") for entry, place in _numbered(entries, "categories")
    }
    _require_different(list(names.values()), "name of categories")
    return names


def _size(placed: tuple[dict[str, Any], str]) -> tuple[int, int, int]:
    entry, place = placed
    for side in ("width", "height"):
        if type(entry.get(side)) is not int or not 1 <= entry[side] <= _MOST_SIDE_PX:
            raise TruthError(f"{place}.{side}: expected a whole number of pixels above 0, found {entry.get(side)!r}")
    return entry["id"], entry["width"], entry["height"]


@dataclass(slots=True)
class _Annotations:
    """What the annotations say, by image; and which kinds of labels the set has at all."""

    categories: Mapping[int, str]
    sizes: Mapping[int, tuple[int, int]]
    objects: dict[int, list[TruthObject]] = field(default_factory=dict)
    lines: dict[int, list[str]] = field(default_factory=dict)
    captions: dict[int, list[str]] = field(default_factory=dict)
    with_masks: bool = False

    def add(self, entry: Any, place: str) -> None:
        if not isinstance(entry, dict):
            raise TruthError(f"{place}: expected an object")
        number = entry.get("image_id")
        if type(number) is not int or number not in self.sizes:
            raise TruthError(f"{place}.image_id: expected the id of an image, found {number!r}")
        if "caption" in entry:
            self.captions.setdefault(number, []).append(_text(entry["caption"], f"{place}.caption"))
        elif "utf8_string" in entry:
            self.lines.setdefault(number, []).append(_text(entry["utf8_string"], f"{place}.utf8_string"))
        else:
            self.objects.setdefault(number, []).append(self._object(entry, place, *self.sizes[number]))

    def _object(self, entry: dict[str, Any], place: str, width: int, height: int) -> TruthObject:
        category = entry.get("category_id")
        label = self.categories.get(category) if type(category) is int else None
        if label is None:
            raise TruthError(
                f"{place}.category_id: expected the id of a category, found {category!r}: annotations"
                " have a caption, a utf8_string, or a category with a bbox"
            )
        box = _box(entry.get("bbox"), f"{place}.bbox")
        segmentation = entry.get("segmentation") or None
        mask_area = None
        if segmentation is not None:
            self.with_masks = True
            try:
                mask_area = read_segmentation(segmentation, width=width, height=height).area
            except ValueError as error:
                raise TruthError(f"{place}.segmentation: {error}") from error
        area = entry.get("area", mask_area if mask_area is not None else box[2] * box[3])
        if not _is_number(area) or area < 0:
            raise TruthError(f"{place}.area: expected a number of square pixels, found {area!r}")
        return TruthObject(label, box, float(area), bool(entry.get("iscrowd")), segmentation)

    def image(self, entry: dict[str, Any], place: str) -> TruthImage:
        number = entry["id"]
        objects = tuple(self.objects.get(number, ()))
        lines = (*self.lines.get(number, ()), *_texts(entry.get("text", []), f"{place}.text"))
        captions = (*self.captions.get(number, ()), *_texts(entry.get("captions", []), f"{place}.captions"))
        said = {
            Labelling.BOXES: bool(self.objects),
            Labelling.MASKS: self.with_masks and all(each.segmentation is not None for each in objects),
            Labelling.TEXT: bool(self.lines) or "text" in entry,
            Labelling.CLASSES: "classes" in entry,
            Labelling.CAPTIONS: bool(captions),
            Labelling.ANSWERS: bool(entry.get("answers")),
        }
        return TruthImage(
            number=number,
            file_name=_text(entry.get("file_name"), f"{place}.file_name"),
            width=entry["width"],
            height=entry["height"],
            labellings=_labellings(entry, place, said),
            objects=objects,
            lines=lines,
            classes=_texts(entry.get("classes", []), f"{place}.classes"),
            captions=captions,
            answers=_answers(entry.get("answers", []), f"{place}.answers"),
        )


def _labellings(entry: Mapping[str, Any], place: str, said: Mapping[Labelling, bool]) -> frozenset[Labelling]:
    """Return what an image is labelled with: what it says itself in `labelled`, else what the set shows."""
    named = entry.get("labelled")
    if named is None:
        return frozenset(labelling for labelling, has in said.items() if has)
    if not isinstance(named, list) or not all(each in list(Labelling) for each in named):
        raise TruthError(f"{place}.labelled: expected a list of some of {', '.join(Labelling)}, found {named!r}")
    needed = {Labelling.CAPTIONS, Labelling.ANSWERS}
    empty = [each for each in map(Labelling, named) if each in needed and not said[each]]
    if empty:
        raise TruthError(f"{place}.labelled: expected {empty[0]} of the image, found none")
    return frozenset(map(Labelling, named))


def _answers(entries: Any, place: str) -> tuple[TruthAnswer, ...]:
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise TruthError(f'{place}: expected a list of objects such as {{"question": "…", "answers": ["…"]}}')
    found = []
    for number, entry in enumerate(entries):
        accepted = _texts(entry.get("answers"), f"{place}[{number}].answers")
        if not accepted:
            raise TruthError(f"{place}[{number}].answers: expected at least one answer that is right")
        question = entry.get("question")
        found.append(
            TruthAnswer(None if question is None else _text(question, f"{place}[{number}].question"), accepted)
        )
    return tuple(found)


def _box(value: Any, place: str) -> tuple[float, float, float, float]:
    fine = isinstance(value, list) and len(value) == _BOX_NUMBERS and all(map(_is_number, value))
    if not fine or value[2] <= 0 or value[3] <= 0:
        raise TruthError(
            f"{place}: expected [x, y, width, height] in pixels, width and height above 0, found {value!r}"
        )
    x, y, width, height = map(float, value)
    return x, y, width, height


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and -_MOST < value < _MOST


def _texts(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TruthError(f"{place}: expected a list of texts, found {value!r}")
    return tuple(_text(each, f"{place}[{number}]") for number, each in enumerate(value))


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TruthError(f"{place}: expected a text that is not empty, found {value!r}")
    return value
