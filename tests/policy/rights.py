"""Every right that `infra/*.tf` gives: on what, to whom, which role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.policy.computed import NUMBER, PROJECT
from tests.policy.evaluated import EVERYTHING, local_value, made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.policy.evaluated import Made
    from tests.policy.parsed import Infra

_IMAGES: Final = ("google_cloud_run_v2_job", "google_cloud_run_v2_service")
"""What runs the image of the Dockerfile."""
MEMBERS: Final = "_iam_member"
_ON: Final = (
    "bucket",
    "topic",
    "subscription",
    "service",
    "cloud_run_service_name",
    "repository",
    "service_account_id",
    "secret_id",
    "table_id",
    "project",
)
_SERVICE_ACCOUNT: Final = "serviceAccount:"
_AGENT: Final = f"{_SERVICE_ACCOUNT}service-{NUMBER}@"


@dataclass(frozen=True, slots=True)
class Grant:
    """One right. `who` is an account's name without the prefix, `agent of …` for one of Google's, else as it stands."""

    address: str
    type: str
    on: str
    who: str
    role: str
    condition: str | None = None


def grants(infra: Infra, **variables: Any) -> list[Grant]:
    """Return the rights that are given where variables have other values than their defaults."""
    accounts = {each.body["account_id"] for each in made(infra, "google_service_account", **variables)}
    kinds = dict.fromkeys(block.type for block in infra.resources if block.type.endswith(MEMBERS))
    return [_grant(each, accounts) for each in made(infra, *kinds, **variables)]


def all_grants(infra: Infra) -> list[Grant]:
    """Return the rights that are given by any choice of variables."""
    return list(dict.fromkeys(each for choice in EVERYTHING for each in grants(infra, **choice)))


def ours(infra: Infra, *parts: str) -> set[str]:
    """Return the names of the accounts that run our code: of functions that play these parts, or of all there is."""
    found = functions(infra, **EVERYTHING[0])
    of_images = {each.body["name"].removeprefix("uplook-") for each in made(infra, *_IMAGES, **EVERYTHING[0])}
    return (set() if parts else of_images) | {
        name.replace("_", "-") for name, part in found.items() if not parts or part in parts
    }


def functions(infra: Infra, **variables: Any) -> dict[str, str]:
    """Return the deployed functions with the parts they play."""
    entry_points: Mapping[str, Mapping[str, Any]] = local_value(infra, "entry_points")
    accounts = made(infra, "google_service_account", **variables)
    deployed = [each.key for each in accounts if each.address == "google_service_account.function"]
    return {name: entry_points[name]["part"] for name in deployed}


def _grant(each: Made, accounts: set[str]) -> Grant:
    on = next(each.body[argument] for argument in _ON if argument in each.body)
    who = _who(str(each.body["member"]), accounts)
    return Grant(each.address, each.type, str(on), who, str(each.body["role"]), each.one("condition", "expression"))


def _who(member: str, accounts: set[str]) -> str:
    name, _, domain = member.removesuffix(".iam.gserviceaccount.com").partition("@")
    if member.startswith(_AGENT):
        return f"agent of {'storage' if domain == 'gs-project-accounts' else domain.removeprefix('gcp-sa-')}"
    account = name.removeprefix(_SERVICE_ACCOUNT)
    known = member.startswith(_SERVICE_ACCOUNT) and domain == PROJECT and account in accounts
    return account.removeprefix("uplook-") if known else member
