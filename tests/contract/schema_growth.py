"""Compare two versions of a JSON Schema: what of the newer one would break those who live by the older one.

Both directions count: programs written for the old schema read new documents, and documents stored under the old one
are read with the new one. So a schema may get new optional properties, new values in an enumeration, and new conditions
(`allOf` with `if`); everything else must stay as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = {"description", "title"}


def breaks(old: Any, new: Any, place: str = "$") -> list[str]:
    """Return what is broken, each with its place in the schema; an empty list is a mere addition."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [] if old == new else [f"{place}: {old!r} became {new!r}"]
    found = []
    for key in sorted((old.keys() | new.keys()) - _WORDS):
        where = f"{place}.{key}"
        if key not in new:
            found.append(f"{where} was removed")
        elif key not in old:
            found.append(f"{where} was added")
        else:
            found += _RULES.get(key, breaks)(old[key], new[key], where)
    return found


def _properties(old: dict[str, Any], new: dict[str, Any], place: str) -> list[str]:
    gone = [f"{place}.{name} was removed" for name in old if name not in new]
    return gone + [each for name in old if name in new for each in breaks(old[name], new[name], f"{place}.{name}")]


def _enum(old: list[Any], new: list[Any], place: str) -> list[str]:
    return [f"{place}: {value!r} was removed" for value in old if value not in new]


def _required(old: list[str], new: list[str], place: str) -> list[str]:
    return [f"{place}: {name} was changed" for name in sorted(set(old) ^ set(new))]


def _all_of(old: list[Any], new: list[Any], place: str) -> list[str]:
    kept = {
        index: next((at for at, each in enumerate(new) if not breaks(rule, each)), None)
        for index, rule in enumerate(old)
    }
    gone = [f"{place}[{index}] was removed or changed" for index, at in kept.items() if at is None]
    more = [each for at, each in enumerate(new) if at not in kept.values()]
    return gone + [f"{place}: a rule without a condition was added" for each in more if "if" not in each]


def _any_of(old: list[Any], new: list[Any], place: str) -> list[str]:
    if len(old) != len(new):
        return [f"{place}: the number of alternatives was changed"]
    return [
        each for index, pair in enumerate(zip(old, new, strict=True)) for each in breaks(*pair, f"{place}[{index}]")
    ]


_RULES: dict[str, Callable[[Any, Any, str], list[str]]] = {
    "properties": _properties,
    "enum": _enum,
    "required": _required,
    "allOf": _all_of,
    "anyOf": _any_of,
}
