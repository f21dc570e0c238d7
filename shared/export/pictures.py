"""The images of a dataset: one for each object, under a name that no other has, each in the same part for ever."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import accumulate
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.core.errors import SettingsError
from shared.core.naming import encode_object_name
from shared.core.values import is_transposed
from shared.export.classes import category, is_usable
from shared.export.shapes import crop_mask, stored_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from shared.core.masks.crop import MaskCrop
    from shared.export.shapes import Frame

WHOLE: Final = "default"
"""The part that all images are in where nothing is said; CVAT and datumaro call it so, too."""

_MAX_PATH_BYTES: Final = 1000
_MAX_STEM_BYTES: Final = 120  # of a name of at most 255 bytes, with its hash and its suffix
_HASH_CHARS: Final = 10
_PART: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,31})=([0-9]{1,6}(?:\.[0-9]{1,6})?)")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,5}")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of a dataset: names in their order, each with where its share ends, from 0 to 1."""

    ends: tuple[tuple[str, float], ...] = ((WHOLE, 1.0),)

    @property
    def names(self) -> tuple[str, ...]:
        """The parts, in the order in which they were given."""
        return tuple(name for name, _ in self.ends)

    def part_of(self, source: Mapping[str, Any]) -> str:
        """Return the part of an object: by its bucket and name alone, so that a new generation stays where it was.

        What else is exported does not matter either: more images move none.
        """
        digest = hashlib.sha256(f"{source['bucket']}/{source['name']}".encode(errors="surrogatepass")).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        return next((name for name, end in self.ends if place < end), self.ends[-1][0])


def parse_split(text: str) -> Split:
    """Read `train=80,val=10,test=10`: names and shares, in any unit.

    Raises:
        ValueError: it is no such list; the message says what was expected.
    """
    parts = [_PART.fullmatch(part.strip()) for part in text.split(",")]
    names = [part[1] for part in parts if part]
    shares = [float(part[2]) for part in parts if part]
    if len(names) < len(parts) or len(set(names)) < len(names) or not all(shares):
        raise ValueError(f"expected different names with shares above 0, such as train=80,val=20, found {text!r}")
    whole = sum(shares)
    return Split(tuple(zip(names, (end / whole for end in accumulate(shares)), strict=True)))


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """One image of a dataset, in one frame: `width`, `height` and all that lies in it are in pixels of that frame."""

    document: Mapping[str, Any]
    frame: Frame
    part: str
    items: tuple[Mapping[str, Any], ...]
    bare_name: bool = False

    @property
    def source(self) -> Mapping[str, Any]:
        """Bucket, name and generation of the object."""
        source: Mapping[str, Any] = self.document["source"]
        return source

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        image = self.document["image"]
        upright = image["width"], image["height"]
        turned = self.frame == "stored" and is_transposed(image["orientation"])
        return upright[::-1] if turned else upright

    @property
    def uri(self) -> str:
        """Where the object lies."""
        return f"gs://{self.source['bucket']}/{self.source['name']}"

    @property
    def file_name(self) -> str:
        """`<bucket>/<object>` (`<object>` where it is `bare`), safe as a path; unless it is an odd one, just that."""
        name = encode_object_name(self.source["name"], max_bytes=_MAX_PATH_BYTES)
        return name if self.bare_name else f"{self.source['bucket']}/{name}"

    @property
    def flat_name(self) -> str:
        """A name without folders: readable, and with a hash of bucket and name, so that no two are alike.

        Not even without their suffix: `cat.jpg` and `cat.png` have labels of their own.
        """
        whole = f"{self.source['bucket']}/{self.source['name']}"
        mark = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:_HASH_CHARS]
        suffix = PurePosixPath(self.source["name"]).suffix
        kept = suffix if _SUFFIX.fullmatch(suffix) else f".{self.document['image']['format']}"
        stem = re.sub(r"[^\w.-]+", "_", whole.removesuffix(suffix).replace("/", "__"))
        return f"{stem.encode()[:_MAX_STEM_BYTES].decode(errors='ignore')}-{mark}{kept}"


