"""The rights that Terraform gives against the requests that are made: every request is allowed, every right is needed.

The deployment of `infra/*.tf` runs over emulators (`chain`), everything happens to it that its functions are for
(`scenarios`), and each request is recorded with the permission that it needs (`wire`). What Google's own services need
for the same resources, the HCL tells (`platform_needs`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.policy import scenarios
from tests.policy.chain import deployed
from tests.policy.computed import ASK_MODELS, PROJECT
from tests.policy.evaluated import BACKFILL_IMAGE
from tests.policy.needs import ROLES, Need, needless, unmet
from tests.policy.parsed import parse
from tests.policy.platform_needs import platform_needs
from tests.policy.rights import all_grants, functions, grants
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.policy.wire import Witness

INFRA = parse(FILES)
_ALL: Final = {
    "forget": True,
    "bigquery": True,
    "backfill_image": BACKFILL_IMAGE,
    "reuse_answers": True,
    "tracing": True,
}
CHOICES: Final[tuple[dict[str, Any], ...]] = ({"backend": "vertex", **_ALL}, {"backend": "developer", **_ALL})
_MEMBER: Final = re.compile(r'^resource "(google_\w+_iam_member)" "(\w+)" \{\n.*?^\}\n', re.MULTILINE | re.DOTALL)
GIVEN: Final = [
    (name, match[0], f"{match[1]}.{match[2]}") for name, text in FILES.items() for match in _MEMBER.finditer(text)
]
"""Every block that gives rights: its file, its text and its address."""

SEEN: Final = [given for given in GIVEN if not any(f"var.{option} ?" in given[1] for option in ("batch", "viewer"))]
"""Those whose need is seen here. `test_batch_rights` and `test_viewer_rights` show that of the others."""


class Seen:
    """What was asked of the deployment under one choice of variables."""

    def __init__(self, variables: dict[str, Any], witness: Witness) -> None:
        self.variables = variables
        self.witness = witness
        self.needs = witness.needs | platform_needs(INFRA, **variables)

    def unmet(self, files: dict[str, str]) -> list[Need]:
        """Return what other files than ours would not allow."""
        return unmet(self.needs, grants(parse(files), **self.variables))

    def needless(self, files: dict[str, str]) -> list[str]:
        """Return what other files than ours would give for nothing: to whom, which role, on what."""
        found = needless(self.needs, grants(parse(files), **self.variables))
        return [f"{grant.who}: {grant.role} on {grant.on}" for grant in found]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Seen]]:
    """The deployment on each back end, after everything has happened to it."""
    rules_file = tmp_path_factory.mktemp("rules") / "rules.toml"
    rules_file.write_text(scenarios.RULES, "utf-8")
    found = []
    for variables in CHOICES:
        with deployed(INFRA, rules_file, **variables) as chain:
            scenarios.everything(chain)
            found.append(Seen(variables, chain.witness))
    yield found  # noqa: PT022 - what is seen outlives the deployment


def test_every_request_is_allowed(seen: list[Seen]) -> None:
    for each in seen:
        assert each.witness.refused == []
        assert each.unmet(FILES) == []


def test_every_right_is_needed(seen: list[Seen]) -> None:
    assert [each.needless(FILES) for each in seen] == [[], []]


def test_every_function_was_seen_at_work_and_nothing_but_objects_was_asked_for(seen: list[Seen]) -> None:
    deployed_functions = {name.replace("_", "-") for name in functions(INFRA, **CHOICES[0])}
    for each in seen:
        asked = {need.who for need in each.witness.needs} - {"agent of aiplatform", "agent of cloudscheduler"}
        operations = {operation for _, operation, _, _ in each.witness.requests}

        assert asked == deployed_functions | {"backfill"}
        assert operations == {f"object.{name}" for name in ("delete", "download", "get", "insert", "list")}


@pytest.mark.parametrize(("name", "block", "address"), SEEN, ids=[address for *_, address in SEEN])
def test_without_a_right_something_is_not_allowed(seen: list[Seen], name: str, block: str, address: str) -> None:
    without = {**FILES, name: FILES[name].replace(block, "")}
    missing = [need for each in seen for need in each.unmet(without)]

    assert without[name] != FILES[name], address
    assert missing != []


def test_every_block_that_gives_rights_is_among_them() -> None:
    assert {address for *_, address in GIVEN} == {grant.address for grant in all_grants(INFRA)}


_MORE_CALLERS: Final = (
    "# https://cloud.google.com/run/docs/reference/iam/roles\n",
    """resource "google_cloud_run_service_iam_member" "more" {
  for_each = local.pushed
  service = google_cloudfunctions2_function.pushed[each.key].name
  role = "roles/run.invoker"
  member = google_service_account.trigger.member
}
""",
)
FOR_NOTHING: Final = {
    "ingest reads uploads": (
        "buckets.tf",
        'uploads" {\n  for_each = merge(local.workers, local.forgetters)',
        'uploads" {\n  for_each = merge(local.workers, local.forgetters, local.ingesters)',
        "ingest: roles/storage.objectViewer on a-project-uplook-uploads",
    ),
    "release reads results": (
        "buckets.tf",
        '"results_read_by" {\n  for_each = merge(local.workers, local.bookkeepers)\n',
        '"results_read_by" {\n  for_each = merge(local.workers, local.bookkeepers, local.releasers)\n',
        "release: roles/storage.objectViewer on a-project-uplook-results",
    ),
    "dead_letter publishes image events": (
        "topics.tf",
        "for_each = merge(local.ingesters, local.releasers)\n",
        "for_each = merge(local.ingesters, local.releasers, local.bookkeepers)\n",
        "dead-letter: roles/pubsub.publisher on uplook-image-events",
    ),
    "forget asks models": (
        "identities.tf",
        'var.backend == "vertex" ? local.workers : {}',
        'var.backend == "vertex" ? merge(local.workers, local.forgetters) : {}',
        f"forget: {ASK_MODELS} on {PROJECT}",
    ),
    "triggers call what is pushed": (
        "functions.tf",
        *_MORE_CALLERS,
        "trigger: roles/run.invoker on uplook-release",
    ),
}


@pytest.mark.parametrize("change", FOR_NOTHING)
def test_a_right_for_nothing_is_noticed(seen: list[Seen], change: str) -> None:
    file, old, new, noticed = FOR_NOTHING[change]
    with_more = {**FILES, file: FILES[file].replace(old, new)}

    assert with_more[file] != FILES[file]  # else the change is out of date
    assert noticed in [right for each in seen for right in each.needless(with_more)]


def test_a_right_on_one_folder_is_none_on_the_others(seen: list[Seen]) -> None:
    folder = "objects/${each.value.folder}"
    elsewhere = {**FILES, "buckets.tf": FILES["buckets.tf"].replace(folder, "objects/leases/")}
    missing = {str(need.object).partition("/")[0] for each in seen for need in each.unmet(elsewhere)}

    assert missing == {"answers", "dead", "held", "releases", "replies", "seen", "spending", "uses"}


def test_a_function_without_its_right_cannot_work(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The rights are not only compared: each request is refused that they do not allow."""
    rules_file = tmp_path_factory.mktemp("rules") / "rules.toml"
    rules_file.write_text(scenarios.RULES, "utf-8")
    block = next(block for *_, block, address in GIVEN if address.endswith(".image_events_published_by"))
    without = parse({**FILES, "topics.tf": FILES["topics.tf"].replace(block, "")})
    with deployed(without, rules_file, **CHOICES[0]) as chain, pytest.raises(AssertionError):
        scenarios.everything(chain)

    assert {(need.who, need.permission, need.on) for need in chain.witness.refused} == {
        ("ingest", "pubsub.topics.publish", "uplook-image-events")
    }


def test_what_every_role_allows_is_known() -> None:
    assert {grant.role for grant in all_grants(INFRA)} == ROLES.keys()
