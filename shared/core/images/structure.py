"""What the bytes of an image file say about themselves, read without any decoder."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """How one image file is built.

    `width` and `height` are those of the *stored* grid. `mode` is Pillow's, `bits` is per channel;
    `inverted` says that 0 is white, `zero_bits` how many bits below the data of a 16-bit word are none.
    `whole_image_bytes` is what a decoder must hold besides the pixels it returns (the coefficients of a progressive
    JPEG), `extra_work_ns` the time that decoding may take besides that for its pixels (repeated scans, tiles, hidden
    pictures; see `work`). `decodable` replaces the file where it holds what no decoder should see (oversized metadata,
    the tracks of an animated AVIF) or lacks what it needs; `changes` says in plain words what of that a person should
    know. `variant` names how the pixels are stored, for the refusal of a file that its decoder does not handle ("a BMP
    of 64 bits a pixel").
    """

    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    mode: str = "RGB"
    bits: int = 8
    inverted: bool = False
    zero_bits: int = 0
    whole_image_bytes: int = 0
    extra_work_ns: int = 0
    decodable: bytes | None = field(default=None, repr=False)
    changes: tuple[str, ...] = ()
    variant: str = ""
    warnings: tuple[str, ...] = ()
