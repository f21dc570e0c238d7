"""Terraform's expressions, ready to be evaluated: as much of the language as `infra/*.tf` uses."""

from __future__ import annotations

import base64
import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lark import Token, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

Expression: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Evaluates to what it comes to where identifiers stand for these values."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_LITERALS: Final = {"true": True, "false": False, "null": None}
_ESCAPED: Final = re.compile(r'\\([nrt"\\])')
_INTERPOLATED: Final = re.compile(r"\$\{(\w+)\}")
_UNESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


def expression(tree: Tree[Any]) -> Expression:
    """Return what a piece of syntax means.

    Raises:
        NotImplementedError: It uses what no file used so far: that belongs into this module.
    """
    rule = _RULES.get(str(tree.data))
    if rule is None:
        raise NotImplementedError(f"Expected an expression that this module knows, found {tree.data}: teach it.")
    return rule(tree)


def trees(tree: Tree[Any]) -> list[Tree[Any]]:
    """Return the parts of a tree without punctuation and comments."""
    return [each for each in tree.children if isinstance(each, Tree) and each.data != "new_line_or_comment"]


def word(tree: Tree[Any]) -> str:
    """Return a name or a literal text: what stands in a tree, without quotes."""
    return "".join(str(token) for token in tree.scan_values(lambda each: isinstance(each, Token)) if token != '"')


def items(values: Any) -> list[tuple[Any, Any]]:
    """Return keys and values of a map, in the order of its keys, or of a list."""
    return sorted(values.items()) if isinstance(values, Mapping) else list(enumerate(values))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _only(tree: Tree[Any]) -> Expression:
    (inner,) = trees(tree)
    return expression(inner)


def _constant(value: Any) -> Expression:
    return lambda _: value


def _identifier(tree: Tree[Any]) -> Expression:
    return operator.itemgetter(word(tree))


def _string(tree: Tree[Any]) -> Expression:
    parts = [_part(part) for part in trees(tree)]
    return parts[0] if len(parts) == 1 else lambda names: "".join(_text(part(names)) for part in parts)


def _part(tree: Tree[Any]) -> Expression:
    (part,) = tree.children
    if isinstance(part, Tree):
        return _only(part)
    if part.type == "ESCAPED_INTERPOLATION":
        return _constant(str(part)[1:])
    return _constant(_ESCAPED.sub(lambda match: _UNESCAPED.get(match[1], match[1]), str(part)))


def _conditional(tree: Tree[Any]) -> Expression:
    condition, then, otherwise = map(expression, trees(tree))
    return lambda names: then(names) if condition(names) else otherwise(names)


def _binary(tree: Tree[Any]) -> Expression:
    first, term = trees(tree)
    sign, second = trees(term)
    left, right = expression(first), expression(second)
    match word(sign):
        case "&&":
            return lambda names: left(names) and right(names)
        case "||":
            return lambda names: left(names) or right(names)
        case known:
            combine = _OPERATORS[known]
            return lambda names: combine(left(names), right(names))


def _unary(tree: Tree[Any]) -> Expression:
    value = _only(tree)
    return (lambda names: not value(names)) if tree.children[0] == "!" else (lambda names: -value(names))


def _at(tree: Tree[Any]) -> Expression:
    of, at = trees(tree)
    (inner,) = trees(at)
    container, key = expression(of), expression(inner) if at.data == "braces_index" else _constant(word(inner))
    return lambda names: container(names)[key(names)]


def _tuple(tree: Tree[Any]) -> Expression:
    values = [expression(each) for each in trees(tree)]
    return lambda names: [value(names) for value in values]


def _object(tree: Tree[Any]) -> Expression:
    pairs = [(_key(key), expression(value)) for key, value in map(trees, trees(tree))]
    return lambda names: {_text(key(names)): value(names) for key, value in pairs}


def _key(tree: Tree[Any]) -> Expression:
    (key,) = trees(tree)
    bare = len(key.children) == 1 and [each.data for each in trees(key)] == ["identifier"]
    return _constant(word(key)) if bare else expression(key)


def _call(tree: Tree[Any]) -> Expression:
    name, *lists = trees(tree)
    function = _FUNCTIONS.get(word(name))
    if function is None:  # what only files can tell has stand-ins, and nobody asks
        return _unknown(word(name))
    arguments = [expression(each) for arguments in lists for each in trees(arguments)]
    return lambda names: function(*(argument(names) for argument in arguments))


def _unknown(name: str) -> Expression:
    def unknown(_: Mapping[str, Any]) -> Any:
        raise NotImplementedError(f"Expected a function that this module knows, found {name}(): teach it.")

    return unknown


def _loop(tree: Tree[Any]) -> Callable[[Mapping[str, Any]], Iterator[list[Any]]]:
    intro, *parts = trees(tree)
    *variables, source = trees(intro)
    bound, over = [word(each) for each in reversed(variables)], expression(source)
    condition = _only(parts.pop()) if parts[-1].data == "for_cond" else _constant(value=True)
    results = [expression(each) for each in parts]

    def loop(names: Mapping[str, Any]) -> Iterator[list[Any]]:
        for key, value in items(over(names)):
            inner = {**names, **dict(zip(bound, (value, key), strict=False))}
            if condition(inner):
                yield [result(inner) for result in results]

    return loop


def _for_object(tree: Tree[Any]) -> Expression:
    loop = _loop(tree)
    return lambda names: {key: value for key, value in loop(names)}  # noqa: C416 (mypy does not know the pairs)


def _for_tuple(tree: Tree[Any]) -> Expression:
    loop = _loop(tree)
    return lambda names: [value for (value,) in loop(names)]


def _filled(template: str, names: Mapping[str, Any]) -> str:
    return _INTERPOLATED.sub(lambda found: _text(names[found[1]]), template)


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "base64encode": lambda value: base64.b64encode(value.encode()).decode(),
    "basename": lambda path: path.rpartition("/")[2],
    "concat": lambda *lists: [each for values in lists for each in values],
    "contains": lambda values, value: value in values,
    "floor": math.floor,
    "flatten": lambda values: list(_flat(values)),
    "file": lambda path: (_ROOT / path).read_text("utf-8"),
    "formatlist": lambda form, values: [form % value for value in values],
    "join": lambda separator, values: separator.join(_text(value) for value in values),
    "jsondecode": json.loads,
    "jsonencode": lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")),
    "keys": sorted,
    "length": len,
    "lookup": lambda values, key, default: values.get(key, default),
    "lower": str.lower,
    "merge": lambda *maps: reduce(lambda all_, one: {**all_, **one}, maps, {}),
    "replace": str.replace,
    "sort": sorted,
    "templatefile": lambda path, names: _filled((_ROOT / path).read_text("utf-8"), names),
    "toset": lambda values: sorted(set(values)),
    "tostring": _text,
}

_RULES: Final[dict[str, Callable[[Tree[Any]], Expression]]] = {
    "binary_op": _binary,
    "conditional": _conditional,
    "expr_term": _only,
    "float_lit": lambda tree: _constant(float(word(tree))),
    "for_object_expr": _for_object,
    "for_tuple_expr": _for_tuple,
    "function_call": _call,
    "get_attr_expr_term": _at,
    "identifier": _identifier,
    "index_expr_term": _at,
    "int_lit": lambda tree: _constant(int(word(tree))),
    "literal_value": lambda tree: _constant(_LITERALS[word(tree)]),
    "object": _object,
    "string": _string,
    "tuple": _tuple,
    "unary_op": _unary,
}
