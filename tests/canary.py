"""A key and a picture that are easy to recognise: wherever they turn up but where they belong, something leaks."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "AIzaSyCANARY-key_0123456789abcdefghijkl"
BYTES = b"CANARY-bytes:" + bytes(range(0x80, 0x80 + 48)) + b":these-lie-in-the-comment-of-a-JPEG"


def _forms() -> Iterator[str]:
    """Every form in which text can hold them: base64 of either alphabet depends on where in its triple a byte lies."""
    yield KEY
    yield "CANARY-bytes:"
    yield ":these-lie-in-the-comment"
    for offset in range(3):
        # Without the characters at both ends that share their bits with whatever is around.
        inner = base64.b64encode(bytes(offset) + BYTES).decode().rstrip("=")[4:-4]
        yield inner[:24]
        yield inner[-24:]
        yield inner[:24].translate(str.maketrans("+/", "-_"))


_ANY = re.compile("|".join(re.escape(form) for form in dict.fromkeys(_forms())))


def leaks(text: str | bytes) -> list[str]:
    """Return what a text or object holds of the canary."""
    return _ANY.findall(text.decode("latin-1") if isinstance(text, bytes) else text)
