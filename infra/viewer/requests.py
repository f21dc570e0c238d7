"""What requests ask for, read from their queries: pure, and refused in words where it makes no sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from infra.viewer.catalog import STATES, Query
from infra.viewer.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_IMAGES: Final = 120
"""How many images one answer holds at most."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the images a page shows: `limit` from `offset` on, or those about one with the key `around`."""

    query: Query
    offset: int
    limit: int
    around: str


def read_window(query: bytes) -> Window:
    """Read what `/api/images` is asked for.

    Raises:
        ApiError: 400, a value makes no sense.
    """
    said = parameters(query)
    state = said.get("state", "")
    if state not in {"", *STATES}:
        raise ApiError(400, f"Expected one of {', '.join(STATES)} as state, found {state!r}.")
    wanted = Query(said.get("q", ""), state, said.get("task", ""), said.get("label", ""))
    return Window(
        wanted, _number(said, "offset", 0), min(_number(said, "limit", 60), MAX_IMAGES), said.get("around", "")
    )


def read_key(query: bytes) -> str:
    """Return the key of the image that is asked for.

    Raises:
        ApiError: 400, there is none.
    """
    key = parameters(query).get("key", "")
    if not key:
        raise ApiError(400, "Expected the key of an image as `key`, found none.")
    return key


def _number(said: Mapping[str, str], key: str, default: int) -> int:
    text = said.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - more than any catalog holds
        raise ApiError(400, f"Expected a whole number as {key}, found {text!r}.")
    return int(text)


def parameters(query: bytes) -> dict[str, str]:
    """Return what a query says; of what it says several times, the last.

    Raises:
        ApiError: 400, it is no percent-encoded UTF-8.
    """
    try:
        found = parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"Expected a query in percent-encoded UTF-8: {error}.") from error
    return {key: values[-1] for key, values in found.items()}
