"""The facts one analysis yields, as plain values: nothing here needs an imaging library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """Something that stands out.

    `box`: (ymin, xmin, ymax, xmax) in thousandths of the upright picture; `polygon`: its outline as (x, y)
    in the same unit; `mask_png`: 256 x 256, 8-bit grey, values 0 and 255, stretched over the box;
    `share`: fraction of the picture's area; `score`: 0 to 1; `named`: the detector gave the label.
    """

    label: str
    box: tuple[int, int, int, int]
    polygon: tuple[tuple[int, int], ...]
    mask_png: bytes
    share: float
    score: float
    named: bool = False

    @property
    def place(self) -> str:
        """Where its centre lies, in words."""
        return place_of(self.box)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of one picture; `width` and `height` in pixels, upright.

    `lines` are the boxes of what looks like lines of text, from top to bottom, as a region's box. `detector`: a
    detector looked for things that have names; `background`: the colours of what is none of them, if it found any.
    """

    digest: str
    width: int
    height: int
    kind: str
    tones: tuple[str, ...]
    brightness: str
    texture: str
    regions: tuple[Region, ...]
    faces: int
    lines: tuple[tuple[int, int, int, int], ...] = ()
    detector: bool = False
    background: tuple[str, ...] = ()

    @property
    def things(self) -> tuple[Region, ...]:
        """What has a name, the surest first."""
        return tuple(region for region in self.regions if region.named)

    @property
    def text_lines(self) -> tuple[Region, ...]:
        """What looks like lines of text, as regions without a mask."""
        return tuple(Region("line of text", box, (), b"", share=0.0, score=0.5) for box in self.lines)

    @property
    def tags(self) -> tuple[str, ...]:
        """Keywords, the most telling first, each once."""
        names = [region.label for region in self.things]
        face = ("face", "portrait") if self.faces else ()
        labels = [region.label for region in self.regions if region.label != "face"]
        return tuple(dict.fromkeys((*names, *face, *self.tones, self.kind, self.brightness, self.texture, *labels)))


_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")
_PLACES = {"middle centre": "in the centre", "middle left": "on the left", "middle right": "on the right"}


def place_of(box: tuple[int, int, int, int]) -> str:
    """Return where the centre of a box in thousandths lies, such as "in the upper left"."""
    ymin, xmin, ymax, xmax = box
    row = _ROWS[min(2, (ymin + ymax) * 3 // 2000)]
    column = _COLUMNS[min(2, (xmin + xmax) * 3 // 2000)]
    return _PLACES.get(f"{row} {column}", f"in the {row} {column}")
