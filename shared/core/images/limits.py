"""The caps that a hostile image meets, and the words in which it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.errors import ErrorCode, ImageRejectedError

SUPPORTED = "PNG, JPEG, WebP, HEIC, HEIF, GIF, BMP, TIFF or AVIF"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost at most. With these defaults a process of 512 MiB survives any file.

    `max_bytes` is the file, `max_pixels` and `max_side_px` its stored grid, `max_aspect` long side over
    short. `max_frames` bounds the counting only: an animation is used by its first frame. `max_decode_bytes`
    bounds the estimated memory of decoding: a baseline JPEG of 160 megapixels fits easily (it is decoded at
    a fraction of its size), others have to be held as a whole. `max_work_ns` bounds
    the estimated CPU time of decoding in the same way.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 160_000_000
    max_side_px: int = 65_535
    max_aspect: int = 200
    max_frames: int = 1_000
    max_decode_bytes: int = 410_000_000
    max_work_ns: int = 2_000_000_000


DEFAULT_LIMITS = Limits()


def require_size(width: int, height: int, limits: Limits) -> None:
    """Refuse a stored grid that is empty, too large or too narrow, before anything is allocated for it."""
    if width < 1 or height < 1:
        raise corrupt("image", f"the header says {width}x{height} pixels")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise too_many_pixels(
            f"Expected at most {limits.max_pixels:,} pixels and {limits.max_side_px:,} on a side; "
            f"found {width:,}x{height:,}. Scale the image down and upload it again."
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise ImageRejectedError(
            ErrorCode.BAD_ASPECT,
            f"Expected sides of a ratio of at most {limits.max_aspect}:1; found {width:,}x{height:,}. "
            "Cut the image into parts and upload those.",
        )


def require_bytes(size: int, limits: Limits) -> None:
    """Refuse a file that is empty or larger than the cap."""
    if size == 0:
        raise ImageRejectedError(ErrorCode.EMPTY_FILE, "Expected an image; the file has 0 bytes. Upload it again.")
    if size > limits.max_bytes:
        raise ImageRejectedError(
            ErrorCode.TOO_MANY_BYTES,
            f"Expected a file of at most {limits.max_bytes:,} bytes; found {size:,}. "
            "Save the image smaller or with stronger compression and upload it again.",
        )


def too_many_pixels(message: str) -> ImageRejectedError:
    """Build the refusal of an image that costs too much to decode."""
    return ImageRejectedError(ErrorCode.TOO_MANY_PIXELS, message)


def truncated(kind: str, found: str) -> ImageRejectedError:
    """Build the refusal of a file that stops too early; `found` completes "the file …"."""
    return ImageRejectedError(
        ErrorCode.TRUNCATED, f"Expected a complete {kind} file; the file {found}. Upload the whole file again."
    )


def corrupt(kind: str, found: str) -> ImageRejectedError:
    """Build the refusal of a damaged file; `found` is a sentence without its full stop."""
    return ImageRejectedError(
        ErrorCode.CORRUPT, f"Expected a readable {kind} file; {found}. Export the image again and upload that."
    )


def unsupported(found: str) -> ImageRejectedError:
    """Build the refusal of something recognised that Uplook does not decode."""
    return ImageRejectedError(
        ErrorCode.UNSUPPORTED_FORMAT,
        f"Expected an image ({SUPPORTED}); found {found}. Convert it to PNG or JPEG and upload that.",
    )
