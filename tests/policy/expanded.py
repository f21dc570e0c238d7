"""What `infra/*.tf` makes by its defaults, by name: `for_each` and simple templates, expanded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.policy.parsed import Block, Infra

PROJECT: Final = "a-project"
_PARTS: Final = {
    "ingesters": "ingester",
    "workers": "worker",
    "bookkeepers": "bookkeeper",
    "releasers": "releaser",
    "forgetters": "forgetter",
}
_LOCAL: Final = re.compile(r"local\.(\w+)")
_REFERENCE: Final = re.compile(r"\$\{(data\.google_\w+|google_\w+)\.(\w+)(?:\[([^\]]+)\])?\.(\w+)\}")


def functions(infra: Infra, *, forget: bool) -> dict[str, str]:
    """Return the deployed functions with their parts."""
    every = infra.local_values["entry_points"]
    return {name: each["part"] for name, each in every.items() if name != "forget" or forget}


def keys(block: Block, infra: Infra, *, forget: bool) -> list[str]:
    """Return what a block is made for: names of functions, or one empty name where it is made once."""
    over = block.body.get("for_each")
    if over is None:
        return [""]
    named = set(_LOCAL.findall(str(over)))
    while not named <= _PARTS.keys() | {"functions"}:  # locals that are unions of others
        named = {
            inner
            for name in named
            for inner in (_LOCAL.findall(str(infra.local_values[name])) if name not in _PARTS else [name])
        }
    wanted = set(_PARTS.values()) if "functions" in named else {_PARTS[name] for name in named}
    return [name for name, part in functions(infra, forget=forget).items() if part in wanted]


def text(value: Any, key: str, infra: Infra) -> str:
    """Return a value's text for one key: with the default prefix, and other resources' names looked up."""
    found = str(value).replace("${each.key}", key).replace("[each.key]", f'["{key}"]')
    found = found.replace('${replace(each.key, "_", "-")}', key.replace("_", "-"))
    prefix = str(infra.default("prefix"))
    found = found.replace('${replace(var.prefix, "-", "_")}', prefix.replace("-", "_"))
    found = found.replace("${var.prefix}", prefix).replace("${var.project}", PROJECT)
    found = found.replace("${local.uploads.name}", "${google_storage_bucket.uploads.name}")
    match = _REFERENCE.fullmatch(found)
    return _named(match, infra) if match else found


def names(infra: Infra, kind: str, attribute: str = "name", *, forget: bool = False) -> set[str]:
    """Return the names of all resources of a type."""
    return {
        text(block.body[attribute], key, infra) for block in infra.of(kind) for key in keys(block, infra, forget=forget)
    }


def grants(infra: Infra, *, forget: bool = False) -> set[tuple[str, str, str]]:
    """Return every right that is given: on what, to whom, which role."""
    return {
        grant
        for block in infra.resources
        if block.type.endswith("_iam_member")
        for grant in _grants(block, infra, forget=forget)
    }


def _grants(block: Block, infra: Infra, *, forget: bool) -> Iterator[tuple[str, str, str]]:
    if "developer" in str(block.body.get("for_each")):
        return  # Vertex AI is the default
    on = next(name for name in _RESOURCE_ARGUMENTS if name in block.body)
    for key in keys(block, infra, forget=forget):
        yield (
            text(block.body[on], key, infra),
            text(block.body["member"], key, infra),
            text(block.body["role"], key, infra),
        )


_RESOURCE_ARGUMENTS: Final = (
    "bucket",
    "topic",
    "subscription",
    "service",
    "repository",
    "service_account_id",
    "project",
)


def _named(match: re.Match[str], infra: Infra) -> str:
    kind, name, raw_key, _ = match.groups()
    key = (raw_key or "").strip('"')
    if kind == "google_project_service_identity":
        return f"agent of {key.partition('.')[0]}"
    if kind.startswith("data."):
        return "agent of storage"
    block = next(each for each in infra.of(kind) if each.name == name)
    own = next(argument for argument in ("name", "account_id", "role_id", "repository_id") if argument in block.body)
    return text(block.body[own], key, infra)
