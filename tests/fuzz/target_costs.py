"""Costs: no small file takes long to probe, prepare or draw on, counted against decoding a plain picture.

libFuzzer looks for coverage; this target hands it the cost as well: each power of two of nanoseconds a byte is a
branch of its own, so that inputs which cost more for their size are kept and changed further.
"""

from __future__ import annotations

import io
import resource
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from PIL import Image

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import open_upright, prepare
from shared.core.images.probing import examine
from tests.fuzz.feed import Feed
from tests.fuzz.target_images import with_valid_checksums

_YARDSTICK_SIZE = (4_000, 3_000)
_YARDSTICK_TURNS = 3
_MOST_OF_A_YARDSTICK = 40
"""Decoding and shrinking 12 megapixels of JPEG takes about 0.1 s of CPU time: the bound is that of 2 seconds, twice
over for what else the machine does."""

_LADDER: tuple[Callable[[], int], ...] = (
    lambda: 0,
    lambda: 1,
    lambda: 2,
    lambda: 3,
    lambda: 4,
    lambda: 5,
    lambda: 6,
    lambda: 7,
    lambda: 8,
    lambda: 9,
    lambda: 10,
    lambda: 11,
    lambda: 12,
    lambda: 13,
    lambda: 14,
    lambda: 15,
    lambda: 16,
    lambda: 17,
    lambda: 18,
    lambda: 19,
    lambda: 20,
    lambda: 21,
    lambda: 22,
    lambda: 23,
)
"""Code of its own for each step, which is a branch of its own to the fuzzer."""


def fuzz_one(data: bytes) -> None:
    """Take one file through each stage, under the limits of production."""
    feed = Feed(data)
    _, sealed = (
        feed.byte(),
        feed.byte() & 1,
    )  # the same first bytes as of `images`, whose corpus is the start of this one
    file = with_valid_checksums(feed.rest()) if sealed else feed.rest()
    for stage in (_probe, _prepare, _draw):
        spent_s = _cpu_s()
        with suppress(ImageRejectedError):
            stage(file)
        spent_s = _cpu_s() - spent_s
        _reward(spent_s, len(file))
        if spent_s > _MOST_OF_A_YARDSTICK * yardstick_s():
            raise AssertionError(
                f"{stage.__name__} took {spent_s / yardstick_s():.0f} yardsticks for {len(file)} bytes"
            )


@cache
def yardstick_s() -> float:
    """Return the CPU seconds that decoding and shrinking a plain JPEG of 12 megapixels takes here."""
    buffer = io.BytesIO()
    Image.effect_noise((500, 375), 60).resize(_YARDSTICK_SIZE).convert("RGB").save(buffer, "JPEG", quality=85)
    before_s = _cpu_s()
    for _ in range(_YARDSTICK_TURNS):
        Image.open(io.BytesIO(buffer.getvalue())).resize((2_000, 1_500), Image.Resampling.BILINEAR)
    return (_cpu_s() - before_s) / _YARDSTICK_TURNS


def _probe(file: bytes) -> None:
    examine(file)


def _prepare(file: bytes) -> None:
    info, structure = examine(file)
    prepare(file, info, accepted=frozenset(), max_side_px=3_072, structure=structure)


def _draw(file: bytes) -> None:
    info, structure = examine(file)
    open_upright(file, info, max_side_px=2_000, structure=structure)


def _reward(spent_s: float, size: int) -> None:
    """Take one more branch for each doubling of the time a byte: coverage is all that the fuzzer follows."""
    for step in _LADDER[: int(spent_s * 1e9 / max(64, size)).bit_length()]:
        step()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
