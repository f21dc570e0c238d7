"""Compare two versions of a JSON Schema: what of the newer one would break those who live by the older one.

Both directions count: programs written for the old schema read new documents, and documents stored under the old one
are read with the new one. So a schema may get new optional properties, new known values, and new conditions (`allOf`
with `if`); a closed list of values may be opened. Everything else must stay as it is.

Two schemas that say the same in other words are the same: each is rewritten to one form first (`_canonical`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.closed_schema import known_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORDS = {"description", "title"}


def breaks(old: Any, new: Any, place: str = "$") -> list[str]:
    """Return what is broken, each with its place in the schema; an empty list is a mere addition."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [] if old == new else [f"{place}: {old!r} became {new!r}"]
    old, new = _canonical(old), _canonical(new)
    found = []
    for key in sorted((old.keys() | new.keys()) - _WORDS):
        where = f"{place}.{key}"
        if key not in new:
            found += [] if key == "closed" else [f"{where} was removed"]
        elif key not in old:
            found += [] if key in {"known", "properties"} else [f"{where} was added"]
        else:
            found += _RULES.get(key, breaks)(old[key], new[key], where)
    return found


def _canonical(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the same schema, with its values as `known` (and `closed`), and all that has a condition in `allOf`."""
    plain = {key: value for key, value in schema.items() if key not in {"if", "then", "else", "allOf"}}
    rules = []
    for each in schema.get("allOf", ()):
        if "if" in each or plain.keys() & each.keys():
            rules.append(each)
        else:
            plain |= each
    if "if" in schema:
        rules.append({key: schema[key] for key in ("if", "then", "else") if key in schema})
    split = [each for rule in rules for each in _without_else(rule, plain.get("properties", {}))]
    split = [each for rule in split for each in _for_each_task(rule)]
    return _listing(plain) | ({"allOf": split} if split else {})


def _listing(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its list of values, if it has one, as `known`; `closed` where no other value is taken."""
    values = known_values(schema)
    if values is not None:
        kept = {key: value for key, value in schema.items() if key != "anyOf"}
        return kept | {"type": schema["anyOf"][1]["type"], "known": values}
    if "enum" not in schema:
        return schema
    kept = {key: value for key, value in schema.items() if key != "enum"}
    types = ["string", "null"] if None in schema["enum"] else "string"  # all lists of ours are of texts
    return {"type": types, "known": schema["enum"], "closed": True} | kept


def _without_else(rule: dict[str, Any], properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rules that a rule with `else` is two of: what it says of all other values, it says of the known ones.

    Of values that come later, neither schema can have said anything that is meant.
    """
    if "if" not in rule:
        yield rule
        return
    yield {"if": _condition(rule["if"]), "then": rule["then"]}
    if "else" in rule:
        ((name, test),) = _condition(rule["if"])["properties"].items()
        others = [value for value in _listing(properties[name])["known"] if value not in test["enum"]]
        yield {"if": {"properties": {name: {"enum": others}}}, "then": rule["else"]}


def _for_each_task(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a rule of its own for each task in a condition: what holds for one of two tasks holds for each."""
    tests = rule.get("if", {}).get("properties", {})
    if "task" not in tests:
        yield rule
        return
    for task in tests["task"]["enum"]:
        yield {**rule, "if": {"properties": {**tests, "task": {"enum": [task]}}}}


def _condition(test: Any) -> Any:
    """Return an `if` that says `enum` where it may say `const`."""
    if not isinstance(test, dict):
        return test
    same = {key: _condition(value) for key, value in test.items() if key != "const"}
    return same | ({"enum": [test["const"]]} if "const" in test else {})


def _properties(old: dict[str, Any], new: dict[str, Any], place: str) -> list[str]:
    gone = [f"{place}.{name} was removed" for name in old if name not in new]
    return gone + [each for name in old if name in new for each in breaks(old[name], new[name], f"{place}.{name}")]


def _known(old: list[Any], new: list[Any], place: str) -> list[str]:
    return [f"{place}: {value!r} was removed" for value in old if value not in new]


def _required(old: list[str], new: list[str], place: str) -> list[str]:
    return [f"{place}: {name} was changed" for name in sorted(set(old) ^ set(new))]


def _all_of(old: list[Any], new: list[Any], place: str) -> list[str]:
    kept = {
        index: next((at for at, each in enumerate(new) if _is_kept(rule, each)), None) for index, rule in enumerate(old)
    }
    gone = [f"{place}[{index}] was removed or changed" for index, at in kept.items() if at is None]
    more = [each for at, each in enumerate(new) if at not in kept.values()]
    return gone + [f"{place}: a rule without a condition was added" for each in more if "if" not in each]


def _is_kept(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a rule has the same condition as before, and asks for the same where it holds."""
    if "if" not in old or "if" not in new:
        return not breaks(old, new)
    return bool(old["if"] == new["if"]) and not breaks(old["then"], new["then"])


def _any_of(old: list[Any], new: list[Any], place: str) -> list[str]:
    if len(old) != len(new):
        return [f"{place}: the number of alternatives was changed"]
    return [
        each for index, pair in enumerate(zip(old, new, strict=True)) for each in breaks(*pair, f"{place}[{index}]")
    ]


_RULES: dict[str, Callable[[Any, Any, str], list[str]]] = {
    "properties": _properties,
    "known": _known,
    "required": _required,
    "allOf": _all_of,
    "anyOf": _any_of,
}
