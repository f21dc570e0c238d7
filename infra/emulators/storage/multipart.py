"""A two-part `multipart/related` upload, split as it arrives: metadata first, then any amount of bytes."""

from __future__ import annotations

import json
import re
from email.parser import HeaderParser
from typing import Any

from .errors import invalid

_MAX_HEAD_BYTES = 1 << 20
_EPILOGUE_BYTES = 256


class RelatedBody:
    """Fed with pieces of a body, gives out the bytes of its second part.

    Bodies are never split by lines: they are binary, and may end in any mixture of CR and LF.
    """

    def __init__(self, content_type: str) -> None:
        found = re.search(r'boundary="?([^";]+)"?', content_type)
        # Of a web form, the first two fields would do for metadata and bytes.
        if not found or content_type.partition(";")[0].strip().lower() != "multipart/related":
            raise invalid(f"Expected multipart/related with a boundary, found {content_type!r}.")
        boundary = re.escape(found[1].encode())
        headers = rb"((?:[^\r\n]+\r\n)*)\r\n"
        self._head = re.compile(
            rb"\s*--%b[ \t]*\r\n%b(.*?)\r\n--%b[ \t]*\r\n%b" % (boundary, headers, boundary, headers),
            re.DOTALL,
        )
        self._end = f"\r\n--{found[1]}--".encode()
        self._held = b""
        self.metadata: dict[str, Any] | None = None

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the body; return what is certainly payload."""
        self._held += data
        if self.metadata is None and not self._read_head():
            return b""
        # The closing delimiter may be cut anywhere, so that much is always held back.
        keep = max(0, len(self._held) - len(self._end) - _EPILOGUE_BYTES)
        sure, self._held = self._held[:keep], self._held[keep:]
        return sure

    def close(self) -> bytes:
        """Return the rest of the payload.

        Raises:
            ApiError: 400, the body ended early.
        """
        end = self._held.rfind(self._end)
        if self.metadata is None or end < 0:
            raise invalid("Malformed multipart body: expected two parts and a closing delimiter.")
        return self._held[:end]

    def _read_head(self) -> bool:
        head = self._head.match(self._held)
        if not head:
            if len(self._held) > _MAX_HEAD_BYTES:
                raise invalid("Malformed multipart body: no second part found in its first MiB.")
            return False
        self.metadata = parse_object(head[2])
        content_type = HeaderParser().parsestr(head[3].decode("latin-1")).get("content-type")
        if content_type:
            self.metadata.setdefault("contentType", content_type)
        self._held = self._held[head.end() :]
        return True


def parse_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object in `text`; nothing at all counts as an empty one.

    Raises:
        ApiError: 400, it is something else.
    """
    try:
        value = json.loads(text or b"{}")
    except ValueError as error:
        raise invalid(f"Parse Error: {error}.") from None
    if not isinstance(value, dict):
        raise invalid(f"Parse Error: expected a JSON object, found {type(value).__name__}.")
    return value
