"""Canonical JSON: the same value is always the same bytes, so that a replay writes identical documents."""

from __future__ import annotations

import base64
import json
from typing import Any

import google_crc32c

_LINE_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
"""What ends a line for `str.splitlines` and editors, and may stand in a JSON text; there only inside of strings."""


def dump(value: Any) -> bytes:
    """Return one line of stable UTF-8 JSON and its line break: what SQL engines read as it is.

    Keys keep their order; NaN is refused, half a surrogate pair escaped. No character inside is a tab, or ends a line
    for anybody: JSON escapes the control characters, and this function the three others that some readers end one at.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _utf8(text.translate(_LINE_BREAKS) + "\n")


def dump_compact(value: Any) -> bytes:
    """Return compact, stable UTF-8 JSON with sorted keys: for hashing and for messages."""
    return _utf8(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False))


def crc32c(data: bytes) -> str:
    """Return the CRC32C of `data` as Cloud Storage writes it: base64 of the big-endian checksum (RFC 4960 B)."""
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


def _utf8(text: str) -> bytes:
    # Inside a JSON string, Python's escape of half a surrogate pair is JSON's own.
    return text.encode(errors="backslashreplace")
