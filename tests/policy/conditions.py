"""IAM conditions, evaluated: as much of their language (CEL) as `infra/*.tf` uses.

https://cloud.google.com/iam/docs/conditions-overview. A condition is asked of the object; for listing, of the bucket.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_OBJECT: Final = "storage.googleapis.com/Object"
_BUCKET: Final = "storage.googleapis.com/Bucket"
_STRING: Final = re.compile(r'"[^"\\]*"')
_CALLS: Final = {"startsWith": str.startswith, "endsWith": str.endswith}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about: a bucket, or an object in it."""

    bucket: str
    object: str | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """Its attributes, as https://cloud.google.com/iam/docs/conditions-resource-attributes names them."""
        bucket = f"projects/_/buckets/{self.bucket}"
        if self.object is None:
            return {"resource.type": _BUCKET, "resource.name": bucket}
        return {"resource.type": _OBJECT, "resource.name": f"{bucket}/objects/{self.object}"}


def holds(condition: str | None, asked: Asked) -> bool:
    """Whether a condition lets a request through; no condition lets everything through.

    Raises:
        NotImplementedError: it uses what no file used so far: that belongs into this module.
    """
    return condition is None or _value(_parsed(condition), asked)


@cache
def _parsed(condition: str) -> ast.expr:
    outside = _STRING.split(condition)
    texts = _STRING.findall(condition)
    words = [part.replace("&&", " and ").replace("||", " or ") for part in outside]
    python = "".join(word + text for word, text in zip(words, [*texts, ""], strict=True))
    return ast.parse(python.strip(), mode="eval").body


def _value(node: ast.expr, asked: Asked) -> bool:
    match node:
        case ast.BoolOp(op=ast.And()):
            return all(_value(each, asked) for each in node.values)
        case ast.BoolOp(op=ast.Or()):
            return any(_value(each, asked) for each in node.values)
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.Constant(value=str(text))]):
            return asked.attributes[ast.unparse(node.left)] == text
        case ast.Call(func=ast.Attribute(attr=name, value=of), args=[ast.Constant(value=str(text))]) if name in _CALLS:
            return _CALLS[name](asked.attributes[ast.unparse(of)], text)
        case _:
            raise NotImplementedError(
                f"Expected a condition that this module knows, found {ast.unparse(node)}: teach it."
            )
