"""Pictures for the page of an evaluation: small JPEGs from a folder or the upload bucket, and shapes over them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import NotFoundError, PermanentError, SettingsError, TransientError
from shared.core.evaluation.matching import AT_50
from shared.core.evaluation.objects import ObjectsOfImage
from shared.core.images.prepare import open_upright
from shared.core.images.probing import probe
from shared.core.masks.outline import outer_rings, simplified
from shared.export.places import open_images
from shared.export.reading import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.core.evaluation.judging import JudgedImage
    from shared.core.evaluation.truth import TruthObject
    from shared.core.masks.crop import MaskCrop

_SIDE_PX: Final = 560
_QUALITY: Final = 78
_LETTERS: Final = 30
"""Letters of a label's height that fit across a picture."""


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A picture as an address that holds it, or why there is none."""

    address: str | None
    reason: str = ""


@dataclass(slots=True)
class PictureReader:
    """Reads pictures by their `file_name` below a folder, else from their bucket, if results lie in one."""

    folder: Path
    from_buckets: bool = False
    _bucket: Callable[[Mapping[str, Any]], bytes] | None = field(default=None, init=False)

    def small(self, each: JudgedImage) -> SmallPicture:
        """Return a picture of at most 560 pixels; one that cannot be read has its reason."""
        try:
            data = self._read(each)
            picture = open_upright(data, probe(data), max_side_px=_SIDE_PX)
        except (PermanentError, NotFoundError, TransientError, SettingsError, UnreadableError, OSError) as error:
            return SmallPicture(None, str(error))
        sink = io.BytesIO()
        picture.save(sink, "JPEG", quality=_QUALITY)
        return SmallPicture(f"data:image/jpeg;base64,{base64.b64encode(sink.getvalue()).decode()}")

    def _read(self, each: JudgedImage) -> bytes:
        path = (self.folder / each.image.file_name).resolve()
        # A labelled set may come from elsewhere: it names pictures, and no other files of this machine.
        if path.is_relative_to(self.folder.resolve()) and path.is_file():
            return path.read_bytes()
        if not self.from_buckets or each.document is None:
            raise UnreadableError(
                f"there is no {each.image.file_name} below {self.folder}: name its folder by --images"
            )
        if self._bucket is None:
            self._bucket = open_images()
        return self._bucket(each.document["source"])


def true_shapes(each: JudgedImage) -> str:
    """Return the things that are there as SVG."""
    return "".join(_true(each, thing, "true") for thing in each.image.objects)


def found_shapes(each: JudgedImage) -> str:
    """Return what a run has found as SVG, right or wrong, and what it has missed."""
    missed = (
        _true(each, thing, "missed")
        for thing, is_found in zip(each.image.objects, _found_flags(each), strict=True)
        if not is_found and not thing.crowd
    )
    found = (
        _shape(each, thing.said, thing.box, thing.mask if _masks(each) else None, kind="right" if right else "wrong")
        for thing, right in zip(each.found, _right_flags(each), strict=True)
    )
    return "".join((*missed, *found))


def _true(each: JudgedImage, thing: TruthObject, kind: str) -> str:
    return _shape(each, thing.label, thing.box, thing.mask(**_size(each)) if _masks(each) else None, kind=kind)


def _masks(each: JudgedImage) -> bool:
    return isinstance(each.scores, ObjectsOfImage) and "mask" in each.scores.matches


def _size(each: JudgedImage) -> dict[str, int]:
    return {"width": each.image.width, "height": each.image.height}


def _partners(each: JudgedImage) -> dict[str, list[int]]:
    """Return by label which of its true things each found thing is, or -1."""
    assert isinstance(each.scores, ObjectsOfImage)  # noqa: S101 - only those have shapes
    matches = each.scores.matches["mask" if _masks(each) else "box"]
    return {label: found.partner[AT_50].tolist() for (label, area), found in matches.items() if label and area == "all"}


def _right_flags(each: JudgedImage) -> list[bool]:
    left = {label: iter(places) for label, places in _partners(each).items()}
    return [thing.label is not None and next(left[thing.label], -1) >= 0 for thing in each.found]


def _found_flags(each: JudgedImage) -> list[bool]:
    partners = _partners(each)
    seen: dict[str, int] = {}
    flags = []
    for thing in each.image.objects:
        place = seen.get(thing.label, 0)
        seen[thing.label] = place + 1
        flags.append(place in partners.get(thing.label, ()))
    return flags


def _shape(
    each: JudgedImage,
    label: str,
    box: tuple[float, float, float, float],
    mask: MaskCrop | None,
    *,
    kind: str,
) -> str:
    x, y, width, height = box
    size = max(each.image.width, each.image.height) / _LETTERS
    outline = f'<path class="m" d="{"".join(_rings(mask))}"/>' if mask is not None else ""
    return (
        f'<g class="{kind}"><title>{escape(label)}</title>{outline}'
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'
        f'<text x="{x + size / 5:g}" y="{max(y + size, size):g}" font-size="{size:g}">{escape(label)}</text></g>'
    )


def _rings(mask: MaskCrop) -> Iterator[str]:
    for ring in outer_rings(mask.inside):
        corners = simplified(ring, tolerance_px=1.0)
        points = " ".join(f"{x + mask.left},{y + mask.top}" for x, y in corners.tolist())
        yield f"M{points}Z"
