"""The tables of docs/transport.md and the README, made by the code that decides: `python -m tests.transport_table`."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from shared.config import Settings
from shared.core.gemini import limits, transport
from shared.core.images import prepare, probing
from tests import markdown
from tests.rig import picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.gemini.limits import Backend

_ROOT = Path(__file__).resolve().parents[1]
PAGE, README = _ROOT / "docs" / "transport.md", _ROOT / "README.md"
_IMAGES = Path(__file__).with_name("images")
_TEXT_BYTES = 1000

_BACK_ENDS: dict[str, Backend] = {
    "Developer API": limits.developer(Settings.inline_limit_bytes),
    "Developer API, `REGISTER_FILES=true`": limits.developer(Settings.inline_limit_bytes, register_files=True),
    "Vertex": limits.vertex(Settings.inline_limit_bytes),
}
_SIZES_MB = (1, 10, 20, 40)
_PLACES = {"as uploaded": True, "written anew, or from the web": False}
_KINDS = {
    "inline": "inline",
    "shrunk": "inline, a smaller JPEG",
    "file": "Files API: uploaded, once per content",
    "registered": "Files API: registered",
    "gs": "`gs://` by reference",
}


def routes() -> str:
    """Return the table back end x size x place, with the route and its reason."""
    rows = [
        [name, f"{size_mb} MB", place, *_route(backend, (size_mb * 1_000_000, in_bucket))]
        for (name, backend), (place, in_bucket), size_mb in itertools.product(
            _BACK_ENDS.items(), _PLACES.items(), _SIZES_MB
        )
    ]
    return markdown.table(["back end", "size", "the bytes to send", "route", "because"], rows)


def summary() -> str:
    """Return the same in short: back end and place by size, with the routes alone."""
    rows = [
        [
            f"{name}, {place}",
            *(_route(backend, (size_mb * 1_000_000, in_bucket))[0] for size_mb in _SIZES_MB),
        ]
        for (name, backend), (place, in_bucket) in itertools.product(_BACK_ENDS.items(), _PLACES.items())
    ]
    return markdown.table(["back end, bytes to send", *(f"{size_mb} MB" for size_mb in _SIZES_MB)], rows)


def formats() -> str:
    """Return the table of what is done to each kind of upload."""
    rows = [[name, *_treatment(make())] for name, make in _UPLOADS.items()]
    return markdown.table(["upload", "sent as", "what is done to it", "Vertex: the first bytes are enough"], rows)


def page(text: str) -> str:
    """Return the page with both tables made anew."""
    return _filled(_filled(text, "routes", routes()), "formats", formats())


def readme(text: str) -> str:
    """Return the README with its table made anew."""
    return _filled(text, "routes", summary())


def _filled(text: str, name: str, body: str) -> str:
    before, _, rest = text.partition(f"<!-- {name}: begin -->\n")
    after = rest.partition(f"<!-- {name}: end -->")[2]
    return f"{before}<!-- {name}: begin -->\n{body}<!-- {name}: end -->{after}"


def _route(backend: Backend, image: tuple[int, bool]) -> list[str]:
    ((kind, reason),) = transport.share(backend, [image], text_bytes=_TEXT_BYTES)
    return [_KINDS[kind], reason]


def _treatment(data: bytes) -> list[str]:
    prepared = prepare.prepare(
        data, probing.probe(data), accepted=transport.UNTOUCHED_TYPES, max_side_px=3072, as_is_side_px=8192
    )
    enough = probing.probe_head(data[: probing.HEAD_BYTES], max_side_px=8192) is not None
    return [prepared.mime_type, "; ".join(prepared.changes) or "nothing", "yes" if enough else "no"]


def _saved(mode: str, image_format: str) -> bytes:
    sink = io.BytesIO()
    Image.new(mode, (80, 60)).save(sink, image_format)
    return sink.getvalue()


def _animated() -> bytes:
    sink = io.BytesIO()
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "blue")]
    frames[0].save(sink, "WEBP", save_all=True, append_images=frames[1:])
    return sink.getvalue()


_UPLOADS: dict[str, Callable[[], bytes]] = {
    "JPEG": picture,
    "JPEG that EXIF turns": lambda: picture(orientation=6),
    "JPEG in CMYK": lambda: _saved("CMYK", "JPEG"),
    "JPEG of 9,000 pixels on a side": lambda: picture(9000, 50),
    "PNG": lambda: picture(image_format="PNG"),
    "PNG of 16 bits": lambda: _saved("I;16", "PNG"),
    "WebP": lambda: picture(image_format="WEBP"),
    "WebP, animated": _animated,
    "HEIC": (_IMAGES / "plain.heic").read_bytes,
    "AVIF": lambda: picture(image_format="AVIF"),
    "GIF": lambda: picture(image_format="GIF"),
    "TIFF": lambda: picture(image_format="TIFF"),
    "BMP": lambda: picture(image_format="BMP"),
}


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
