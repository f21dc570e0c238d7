"""Pictures with a known content, and clients, for the contract of the Gemini emulator."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import httpx2
from google import genai
from google.genai import types
from PIL import Image, ImageDraw

from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

DISC_BOX = (30, 14, 66, 50)
"""Where the orange disc lies in the 96 x 64 picture: left, top, right, bottom, both corners inside."""

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJp"
    "bG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAAV8AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAAB"
    "AAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEA"
    "AQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAA"
    "AAAUaXNwZQAAAAAAAABgAAAAQAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAWdtZGF0AAABWygBr1hZpJZN"
    "D9fzM/7jWingP//KBORmA/8AU/jEXIdaoVy33zfFrmlZhDvriezbzZpAW+JAr///8zXa+NOwOrYav//owZZ6UHVeLWoRRzWEcRSdrSbM"
    "bM7Zb+WUdODCBNY+Gq6de2pLjES7SAy8aaeekgPujhFzRvD485MtbMn1EoFsu93cJMDcjJStYVz0gQsfOSXfew66UNusQxEPUMxRJTDO"
    "n/BNi6rk5pBcrdQJrDyazPhQszcVPQXxHYIjPET2NvABpNG0oGXXnTlwn/PayaxsPYTzVZ/KaHct1BEz6k87jpTgEKY+Tn2MranTy+0i"
    "5gL3ARhQi2A+44RPZ6NxeeU3WrMXhFWvNBk9HCggZY1x4JwN2GrHNIr9pSDVUuillUm5boCEhM9G3ytMFsqzUcsGbSoQw77BJqZOQl6A"
    "QPOYUngRu0cGA5ibQMHWK4DGvd+4FL2F+Wp6"
)
"""The same picture as HEIC, 729 bytes: the encoder among the dependencies stays unused."""

KEY = {"x-goog-api-key": "local"}


def disc(image_format: str = "PNG", *, orientation: int = 1) -> bytes:
    """Return an orange disc on dark blue, 96 x 64 once turned upright as `orientation` (1 or 6) says."""
    image = Image.new("RGB", (96, 64), (30, 60, 90))
    ImageDraw.Draw(image).ellipse(DISC_BOX, fill=(230, 120, 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.rotate(90, expand=True) if orientation == 6 else image
    buffer = io.BytesIO()
    stored.save(buffer, image_format, exif=exif, **({"lossless": True} if image_format == "WEBP" else {}))
    return buffer.getvalue()


PICTURES = {
    "image/png": disc("PNG"),
    "image/jpeg": disc("JPEG"),
    "image/webp": disc("WEBP"),
    "image/heic": HEIC,
}


@contextlib.contextmanager
def connected(url: str, **options: Any) -> Iterator[genai.Client]:
    """Yield an unmodified client that talks to `url`."""
    with genai.Client(api_key="local", http_options=types.HttpOptions(base_url=url, **options)) as client:
        yield client


def part(data: bytes | None = None, mime_type: str = "image/png") -> types.Part:
    """Return an inline image part; the disc as PNG if nothing else is named."""
    return types.Part.from_bytes(data=data or PICTURES["image/png"], mime_type=mime_type)


def generate(client: genai.Client, *contents: Any, model: str = "gemini-3.8-flash", **config: Any) -> Any:
    """Call generate_content once."""
    wanted = types.GenerateContentConfig(**config)
    return client.models.generate_content(model=model, contents=list(contents), config=wanted)


def post(url: str, path: str, body: Any, **headers: str) -> httpx2.Response:
    """Send one raw request with a key; `body` as JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx2.post(
        url + path, content=data, headers={**KEY, "content-type": "application/json", **headers}, timeout=WAIT_S
    )


def unfenced(text: str) -> Any:
    """Return the JSON in a ```json fence; fail if there is no fence."""
    found = re.fullmatch(r"```json\n(.*)\n```", text, re.DOTALL)
    assert found, text
    return json.loads(found.group(1))
