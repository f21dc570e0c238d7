"""What hostile files and replies cost, beside what they would cost in plain Pillow or as an honest reply."""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING

from PIL import Image

from infra.bench import bombs
from shared.core.errors import ImageRejectedError
from shared.core.images import prepare, probing
from shared.core.replies.findings import find_items
from shared.core.results.result_files import OVERLAY_MAX_SIDE_PX
from shared.core.values import ImageInfo

if TYPE_CHECKING:
    from pathlib import Path

    from infra.bench.model import Facts, Work

_INFO = ImageInfo(4000, 3000, "jpeg", "image/jpeg")
_MAX_ITEMS = 100
_WRITTEN_PX = 3_072
_BOX = (3200, 2400)


def probe(folder: Path, name: str) -> Work:
    """Probe the PNG bomb; it must be refused."""
    Image.preinit()
    data = (folder / name).read_bytes()

    def work() -> Facts:
        try:
            probing.probe(data)
        except ImageRejectedError as refusal:
            return {"refused": refusal.code, "bytes": len(data)}
        raise AssertionError("expected a refusal, found a bomb accepted")

    return work


def taken(folder: Path, name: str) -> Work:
    """Probe a costly file, prepare it for the model and open it to draw on."""
    Image.preinit()
    data = (folder / name).read_bytes()

    def work() -> Facts:
        info, structure = probing.examine(data)
        prepared = prepare.prepare(data, info, accepted=frozenset(), max_side_px=_WRITTEN_PX, structure=structure)
        prepare.open_upright(data, info, max_side_px=OVERLAY_MAX_SIDE_PX, structure=structure)
        return {"bytes": len(data), "size": f"{prepared.width}x{prepared.height}"}

    return work


def pillow(folder: Path, name: str) -> Work:
    """Open and decode the PNG bomb, as code without limits does."""
    Image.preinit()
    data = (folder / name).read_bytes()
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)

    def work() -> Facts:
        picture = Image.open(io.BytesIO(data))
        picture.load()
        return {"size": f"{picture.width}x{picture.height}"}

    return work


def pillow_mask(folder: Path, name: str) -> Work:
    """Decode the bomb inside of a mask and fit it to its box, as the guides do."""
    Image.preinit()
    text = base64.b64encode((folder / name).read_bytes())
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)

    def work() -> Facts:
        mask = Image.open(io.BytesIO(base64.b64decode(text))).resize(_BOX, Image.Resampling.BILINEAR)
        return {"size": f"{mask.width}x{mask.height}"}

    return work


def mask(folder: Path, name: str) -> Work:
    """Read an answer whose mask is a bomb; the box must stay, the mask must not."""
    Image.preinit()
    return _reading(bombs.reply_with_mask((folder / name).read_bytes()), expected="partial")


def reply(_folder: Path, kind: str) -> Work:
    """Read a hostile reply, masks and all."""
    Image.preinit()
    return _reading(bombs.REPLIES[kind])


def harmless(_folder: Path, _argument: str) -> Work:
    """Read an honest reply of the same size."""
    Image.preinit()
    return _reading(bombs.harmless_reply())


def _reading(text: str, expected: str | None = None) -> Work:
    def work() -> Facts:
        found = find_items(text, info=_INFO, masks=True, max_items=_MAX_ITEMS)
        if expected not in (None, found.status):
            raise AssertionError(f"expected the status {expected}, found {found.status}")
        return {"status": found.status, "items": len(found.items)}

    return work
