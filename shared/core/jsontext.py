"""Canonical JSON: the same value is always the same bytes, so that a replay writes identical documents."""

from __future__ import annotations

import base64
import json
from typing import Any

import google_crc32c


def dump(value: Any) -> bytes:
    """Return readable, stable UTF-8 JSON (keys keep their order; NaN is refused, half a surrogate pair escaped).

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    return _utf8(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def dump_compact(value: Any) -> bytes:
    """Return compact, stable UTF-8 JSON with sorted keys: for hashing and for messages."""
    return _utf8(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False))


def crc32c(data: bytes) -> str:
    """Return the CRC32C of `data` as Cloud Storage writes it: base64 of the big-endian checksum (RFC 4960 B)."""
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


def _utf8(text: str) -> bytes:
    # Inside a JSON string, Python's escape of half a surrogate pair is JSON's own.
    return text.encode(errors="backslashreplace")
