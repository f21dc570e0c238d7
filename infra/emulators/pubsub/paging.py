"""Pages of the list methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .models import Proto

MAX_PAGE_SIZE = 1000


def page(resources: Mapping[str, Any], request: Proto) -> tuple[list[Any], str]:
    """Return one page, ordered by name, and the token of the next (empty: this was the last)."""
    names = sorted(resources)
    if request.page_token and not request.page_token.isdigit():
        raise invalid(f"Invalid page_token {request.page_token!r}: expected one that a former answer gave.")
    start = int(request.page_token or 0)
    end = start + min(request.page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    return [resources[name] for name in names[start:end]], str(end) if end < len(names) else ""


def within(project: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources of one project (`projects/ID`)."""
    return {name: each for name, each in resources.items() if name.startswith(f"{project}/")}