@dataclass(frozen=True, slots=True)
class Thing:
    """One item of a picture, in its frame: `box_px` is `(x0, y0, x1, y1)`, half open."""

    index: int
    label: str
    box_px: tuple[int, int, int, int]
    text: str | None = None
    mask: MaskCrop | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures of a dataset, and what was left out.

    `outdated` results have a newer one of the same object, `other_classes` items are of a class not asked for.
    """

    pictures: tuple[DatasetImage, ...]
    outdated: int
    other_classes: int


def choose_pictures(
    documents: Iterable[Mapping[str, Any]],
    *,
    frame: Frame = "upright",
    split: Split = Split(),
    labels: Collection[str] | None = None,
    bare_names: bool = False,
) -> Chosen:
    """Return one picture for each object: its newest result (by generation, then time), if that has items, even none.

    An older result would show a picture that is gone, or the same one twice, where several runs are exported at once.

    With `labels`, items of other classes are left out. With `bare_names` their files are called without the bucket.

    Raises:
        SettingsError: with `bare_names`, two images would have the same name.
    """
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    outdated = 0
    for document in documents:
        place = document["source"]["bucket"], document["source"]["name"]
        outdated += place in newest
        if place not in newest or _age(document) >= _age(newest[place]):
            newest[place] = document
    pictures, other_classes = [], 0
    for document in newest.values():
        if document.get("items") is None or not document.get("image"):
            continue
        usable = [item for item in document["items"] if is_usable(item)]
        items = tuple(item for item in usable if labels is None or category(item) in labels)
        other_classes += len(usable) - len(items)
        pictures.append(DatasetImage(document, frame, split.part_of(document["source"]), items, bare_names))
    _require_different_names(pictures)
    return Chosen(tuple(pictures), outdated, other_classes)


def _require_different_names(pictures: Iterable[DatasetImage]) -> None:
    by_name: dict[str, DatasetImage] = {}
    for picture in pictures:
        other = by_name.setdefault(picture.file_name, picture)
        if other is not picture:
            raise SettingsError(
                f"expected names that differ without their buckets, found {other.uri} and {picture.uri}: leave out"
                " --bare-names, or export one bucket at a time."
            )


def _age(document: Mapping[str, Any]) -> tuple[int, bool, str]:
    """What the newest result has most of; of one generation, a failure is never newer than what was found."""
    return int(document["source"]["generation"]), document.get("items") is not None, document["created"]


@dataclass(frozen=True, slots=True)
class Masks:
    """Reads masks. `read_file` gets the value of `mask.file` and returns the PNG.

    With `on_unreadable`, an item whose mask cannot be read is told to it, with the reason, and keeps its box.
    """

    read_file: Callable[[str], bytes] | None = None
    on_unreadable: Callable[[str, ValueError], None] | None = None

    def thing(self, picture: DatasetImage, item: Mapping[str, Any]) -> Thing:
        """Return an item in the frame of its picture.

        Raises:
            ValueError: without `on_unreadable`, the mask has another size than its image, or is no PNG.
        """
        x0, y0, x1, y1 = item["box_px" if picture.frame == "upright" else "box_px_stored"]
        return Thing(item["index"], category(item), (x0, y0, x1, y1), item.get("text"), self._mask(picture, item))

    def _mask(self, picture: DatasetImage, item: Mapping[str, Any]) -> MaskCrop | None:
        mask, image = item.get("mask") or {}, picture.document["image"]
        if self.read_file is None or mask.get("status") != "ok":
            return None
        try:
            crop = crop_mask(self.read_file(mask["file"]), width=image["width"], height=image["height"])
        except ValueError as error:
            if self.on_unreadable is None:
                raise
            self.on_unreadable(mask["file"], error)
            return None
        if picture.frame == "upright":
            return crop
        return stored_crop(crop, width=image["width"], height=image["height"], orientation=image["orientation"])


def with_things(
    pictures: Iterable[DatasetImage],
    make: Callable[[DatasetImage, Thing], _Made],
    masks: Masks,
    *,
    each: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map,
) -> Iterator[tuple[DatasetImage, list[_Made]]]:
    """Yield each picture with what `make` makes of its items. `each` is `map`, or an executor's."""
    listed = list(pictures)
    pairs = [(picture, item) for picture in listed for item in picture.items]
    made = iter(each(lambda pair: make(pair[0], masks.thing(*pair)), pairs))
    for picture in listed:
        yield picture, [next(made) for _ in picture.items]
