"""Object listings: which names match, which collapse into prefixes, and where a page ends."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .models import Bucket, Version

MAX_RESULTS = 1000
_GLOB_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?[^\]]+\]|[{},]|.", re.DOTALL)
_GLOB_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}

Key = tuple[str, int]
"""What entries are ordered and resumed by: a name and a generation, or a prefix and 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The parameters of a listing."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str | None = None
    glob: re.Pattern[str] | None = None
    with_folders: bool = False
    """Whether an object whose name is a prefix is listed as an item too."""
    limit: int = MAX_RESULTS
    after: Key | None = None

    def collapsed(self, name: str) -> str | None:
        """Return the prefix that stands for `name`, if one does."""
        at = name.find(self.delimiter, len(self.prefix)) if self.delimiter else -1
        return None if at < 0 else name[: at + len(self.delimiter)]

    def matches(self, name: str) -> bool:
        """Whether `name` is within the bounds and the pattern."""
        return (
            name.startswith(self.prefix)
            and name >= self.start
            and (self.end is None or name < self.end)
            and (self.glob is None or self.glob.fullmatch(name) is not None)
        )


def parse_query(query: Mapping[str, str]) -> Query:
    """Return the parameters in a query string.

    Raises:
        ApiError: 400, one of them makes no sense.
    """
    try:
        return Query(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start=query.get("startOffset", ""),
            end=query.get("endOffset"),
            glob=re.compile(glob_regex(query["matchGlob"]), re.DOTALL) if "matchGlob" in query else None,
            with_folders=query.get("includeTrailingDelimiter") == "true",
            limit=min(int(query.get("maxResults", 0)) or MAX_RESULTS, MAX_RESULTS),
            after=_key(query["pageToken"]) if query.get("pageToken") else None,
        )
    except (ValueError, re.error) as error:
        raise invalid(f"Invalid argument in the listing's parameters: {error}.") from None


def candidates(bucket: Bucket, query: Mapping[str, str]) -> list[Version]:
    """Return the versions a listing is about: the live ones, all of them, or those that can be restored."""
    if query.get("softDeleted") == "true":
        return list(bucket.soft_deleted.values())
    if query.get("versions") == "true":
        return [*bucket.noncurrent.values(), *bucket.live.values()]
    return list(bucket.live.values())


def list_page(versions: Iterable[Version], query: Query) -> dict[str, Any]:
    """Return one page of a listing: items, prefixes, and the token of the next page if there is one."""
    items: list[dict[str, Any]] = []
    prefixes: list[str] = []
    last = query.after
    page: dict[str, Any] = {"kind": "storage#objects"}
    matching = (version for version in versions if query.matches(version.name))
    for version in sorted(matching, key=attrgetter("name", "generation")):
        prefix = query.collapsed(version.name)
        key = (version.name, version.generation) if prefix is None else (prefix, 0)
        if query.after and key <= query.after:
            continue
        if key != last and last and len(items) + len(prefixes) >= query.limit:
            page["nextPageToken"] = _token(last)
            break
        if prefix is not None and key != last:
            prefixes.append(prefix)
        if prefix is None or (query.with_folders and prefix == version.name):
            items.append(version.resource())
        last = key
    return page | ({"items": items} if items else {}) | ({"prefixes": prefixes} if prefixes else {})


def glob_regex(glob: str) -> str:
    """Return the regular expression of a `matchGlob`, in which `*` stops at a slash and `**` does not."""
    depth = 0
    parts = []
    for part in _GLOB_TOKEN.findall(glob):
        depth += {"{": 1, "}": -1}.get(part, 0)
        if part == "," and depth:
            parts.append("|")
        elif part[0] == "[" and len(part) > 1:
            parts.append("[^" + part[2:] if part[1] == "!" else part)
        else:
            parts.append(_GLOB_REGEX.get(part) or re.escape(part))
    return "".join(parts)


def _token(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _key(token: str) -> Key:
    name, generation = json.loads(base64.urlsafe_b64decode(token))
    return str(name), int(generation)
