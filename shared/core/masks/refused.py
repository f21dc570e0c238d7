"""Why a mask cannot be used, in words; it never leaves `masks`."""

from __future__ import annotations


class MaskRefusedError(Exception):
    """What the answer holds in place of a mask is none; the message says what was found."""
