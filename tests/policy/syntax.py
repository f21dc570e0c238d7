"""Terraform's blocks: arguments as expressions, nested blocks, and what loops make of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.policy.expressions import expression, trees, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lark import Tree

    from tests.policy.expressions import Expression


@dataclass(frozen=True, slots=True)
class Nested:
    """A block inside of another; it is made for each of `over`, once where that is None."""

    over: Expression | None
    body: Body


@dataclass(frozen=True, slots=True)
class Body:
    """What stands between braces; blocks are found by the name of what they make."""

    attributes: Mapping[str, Expression]
    blocks: Mapping[str, Sequence[Nested]]


def blocks_of(tree: Tree[Any]) -> list[tuple[list[str], Body]]:
    """Return the blocks of a document with their kinds and labels; rules of variables and outputs are left out."""
    (document,) = trees(tree)
    labelled = [_labelled(block) for block in trees(document)]
    return [(labels, _body(body)) for labels, body in labelled if labels[0] in {"data", "locals", "resource"}]


def _body(tree: Tree[Any]) -> Body:
    parts = trees(tree)
    pairs = [each.children for each in parts if each.data == "attribute"]
    blocks: dict[str, list[Nested]] = defaultdict(list)
    for labels, body in (_labelled(each) for each in parts if each.data == "block"):
        if labels[0] == "lifecycle":
            continue  # says nothing of what is made
        blocks[labels[-1]].append(_loop(body) if labels[0] == "dynamic" else Nested(None, _body(body)))
    return Body({word(pair[0]): expression(pair[-1]) for pair in pairs}, dict(blocks))


def _loop(tree: Tree[Any]) -> Nested:
    loop = _body(tree)
    (content,) = loop.blocks["content"]
    return Nested(loop.attributes["for_each"], content.body)


def _labelled(block: Tree[Any]) -> tuple[list[str], Tree[Any]]:
    *labels, body = trees(block)
    return [word(label) for label in labels], body
