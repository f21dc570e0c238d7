"""Cut a listing into pages the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from .errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_PAGE, MAX_PAGE = 10, 100


class Numbered(Protocol):
    """Something that counts up."""

    @property
    def number(self) -> int:
        """Its place in the order of creation."""


Item = TypeVar("Item", bound=Numbered)


def read_page(query: Mapping[str, str]) -> tuple[int, str]:
    """Return the page size and the token of a query, in either spelling.

    Raises:
        ApiError: 400, the size is no number.
    """
    size = query.get("pageSize", query.get("page_size", "0"))
    if not size.isdecimal():
        raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{size}\"")
    return int(size), query.get("pageToken", query.get("page_token", ""))


def cut_page(items: Iterable[Item], size: int, token: str) -> tuple[list[Item], str]:
    """Return up to `size` items in the order of creation, and the next page's token or "".

    Raises:
        ApiError: 400, the token is none of ours or the size is out of range.
    """
    if not 0 <= size <= MAX_PAGE:
        raise invalid(f"Page size must be between 0 and {MAX_PAGE}, found {size}.")
    if token and not token.isdecimal():
        raise invalid("Page token is invalid.")
    later = [item for item in items if item.number > int(token or 0)]
    page = later[: size or DEFAULT_PAGE]
    # Only a full page with something behind it has a token: the SDK's pager fails on an empty page.
    return page, str(page[-1].number) if len(later) > len(page) else ""
