"""What `infra/*.tf` makes: every resource for every key, with locals, variables and references followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from tests.policy.computed import COMPUTED, PROJECT
from tests.policy.expressions import items

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from tests.policy.parsed import Infra
    from tests.policy.syntax import Body, Nested

BACKFILL_IMAGE: Final = "us-central1-docker.pkg.dev/a-project/uplook-images/uplook:1"
VIEWER: Final[Mapping[str, Any]] = {
    "viewer": True,
    "viewer_image": BACKFILL_IMAGE,
    "viewer_members": ("group:viewers@example.com", "user:one@example.com"),
}
"""Choices of variables by which there is a page, and people may open it."""
_ALL: Final[Mapping[str, Any]] = {
    "forget": True,
    "alert_email": "operators@example.com",
    "batch": True,
    "bigquery": True,
    "backfill_image": BACKFILL_IMAGE,
    "reuse_answers": True,
    "dashboard": True,
    "tracing": True,
    **VIEWER,
}
EVERYTHING: Final[tuple[Mapping[str, Any], ...]] = ({**_ALL, "backend": "vertex"}, {**_ALL, "backend": "developer"})
"""Choices of variables by which everything is made that can be made."""

_STAND_INS: Final = {"source_digest": "DIGEST"}
"""Locals that only files can tell."""
_META: Final = frozenset({"count", "for_each", "depends_on", "lifecycle", "provider"})


@dataclass(frozen=True, slots=True)
class Made:
    """One resource as it is made; `key` tells those apart that one block makes, and is empty where it makes one."""

    address: str
    type: str
    key: str
    body: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.address}[{self.key}]" if self.key else self.address

    def one(self, *path: str) -> Any:
        """Return what stands at a path of nested blocks, None where nothing does."""
        found: Any = self.body
        for key in path:
            found = found[0] if isinstance(found, list) and found else found
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def made(infra: Infra, *types: str, **variables: Hashable) -> list[Made]:
    """Return what is made of these types, or all of it, where variables have other values than their defaults."""
    module = _module(infra, **variables)
    return [each for kind in types or module.types for each in module.made(kind)]


def local_value(infra: Infra, name: str) -> Any:
    """Return what a local value comes to, where variables have their defaults."""
    return _module(infra).local_value(name)


def anything(infra: Infra, *types: str) -> list[Made]:
    """Return all that can be made of these types; what differs between the backends stands there twice."""
    first, second = (made(infra, *types, **choice) for choice in EVERYTHING)
    known = {str(each): dict(each.body) for each in first}
    return [*first, *(each for each in second if known.get(str(each)) != dict(each.body))]


class _Lazy(Mapping[str, Any]):
    """Values that are computed when somebody asks: blocks refer to each other in no order."""

    def __init__(self, values: Mapping[str, Callable[[], Any]]) -> None:
        self._values = values
        self._known: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            self._known[key] = self._values[key]()
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Arguments(Mapping[str, Any]):
    """What one resource states, None where it is as if it were not stated; computed when somebody asks."""

    def __init__(self, body: Body, names: Mapping[str, Any]) -> None:
        self._body = body
        self._names = names
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            value, blocks = self._body.attributes.get(name), self._body.blocks
            self._known[name] = value(self._names) if value else _expanded(blocks[name], name, self._names)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in (*self._body.attributes, *self._body.blocks) if name not in _META)

    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass(frozen=True, slots=True)
class _Instance:
    """What others see of a resource: its arguments, and what the provider adds to them."""

    kind: str
    arguments: _Arguments

    def __getitem__(self, name: str) -> Any:
        compute = COMPUTED.get(self.kind, {}).get(name)
        return compute(self.arguments) if compute else self.arguments[name]


class _Module:
    """All files under one choice of variables."""

    def __init__(self, infra: Infra, variables: Mapping[str, Any]) -> None:
        defaults = {name: body.get("default") for name, body in infra.variables.items()}
        known: dict[str, Callable[[], Any]] = {}
        resources: dict[str, dict[str, Callable[[], Any]]] = defaultdict(dict)
        for (kind, *labels), body in infra.blocks:
            if kind == "locals":
                known |= {name: partial(self._evaluate, value) for name, value in body.attributes.items()}
            elif kind in {"data", "resource"}:
                of = f"data.{labels[0]}" if kind == "data" else labels[0]
                resources[of][labels[1]] = partial(self._instances, of, body)
        known |= {name: partial(str, value) for name, value in _STAND_INS.items()}
        self.types = {kind: _Lazy(by_name) for kind, by_name in resources.items()}
        self._made: dict[str, list[Made]] = {}
        self._names: dict[str, Any] = {
            "local": _Lazy(known),
            "path": {"module": "infra"},
            "var": {**defaults, "project": PROJECT, **variables},
            "data": {kind.removeprefix("data."): names for kind, names in self.types.items()},
            **self.types,
        }

    def made(self, kind: str) -> list[Made]:
        """Return every resource of a type."""
        if kind not in self._made:
            self._made[kind] = [
                Made(f"{kind}.{name}", kind, str(key), each.arguments)
                for name, found in self.types.get(kind, {}).items()
                for key, each in ([("", found)] if isinstance(found, _Instance) else items(found))
            ]
        return self._made[kind]

    def local_value(self, name: str) -> Any:
        """Return what a local value comes to."""
        return self._names["local"][name]

    def _evaluate(self, value: Callable[[Mapping[str, Any]], Any]) -> Any:
        return value(self._names)

    def _instances(self, kind: str, body: Body) -> Any:
        stated = body.attributes
        if "for_each" in stated:
            over = self._evaluate(stated["for_each"])
            pairs = items(over) if isinstance(over, Mapping) else ((each, each) for each in over)
            return {key: self._instance(kind, body, {"key": key, "value": value}) for key, value in pairs}
        if "count" in stated:
            return [self._instance(kind, body, {}) for _ in range(self._evaluate(stated["count"]))]
        return self._instance(kind, body, {})

    def _instance(self, kind: str, body: Body, each: Mapping[str, Any]) -> _Instance:
        return _Instance(kind, _Arguments(body, {**self._names, "each": each}))


@lru_cache(maxsize=16)
def _module(infra: Infra, **variables: Hashable) -> _Module:
    return _Module(infra, variables)


def _expanded(blocks: Iterable[Nested], name: str, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for block in blocks:
        if block.over is None:
            found.append(_values(block.body, names))
        else:
            for key, value in items(block.over(names)):
                found.append(_values(block.body, {**names, name: {"key": key, "value": value}}))
    return found


def _values(body: Body, names: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value(names) for name, value in body.attributes.items()}
    blocks = {name: _expanded(found, name, names) for name, found in body.blocks.items()}
    return {name: value for name, value in {**values, **blocks}.items() if value is not None}
