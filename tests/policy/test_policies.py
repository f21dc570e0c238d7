from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.policy import access, contents, delivery, limits, ordering, viewing
from tests.policy.mutations import MUTATIONS
from tests.policy.parsed import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.mutation import Mutation
    from tests.policy.parsed import Infra

FILES = {path.name: path.read_text("utf-8") for path in sorted((Path(__file__).parents[2] / "infra").glob("*.tf"))}
EXAMPLES = {
    str(path): path.read_text("utf-8") for path in (Path(__file__).parents[2] / "infra" / "examples").rglob("*.tf")
}
POLICIES = (
    access.project_roles,
    access.nothing_public,
    access.known_members,
    access.nobody_overwrites,
    access.tables,
    access.own_accounts,
    access.callers,
    access.key,
    delivery.deadlines,
    delivery.dead_letters,
    delivery.pushes,
    delivery.rows,
    delivery.triggers,
    delivery.ticks,
    limits.bounds,
    limits.quota,
    limits.lifetimes,
    limits.alerts,
    contents.environment,
    contents.entry_points,
    contents.arguments,
    ordering.apis,
    ordering.order,
    ordering.rights_first,
    viewing.reads_only,
    viewing.behind_iap,
    viewing.visitors,
    viewing.by_choice,
)


@pytest.mark.fault(13, 35, 36, 115)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_infra_keeps_the_policy(policy: Callable[[Infra], list[str]]) -> None:
    assert policy(parse(FILES)) == []


@pytest.mark.fault(115)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_a_policy_notices_when(mutation: Mutation) -> None:
    before = FILES[mutation.file]
    after = before.replace(mutation.old, mutation.new)
    assert after != before  # else the mutation is out of date

    problems = mutation.policy(parse({**FILES, mutation.file: after}))

    assert [problem for problem in problems if mutation.noticed in problem] != []


def test_the_schema_is_cut_to_what_is_used() -> None:
    infra = parse(FILES | EXAMPLES)
    known = {kind for tables in contents.PROVIDERS.values() for table in tables.values() for kind in table}

    assert known == {block.type for block in (*infra.resources, *infra.data)} - contents.BUILT_IN


def test_every_policy_is_shown_able_to_fail() -> None:
    assert {mutation.policy for mutation in MUTATIONS} == set(POLICIES)
