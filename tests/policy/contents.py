"""Policies: Terraform and the code name the same things, and the provider knows them."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import main
from shared.config import Settings
from shared.core.errors import SettingsError
from shared.core.tasks.catalogue import TASKS
from tests.policy.evaluated import local_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.policy.parsed import Block, Infra

PROVIDERS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("provider-schema.json").read_text("utf-8"))[
    "providers"
]
NOT_DEPLOYED: Final = {
    "FUNCTION_TARGET": "the platform sets it",
    "GOOGLE_API_KEY": "the SDK's other name of GEMINI_API_KEY",
    "GOOGLE_GEMINI_BASE_URL": "another address of Gemini: the emulator's, or a proxy's",
    "K_REVISION": "the platform sets it",
    "K_SERVICE": "the platform sets it",
    "OTEL_SDK_DISABLED": "the variable tracing says whether there are spans",
    "PUBSUB_EMULATOR_HOST": "the local stack's",
    "STORAGE_EMULATOR_HOST": "the local stack's",
}
"""What `Settings` reads and Terraform does not set, and why."""

_META: Final = frozenset({"count", "depends_on", "for_each", "lifecycle", "provider"})
_CAPITALS: Final = re.compile(r"\b([A-Z][A-Z0-9_]+) = ")


class _Recorder(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return default


def settings_read() -> set[str]:
    """Return the names of all variables that the settings are read from."""
    environ = _Recorder()
    with contextlib.suppress(SettingsError):  # nothing is set: all that matters is what was asked for
        Settings.from_env(environ)
    return environ.asked


BUILT_IN: Final = frozenset({"terraform_data"})
"""What Terraform itself makes: no provider has a schema for it, and `terraform validate` knows it."""


def environment(infra: Infra) -> list[str]:
    """Every variable that Terraform sets is read, and every one that is read can be set."""
    names = {*infra.local_values["own_settings"], *infra.local_values["further_settings"]}
    for block in infra.of("google_cloudfunctions2_function"):
        names |= set(_CAPITALS.findall(str(block.one("service_config", "environment_variables"))))
        for dynamic in block.one("service_config", "dynamic") or []:
            names |= {content["key"] for each in dynamic.values() for content in each["content"] if "key" in content}
    read = settings_read()
    return [
        *(f"{name}: is set, and nothing reads it." for name in sorted(names - read)),
        *(f"{name}: is read, and cannot be set." for name in sorted(read - names - NOT_DEPLOYED.keys())),
        *(f"{name}: belongs to the local stack." for name in sorted(names & NOT_DEPLOYED.keys())),
    ]


def entry_points(infra: Infra) -> list[str]:
    """What `main.py` exports is deployed, and nothing else; every task has a worker."""
    parts = {name: each["part"] for name, each in local_value(infra, "entry_points").items()}
    workers = {name for name, part in parts.items() if part == "worker"}
    return [
        *(
            f"{name}: is an entry point of main.py, and not deployed."
            for name in sorted(set(main.__all__) - parts.keys())
        ),
        *(f"{name}: is deployed, and no entry point of main.py." for name in sorted(parts.keys() - set(main.__all__))),
        *(f"{name}: is a worker for no task." for name in sorted(workers - set(TASKS))),
        *(f"{name}: is a task without a worker." for name in sorted(set(TASKS) - workers)),
    ]


def arguments(infra: Infra) -> list[str]:
    """The provider knows every argument, in nested blocks, too, and every required one is there."""
    problems = []
    for block in (*infra.resources, *infra.data):
        if block.type in BUILT_IN:
            continue
        schema = _schema(block)
        if schema is None:
            problems.append(f"{block.address}: provider-schema.json has no {block.type}.")
        else:
            body = {name: value for name, value in block.body.items() if name not in _META}
            problems += [f"{block.address}: {problem}" for problem in _unknown(body, schema)]
    return problems


def _schema(block: Block) -> Mapping[str, Any] | None:
    provider = str(block.body.get("provider", "${google}")).strip("${}")
    kind = "data" if block.address.startswith("data.") else "resources"
    found: Mapping[str, Any] | None = PROVIDERS[f"hashicorp/{provider}"][kind].get(block.type)
    return found


def _unknown(body: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    dynamic = {name: each["content"] for entry in body.get("dynamic", []) for name, each in entry.items()}
    stated = {name: value for name, value in body.items() if name != "dynamic"} | dynamic
    for name, value in stated.items():
        argument = schema.get(name)
        if argument is None or argument.get("computed"):
            yield f"{path}{name} is no argument."
        elif "block" in argument:
            for inner in value:
                yield from _unknown(inner, argument["block"], f"{path}{name}.")
    for name, argument in schema.items():
        if argument.get("required") and name not in stated:
            yield f"{path}{name} is missing."
