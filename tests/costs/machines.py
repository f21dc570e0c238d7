"""The machines that Terraform makes for the functions: how much each does at once, and what a second costs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.costs.prices import table
from tests.policy.evaluated import made
from tests.policy.parsed import parse

if TYPE_CHECKING:
    from tests.policy.evaluated import Made


def concurrency(function: str) -> int:
    """Return how many events one instance of a function handles at once."""
    return int(_function(function).one("service_config", "max_instance_request_concurrency"))


def instance_usd_per_s(function: str) -> float:
    """Return what a second of an instance of a function costs while it answers requests."""
    config = _function(function).one("service_config")[0]
    return float(config["available_cpu"]) * float(table("run")["usd_per_vcpu_s"]) + _gib(
        str(config["available_memory"])
    ) * float(table("run")["usd_per_gib_s"])


def _gib(memory: str) -> float:
    return float(memory[:-2]) / {"Gi": 1, "Mi": 1024}[memory[-2:]]


@cache
def _function(name: str) -> Made:
    from tests.policy.test_policies import FILES

    functions = made(parse(FILES), "google_cloudfunctions2_function")
    return next(each for each in functions if each.key == name)
