"""Name colours, and say how bright, how sharp and of what kind a picture is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from skimage.color import rgb2lab
from skimage.filters import laplace

if TYPE_CHECKING:
    from numpy.typing import NDArray

HUES = (
    (15, "pink"),
    (41, "red"),
    (76, "orange"),
    (112, "yellow"),
    (168, "green"),
    (215, "teal"),
    (311, "blue"),
    (342, "purple"),
    (360, "pink"),
)
"""Upper bounds of the CIELAB hue angle in degrees."""
GREYS = ((14, "black"), (38, "dark grey"), (65, "grey"), (88, "light grey"), (101, "white"))
GREY_CHROMA = 9.0
PALETTE_SIZE = 8
MIN_TONE_SHARE = 0.08
MAX_TONES = 3
FLAT_SHARE, STEADY_SHARE = 0.9, 0.6
"""In a drawing, so much of the area has one of eight colours, and so many pixels equal their right neighbour."""


def colour_name(rgb: NDArray[np.floating[Any]] | NDArray[np.uint8]) -> str:
    """Return the name of one RGB colour, 0 to 255, such as "dark blue"."""
    lightness, a, b = rgb2lab(np.asarray(rgb, dtype=float).reshape(1, 1, 3) / 255).ravel()
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360
    if chroma < GREY_CHROMA:
        return next(name for bound, name in GREYS if lightness < bound)
    return _shade(next(name for bound, name in HUES if hue <= bound), lightness, chroma)


def _shade(hue: str, lightness: float, chroma: float) -> str:
    warm = hue in {"orange", "yellow"}
    if warm and lightness > 65 and chroma < 32:  # noqa: PLR2004 - CIELAB bounds found by eye
        return "beige"
    if warm and (lightness < 45 or chroma < 38):  # noqa: PLR2004 - CIELAB bounds found by eye
        return "dark brown" if lightness < 25 else "brown"  # noqa: PLR2004 - as above
    if hue == "red" and lightness > 68:  # noqa: PLR2004 - as above
        return "pink"
    if lightness < 31:  # noqa: PLR2004 - as above
        return f"dark {hue}"
    if lightness > 78 and chroma < 40:  # noqa: PLR2004 - as above
        return f"pale {hue}"
    return f"bright {hue}" if chroma > 62 else hue  # noqa: PLR2004 - as above


def tones(rgb: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return the names of the up to three colours that cover most, the first most."""
    picture = Image.fromarray(rgb)
    picture.thumbnail((128, 128))
    reduced = picture.quantize(PALETTE_SIZE)
    palette = np.array(reduced.getpalette(), dtype=float).reshape(-1, 3)
    shares: dict[str, float] = {}
    for index, share in enumerate(np.bincount(np.asarray(reduced).ravel()) / np.asarray(reduced).size):
        name = colour_name(palette[index])
        shares[name] = shares.get(name, 0.0) + float(share)
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    telling = [name for name in ranked if shares[name] >= MIN_TONE_SHARE]
    return tuple(telling[:MAX_TONES] or ranked[:1])


def kind(rgb: NDArray[np.uint8]) -> str:
    """Return "graphic", "black-and-white photo" or "photo"."""
    coarse = (rgb >> 3).astype(np.uint32) @ np.array([1024, 32, 1], dtype=np.uint32)
    frequent = np.sort(np.bincount(coarse.ravel()))[-8:]
    steady = (rgb[:, 1:] == rgb[:, :-1]).all(axis=2).mean() if rgb.shape[1] > 1 else 1.0
    if frequent.sum() > FLAT_SHARE * coarse.size and steady > STEADY_SHARE:
        return "graphic"
    spread = rgb.max(axis=2).astype(int) - rgb.min(axis=2)
    return "black-and-white photo" if spread.mean() < 4 else "photo"  # noqa: PLR2004 - JPEG noise in a grey


def brightness(rgb: NDArray[np.uint8]) -> str:
    """Return "dark", "bright" or "evenly lit"."""
    mean = float(rgb2lab(rgb)[..., 0].mean())
    if mean < 33:  # noqa: PLR2004 - CIELAB lightness, found by eye
        return "dark"
    return "bright" if mean > 68 else "evenly lit"  # noqa: PLR2004 - as above


def texture(rgb: NDArray[np.uint8]) -> str:
    """Return "soft focus", "smooth surfaces" or "fine texture", by the spread of the Laplacian."""
    spread = float(laplace(rgb.mean(axis=2) / 255).std())
    if spread < 0.02:  # noqa: PLR2004 - found by eye
        return "soft focus"
    return "fine texture" if spread > 0.12 else "smooth surfaces"  # noqa: PLR2004 - as above
