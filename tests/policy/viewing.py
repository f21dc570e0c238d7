"""Policies: the page that people open stands behind Identity-Aware Proxy, and its account can only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.policy.access import OPENS_PAGE, PAGE, SERVICE
from tests.policy.computed import NUMBER
from tests.policy.evaluated import EVERYTHING, VIEWER, anything, local_value, made
from tests.policy.needs import ROLES
from tests.policy.rights import all_grants, grants

if TYPE_CHECKING:
    from tests.policy.parsed import Infra

READS: Final = frozenset({"storage.objects.get", "storage.objects.list"})
"""Every permission that the page's account may have, on the buckets of the deployment and nowhere else."""
_BUCKETS: Final = {f"a-project-uplook-{name}" for name in ("results", "uploads", "work")}
_BESIDE: Final = {"OTEL_TRACES_EXPORTER", "IAP_AUDIENCE"}
_ENTRANCE: Final = "google_iap_web_cloud_run_service_iam_member"


def reads_only(infra: Infra) -> list[str]:
    """The page's account can read the three buckets: no role of it allows anything else, and none is anywhere else."""
    problems = []
    for grant in (each for each in all_grants(infra) if each.who == PAGE):
        more = ROLES.get(grant.role, {f"what {grant.role} allows"}) - READS
        problems += [f"{grant.address}: lets the page do more than read: {permission}." for permission in sorted(more)]
        if grant.on not in _BUCKETS or grant.type != "google_storage_bucket_iam_member":
            problems.append(
                f"{grant.address}: gives {grant.role} on {grant.on} to the page, which has no business there."
            )
    return problems


def behind_iap(infra: Infra) -> list[str]:
    """IAP is on, nothing turns the check of callers off, and the page is told for whom IAP's signatures are."""
    problems = []
    for each in anything(infra, SERVICE):
        if each.one("iap_enabled") is not True:
            problems.append(f"{each}: anybody could reach it, iap_enabled is {each.one('iap_enabled')}.")
        if each.one("invoker_iam_disabled"):
            problems.append(f"{each}: anybody could call it, invoker_iam_disabled is set.")
        told = {env["name"]: env.get("value") for env in each.one("template", "containers")[0]["env"]}
        path = f"/projects/{NUMBER}/locations/{each.body['location']}/services/{each.body['name']}"
        if told.get("IAP_AUDIENCE") != path:
            problems.append(f"{each}: expected IAP_AUDIENCE to be {path}, found {told.get('IAP_AUDIENCE')}.")
        if more := told.keys() - set(local_value(infra, "environment")) - _BESIDE:
            problems.append(f"{each}: is told more than the deployment's settings: {sorted(more)}.")
    return problems


def visitors(infra: Infra) -> list[str]:
    """Those whom `viewer_members` names open the page, and nobody else; IAP's rights are on nothing but the page."""
    problems = []
    for choice in EVERYTHING:
        wanted = {(_ENTRANCE, f"uplook-{PAGE}", who, OPENS_PAGE) for who in VIEWER["viewer_members"]}
        found = {
            (each.type, each.on, each.who, each.role)
            for each in grants(infra, **choice)
            if each.type.startswith("google_iap_") or each.role.startswith("roles/iap.")
        }
        problems += [
            f"{' '.join(each)}: is given to nobody whom viewer_members names." for each in sorted(found - wanted)
        ]
        problems += [f"{' '.join(each)}: is missing." for each in sorted(wanted - found)]
    return problems


def by_choice(infra: Infra) -> list[str]:
    """Without `viewer` there is no page, no account for one, no right and no API, whatever else is set for it."""
    off = {**EVERYTHING[0], "viewer": False}
    return [
        f"{each}: is there without viewer = true."
        for choice in ({}, off)
        for each in made(infra, **choice)
        if PAGE in each.address or "iap" in str(each.key) or each.type == SERVICE
    ]
