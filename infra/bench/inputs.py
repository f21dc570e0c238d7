"""What the shared inputs are called and how large they are; `making` writes them. No imaging library needed."""

from __future__ import annotations

PHOTO, SIDEWAYS, LARGE = "photo.jpg", "sideways.jpg", "large.jpg"

SIZE = (4000, 3000)
"""Of the photo, and of the sideways one when it stands upright."""

LARGE_SIZE = (11_600, 8_700)
"""100.9 megapixels."""

SMALL = "small.jpg"
"""A picture of 640x480 pixels, as the web has them."""
SMALL_SIZE = (640, 480)
SMALL_ITEMS = 3

MASKS = 10


def reply_name(form: str) -> str:
    """Return the file of the model's answer with masks as `png` or as `polygon`, or `small`: few, as polygons."""
    return f"reply-{form}.txt"
