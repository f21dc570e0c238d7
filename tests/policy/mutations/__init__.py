"""How `infra/*.tf` could go wrong, by subject: one change of text each, and the policy that must notice."""

from __future__ import annotations

from typing import Final

from tests.policy.mutations import access, accounts, contents, delivery, limits, ordering, viewing

MUTATIONS: Final = (
    *access.MUTATIONS,
    *accounts.MUTATIONS,
    *contents.MUTATIONS,
    *delivery.MUTATIONS,
    *limits.MUTATIONS,
    *ordering.MUTATIONS,
    *viewing.MUTATIONS,
)
