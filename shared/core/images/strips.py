"""How the decoded image of each kind becomes strips of 8 bits a channel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.core.images import tones
from shared.core.images.decoders import refusing
from shared.core.images.pixels import Picture, Rows

if TYPE_CHECKING:
    from PIL import Image

    from shared.core.images.structure import Structure

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two are just outside."""

_KEPT_MODES = frozenset({"L", "RGB", "CMYK", "LAB"})
_ALPHA_MODES = frozenset({"LA", "PA", "RGBA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I", "F"})
_WORD_BITS = 16
_TOO_DARK = "16 bits a channel scaled to 8: 8 or fewer of them are used, so that it is black; convert it to 8 bits"
_Shown = Callable[["Image.Image"], "Image.Image"]


def picture_of(
    image: Image.Image, structure: Structure, *, low_bytes: Callable[[], Image.Image | None] | None = None
) -> Picture:
    """Choose how the strips of `image` become 8 bits, and say what that changes.

    `low_bytes` decodes the lower halves of 16-bit colours, of which Pillow's image holds the upper ones only.
    """
    take = partial(_crop, image)
    if image.mode.startswith("I;16"):
        return _grey_words(image, structure, take)
    if image.mode in _DEEP_MODES:
        return _numbers(image, structure, take)
    if low_bytes is not None and structure.bits == _WORD_BITS and image.mode in {"RGB", "RGBA", "CMYK"}:
        return _colour_words(image, take, low_bytes)
    words = (tones.words_of(structure.bits, structure.bits),) if structure.bits > 8 else ()  # noqa: PLR2004 - a byte
    return _bytes(image, structure, take, words)


def heif_picture(container: Any, structure: Structure) -> Picture:
    """Return the primary image of a container, decoded, without a copy of it in Pillow."""
    with refusing("HEIC"):
        data, stride = container.data, container.stride
    take = partial(_heif_rows, data=data, stride=stride, mode=container.mode, width=container.size[0])
    if container.mode.startswith("I;16"):
        table = tones.grey_table(structure, structure.bits)
        words = (tones.words_of(structure.bits, structure.bits),)
        return Picture(container.size, lambda y0, y1: tones.looked_up(take(y0, y1), table=table), words)
    transparent = container.mode in _ALPHA_MODES
    kept = take if transparent or container.mode in _KEPT_MODES else _converted(take, "RGB")
    return Picture(container.size, kept, transparent=transparent)


def bare_outside(picture: Picture, frame: Box) -> Picture:
    """Make everything outside of `frame` transparent: a first frame that is smaller than its canvas leaves it bare."""
    size = f"{frame[2] - frame[0]}x{frame[3] - frame[1]} of {picture.size[0]}x{picture.size[1]}"
    changes = (*picture.changes, f"its first frame fills {size} pixels, the rest is bare")
    return Picture(picture.size, partial(_framed, picture.rows, frame), changes, transparent=True)


def _grey_words(image: Image.Image, structure: Structure, take: Rows) -> Picture:
    used = tones.grey_bits_in_use(image) if structure.bits == _WORD_BITS else structure.bits
    table, words = tones.grey_table(structure, used), (tones.words_of(structure.bits, used),)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return Picture(image.size, lambda y0, y1: tones.looked_up(take(y0, y1), table=table), words)
    rows = partial(_grey_without, take=take, shown=partial(tones.looked_up, table=table), clear=clear)
    return Picture(image.size, rows, words, transparent=True)


def _numbers(image: Image.Image, structure: Structure, take: Rows) -> Picture:
    low, high = tones.finite_extremes(image)
    black, white = (high, low) if structure.inverted else (low, high)
    words = (f"values {low:g} to {high:g} stretched to 8 bits",)
    return Picture(image.size, lambda y0, y1: tones.stretched(take(y0, y1), black=black, white=white), words)


def _colour_words(image: Image.Image, take: Rows, low_bytes: Callable[[], Image.Image | None]) -> Picture:
    """Use the lower bytes where the upper ones say too little: for dark data, and to find one transparent colour."""
    clear = image.info.get("transparency")
    if not clear and not tones.looks_dark(image):
        words = (tones.words_of(_WORD_BITS, _WORD_BITS),)
        return Picture(image.size, take, words, image.mode == "RGBA", image if image.mode in _KEPT_MODES else None)
    low = low_bytes()
    if low is None:
        return _coarse_words(image, take)
    used = tones.colour_bits_in_use(image, low)
    rows = partial(_joined_rows, high=take, low=partial(_crop, low), used_bits=used, clear=clear)
    return Picture(image.size, rows, (tones.words_of(_WORD_BITS, used),), bool(clear) or image.mode == "RGBA")


