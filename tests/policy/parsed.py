"""`infra/*.tf` as values, for policies to judge: what is written, not what Terraform would make of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import hcl2
from hcl2.utils import SerializationOptions

from tests.policy.syntax import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.policy.syntax import Body

_OPTIONS = SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)
_BLOCK_ENDS = re.compile(r"(?<=^\}\n)", re.MULTILINE)  # by itself, a block that a mutation left alone is known already
_REFERENCE = re.compile(r"\b(data\.google_\w+|google_\w+|local|var)\.(\w+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A resource or a data source; `address` is how others refer to it."""

    address: str
    type: str
    name: str
    body: Mapping[str, Any]

    def one(self, *path: str) -> Any:
        """Return what stands at a path of nested blocks, None where nothing does."""
        found: Any = self.body
        for key in path:
            found = found[0] if isinstance(found, list) and found else found
            found = found.get(key) if isinstance(found, dict) else None
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Infra:
    """All files together: what is written, and `blocks`, of which `evaluated` makes resources."""

    blocks: tuple[tuple[list[str], Body], ...]
    resources: tuple[Block, ...]
    data: tuple[Block, ...]
    variables: Mapping[str, Mapping[str, Any]]
    local_values: Mapping[str, Any]

    def of(self, *types: str) -> list[Block]:
        """Return the resources of these types."""
        return [block for block in self.resources if block.type in types]

    def default(self, variable: str) -> Any:
        """Return a variable's default, None where there is none."""
        return self.variables.get(variable, {}).get("default")

    def references(self, value: Any) -> set[str]:
        """Return the addresses that a value refers to, through locals, too."""
        found: set[str] = set()
        waiting = [value]
        seen: set[str] = set()
        while waiting:
            for text in strings(waiting.pop()):
                for kind, name in _REFERENCE.findall(text):
                    if kind == "local" and name not in seen:
                        seen.add(name)
                        waiting.append(self.local_values.get(name))
                    elif kind != "local":
                        found.add(f"{kind}.{name}")
        return found


def parse(files: Mapping[str, str]) -> Infra:
    """Parse the content of files by their names."""
    read = [_read(part) for text in files.values() for part in _BLOCK_ENDS.split(text) if part.strip()]
    documents = [document for document, _ in read]

    def found(kind: str, prefix: str = "") -> tuple[Block, ...]:
        return tuple(
            Block(f"{prefix}{type_}.{name}", type_, name, body)
            for document in documents
            for entry in document.get(kind, [])
            for type_, named in entry.items()
            for name, body in named.items()
        )

    return Infra(
        blocks=tuple(block for _, blocks in read for block in blocks),
        resources=found("resource"),
        data=found("data", "data."),
        variables={
            name: body for each in documents for entry in each.get("variable", []) for name, body in entry.items()
        },
        local_values={
            name: value for each in documents for entry in each.get("locals", []) for name, value in entry.items()
        },
    )


@cache
def _read(text: str) -> tuple[dict[str, Any], list[tuple[list[str], Body]]]:
    tree = hcl2.parses_to_tree(text)
    return hcl2.serialize(hcl2.transform(tree), serialization_options=_OPTIONS), blocks_of(tree)


def strings(value: Any) -> Iterator[str]:
    """Yield every string inside of a value, keys of maps included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
