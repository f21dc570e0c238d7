"""Large and sideways photos made ready for the model: Uplook's way and Pillow's usual way, same size and quality."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from shared.core.gemini import transport
from shared.core.images import prepare, probing

if TYPE_CHECKING:
    from pathlib import Path

    from infra.bench.model import Facts, Work

LARGE_SENT_PX = 3072
_SENT_PX = 8192
_QUALITY = 90


def ours(folder: Path, name: str) -> Work:
    """Shrink a photo to what is worth sending."""
    return _ours((folder / name).read_bytes(), LARGE_SENT_PX)


def ours_turned(folder: Path, name: str) -> Work:
    """Turn a photo upright at its own size."""
    return _ours((folder / name).read_bytes(), _SENT_PX)


def thumbnail(folder: Path, name: str) -> Work:
    """Shrink a photo with `Image.thumbnail`, as the guides do."""
    data = (folder / name).read_bytes()
    Image.preinit()

    def work() -> Facts:
        picture = Image.open(io.BytesIO(data))
        picture.thumbnail((LARGE_SENT_PX, LARGE_SENT_PX), Image.Resampling.LANCZOS)
        return _encoded(picture)

    return work


def transpose(folder: Path, name: str) -> Work:
    """Turn a photo upright with `ImageOps.exif_transpose`."""
    data = (folder / name).read_bytes()
    Image.preinit()

    def work() -> Facts:
        return _encoded(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))

    return work


def _ours(data: bytes, max_side_px: int) -> Work:
    Image.preinit()

    def work() -> Facts:
        info = probing.probe(data)
        ready = prepare.prepare(data, info, accepted=transport.UNTOUCHED_TYPES, max_side_px=max_side_px)
        return {"size": f"{ready.width}x{ready.height}", "bytes": len(ready.data)}

    return work


def _encoded(picture: Image.Image) -> Facts:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=_QUALITY)
    return {"size": f"{picture.width}x{picture.height}", "bytes": len(sink.getvalue())}