def _coarse_words(image: Image.Image, take: Rows) -> Picture:
    """Use the upper bytes alone, made brighter, where a decoder gives no lower ones."""
    used = tones.high_bits_in_use(image)
    words = (f"{tones.words_of(_WORD_BITS, used)}, in {1 << used - 8} steps only",) if used > 8 else (_TOO_DARK,)  # noqa: PLR2004 - a byte
    rows = partial(_brighter, take=take, white=max(1, (1 << max(0, used - 8)) - 1))
    return Picture(image.size, rows, words, image.mode == "RGBA")


def _brighter(y0: int, y1: int, *, take: Rows, white: int) -> Image.Image:
    strip = take(y0, y1)
    table = [min(255, round(level * 255 / white)) for level in range(256)]
    untouched = list(range(256))
    return strip.point(table * 3 + untouched if strip.mode == "RGBA" else table * len(strip.getbands()))


def _bytes(image: Image.Image, structure: Structure, take: Rows, words: tuple[str, ...]) -> Picture:
    if image.mode == "L" and isinstance(clear := image.info.get("transparency"), int):
        # Pillow widens 2 and 4 bits to 8, and leaves the transparent value as it is.
        scaled = clear * 255 // ((1 << structure.bits) - 1) if structure.bits < 8 else clear  # noqa: PLR2004 - a byte
        return Picture(
            image.size, partial(_grey_without, take=take, shown=_same, clear=scaled), words, transparent=True
        )
    if image.mode in _ALPHA_MODES:
        return Picture(image.size, take, words, transparent=True)
    if "transparency" in image.info:
        return Picture(image.size, _converted(take, "RGBA"), words, transparent=True)
    if image.mode in _KEPT_MODES:
        return Picture(image.size, take, words, whole=image)
    return Picture(image.size, _converted(take, "L" if image.mode == "1" else "RGB"), words)


def _crop(image: Image.Image, y0: int, y1: int) -> Image.Image:
    return image.crop((0, y0, image.width, y1))


def _heif_rows(y0: int, y1: int, *, data: memoryview, stride: int, mode: str, width: int) -> Image.Image:
    from PIL import Image

    raw_mode = "I;16N" if mode.startswith("I;16") else mode
    rows = bytes(data[y0 * stride : y1 * stride])
    return Image.frombuffer(mode, (width, y1 - y0), rows, "raw", raw_mode, stride, 1)


def _same(strip: Image.Image) -> Image.Image:
    return strip


def _converted(take: Rows, mode: str) -> Rows:
    return lambda y0, y1: take(y0, y1).convert(mode)


def _grey_without(y0: int, y1: int, *, take: Rows, shown: _Shown, clear: int) -> Image.Image:
    """Return grey with alpha, where exactly the value `clear` is transparent."""
    import numpy as np
    from PIL import Image

    strip = take(y0, y1)
    opaque = np.where(np.asarray(strip) == clear, 0, 255).astype(np.uint8)
    return Image.merge("LA", (shown(strip), Image.fromarray(opaque)))


def _joined_rows(
    y0: int, y1: int, *, high: Rows, low: Rows, used_bits: int, clear: tuple[int, ...] | None
) -> Image.Image:
    import numpy as np
    from PIL import Image

    upper, lower = high(y0, y1), low(y0, y1)
    strip = tones.joined(upper, lower, used_bits=used_bits)
    if not clear:
        return strip
    values = np.asarray(upper).astype(np.uint16) << 8 | np.asarray(lower)
    opaque = np.where((values == np.array(clear)).all(axis=2), 0, 255).astype(np.uint8)
    strip.putalpha(Image.fromarray(opaque))
    return strip


def _framed(rows: Rows, frame: Box, y0: int, y1: int) -> Image.Image:
    from PIL import Image

    strip = rows(y0, y1).convert("RGBA")
    bare = Image.new("RGBA", strip.size, (0, 0, 0, 0))
    box = (frame[0], max(0, frame[1] - y0), frame[2], min(y1, frame[3]) - y0)
    if box[3] > box[1]:
        bare.paste(strip.crop(box), box[:2])
    return bare
