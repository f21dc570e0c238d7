"""Uploads that travelled and are stored as gzip (`Content-Encoding: gzip`), decoded within the caps of what they hold.

Cloud Storage keeps such an object as it came, and says so in a label; no image begins like a gzip file, so the bytes
themselves are believed, with or without the label.
"""

from __future__ import annotations

import zlib
from typing import Final

from shared.core.errors import ErrorCode, ImageRejectedError

MAGIC: Final = b"\x1f\x8b\x08"
_WITH_GZIP_FRAME = 31


def is_gzip(data: bytes) -> bool:
    """Whether bytes begin like a gzip file."""
    return data.startswith(MAGIC)


def decoded(data: bytes, *, max_bytes: int) -> bytes:
    """Return what a gzip file holds, all of its members; never more than `max_bytes` and one are made of it.

    Raises:
        ImageRejectedError: it holds more, ends too early, or is damaged.
    """
    pieces, left, rest = list[bytes](), max_bytes + 1, data
    while is_gzip(rest):  # whatever else follows a member is padding, as gzip itself has it
        member = zlib.decompressobj(_WITH_GZIP_FRAME)
        try:
            pieces.append(member.decompress(rest, left))
        except zlib.error as error:
            raise ImageRejectedError(
                ErrorCode.CORRUPT, f"The file is stored as gzip, and that is damaged: {error}. Upload it again."
            ) from error
        left -= len(pieces[-1])
        if left <= 0:
            raise ImageRejectedError(
                ErrorCode.TOO_MANY_BYTES,
                f"The file is stored as gzip and holds more than {max_bytes:,} bytes; at most so many are read"
                " (max_bytes in the rules).",
            )
        if not member.eof:
            raise ImageRejectedError(
                ErrorCode.TRUNCATED, "The file is stored as gzip, and that ends too early. Upload the whole file again."
            )
        rest = member.unused_data
    return b"".join(pieces)
