"""A change of `infra/*.tf` that must not go unnoticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.parsed import Infra


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` becomes `new` in `file`, everywhere; the policy then says something that contains `noticed`."""

    what: str
    policy: Callable[[Infra], list[str]]
    file: str
    old: str
    new: str
    noticed: str
