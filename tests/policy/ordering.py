"""Policies: whatever Terraform does at once, the first apply finds an order in which it succeeds."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from tests.policy.evaluated import EVERYTHING, anything, made
from tests.policy.rights import MEMBERS, all_grants, ours

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.policy.evaluated import Made
    from tests.policy.parsed import Block, Infra
    from tests.policy.rights import Grant

APIS: Final[Mapping[str, Collection[str]]] = {
    "google_artifact_registry_repository": {"artifactregistry"},
    "google_bigquery_dataset": {"bigquery"},
    "google_bigquery_table": {"bigquery"},
    "google_cloud_run_service": {"run"},
    "google_cloud_run_v2_job": {"run"},
    "google_cloud_run_v2_service": {"iap", "run"},
    "google_cloud_scheduler_job": {"cloudscheduler"},
    "google_cloudfunctions2_function": {"artifactregistry", "cloudbuild", "cloudfunctions", "run", "storage"},
    "google_iap_web_cloud_run_service": {"iap", "run"},
    "google_logging_metric": {"logging"},
    "google_monitoring_alert_policy": {"monitoring"},
    "google_monitoring_custom_service": {"monitoring"},
    "google_monitoring_dashboard": {"monitoring"},
    "google_monitoring_notification_channel": {"monitoring"},
    "google_monitoring_slo": {"monitoring"},
    "google_project": {"cloudresourcemanager"},
    "google_project_iam_custom_role": {"iam"},
    "google_project_service_identity": (),  # its service's, see _apis
    "google_pubsub_subscription": {"pubsub"},
    "google_pubsub_topic": {"pubsub"},
    "google_secret_manager_secret": {"secretmanager"},
    "google_secret_manager_secret_version": {"secretmanager"},
    "google_service_account": {"iam"},
    "google_storage_bucket": {"storage"},
    "google_storage_bucket_object": {"storage"},
    "google_storage_project_service_account": {"storage"},
    "terraform_data": (),  # Terraform's own
}
"""What must be enabled before a resource, or a right on it, can be made."""

CHOICES: Final[tuple[Mapping[str, bool | str], ...]] = ({}, {"backend": "developer"}, *EVERYTHING)
SERVICES: Final = "google_project_service"
_FUNCTION: Final = "google_cloudfunctions2_function"
_IMAGES: Final = ("google_cloud_run_v2_job", "google_cloud_run_v2_service")
_SUBSCRIPTION: Final = "google_pubsub_subscription"
_OF_ROLES: Final = re.compile(r"^roles/(\w+)\.|^(\w+)\.\w+\.\w+$")


def apis(infra: Infra) -> list[str]:
    """The APIs that are enabled are those that the resources need, by every choice of variables."""
    problems = []
    for choice in CHOICES:
        resources = made(infra, **choice)
        enabled = {_short(each.body["service"]) for each in resources if each.type == SERVICES}
        needed = {api for each in resources if each.type != SERVICES for api in _apis(each)}
        problems += [f"{api}: is needed and not enabled, with {choice}." for api in sorted(needed - enabled)]
        problems += [f"{api}: is enabled and not needed, with {choice}." for api in sorted(enabled - needed)]
    return problems


def order(infra: Infra) -> list[str]:
    """Nothing is made before the APIs that it needs are enabled; what data sources wait for never changes."""
    blocks = {block.address: block for block in (*infra.resources, *infra.data)}
    enabled = _enabled(infra)
    needs: dict[str, set[str]] = defaultdict(set)
    for each in anything(infra, *{address.rpartition(".")[0] for address in blocks} - {SERVICES}):
        needs[each.address] |= _apis(each)
    problems = []
    for address, needed in needs.items():
        lists = [enabled[service] for service in _needed(blocks[address], blocks, infra) & enabled.keys()]
        missing = needed - {api for by_choice in lists for apis_ in by_choice for api in apis_}
        if missing:
            problems.append(f"{address}: does not wait until the APIs are enabled: {', '.join(sorted(missing))}.")
        if address.startswith("data.") and any(len(set(by_choice)) > 1 for by_choice in lists):
            problems.append(f"{address}: waits for a list that depends on choices, and is unknown while it changes.")
    return problems


def rights_first(infra: Infra) -> list[str]:
    """No function runs, nothing is pushed, and no upload is noticed before the rights for it are given.

    Whoever needs a right names it: what waits only because something else does stops waiting when that changes.
    """
    by_block: dict[str, list[Grant]] = defaultdict(list)
    for grant in all_grants(infra):
        by_block[grant.address].append(grant)
    problems = []
    for address, grants in by_block.items():
        problems += [
            f"{block.address}: needs {address}, and does not name it in depends_on."
            for block in _needing(grants, infra)
            if address not in infra.references(block.body)
        ]
    return problems


def _needing(grants: list[Grant], infra: Infra) -> list[Block]:
    """Return the blocks that need the rights of one block: all functions, where nobody knows better."""
    first, who = grants[0], {grant.who for grant in grants}
    deployed = infra.of(_FUNCTION)
    if who <= ours(infra):
        return _running(who, infra)
    if first.who in {"trigger", "agent of iap"} and first.type.startswith("google_cloud_run_"):
        return []  # a service can be called once it is there, and not before: Eventarc tries again, and so do people
    if first.type.startswith("google_iap_"):
        return []
    known = {
        "agent of aiplatform": _running(ours(infra, "worker"), infra),
        "agent of cloudscheduler": infra.of("google_cloud_scheduler_job"),
        "agent of pubsub": _delivering(first, infra) or [block for block in deployed if block.one("event_trigger")],
        "push": [block for block in infra.of(_SUBSCRIPTION) if block.one("push_config")],
        # Those of Eventarc are for the last functions: the first builds are the minutes in which rights get known.
    }
    return known.get(first.who, deployed)


def _delivering(grant: Grant, infra: Infra) -> list[Block]:
    """Return the subscriptions that need a right of Pub/Sub's agent; none does where storage events need it."""
    using = {
        each.address
        for each in anything(infra, _SUBSCRIPTION)
        if str(each.one("dead_letter_policy", "dead_letter_topic")).endswith(f"/{grant.on}")
        or grant.on.endswith(f"/{each.one('push_config', 'oidc_token', 'service_account_email')}")
        or str(each.one("bigquery_config", "table")).endswith(f".{grant.on}")
    }
    return [block for block in infra.of(_SUBSCRIPTION) if block.address in using]


def _running(accounts: set[str], infra: Infra) -> list[Block]:
    """Return the blocks of functions, jobs and services that run as one of these accounts."""
    deployed = made(infra, _FUNCTION, *_IMAGES, **EVERYTHING[0])
    running = {each.address for each in deployed if each.body["name"].removeprefix("uplook-") in accounts}
    return [block for block in infra.of(_FUNCTION, *_IMAGES) if block.address in running]


def _apis(each: Made) -> set[str]:
    kind = each.type.removeprefix("data.").removesuffix(MEMBERS)
    roles = [str(text) for text in (each.one("role"), *(each.one("permissions") or ())) if text]
    found = {next(filter(None, match.groups())) for role in roles if (match := _OF_ROLES.search(role))}
    found |= set(APIS[kind]) if kind in APIS else {f"the API of {kind}"}
    found |= {"eventarc"} if each.one("event_trigger") else set()
    return found | ({_short(each.body["service"])} if kind == "google_project_service_identity" else set())


def _short(service: str) -> str:
    return service.removesuffix(".googleapis.com")


def _enabled(infra: Infra) -> dict[str, list[frozenset[str]]]:
    """Return what each list of APIs holds, for every choice of variables."""
    return {
        block.address: [
            frozenset(_short(each.body["service"]) for each in made(infra, **choice) if each.address == block.address)
            for choice in CHOICES
        ]
        for block in infra.of(SERVICES)
    }


def _needed(block: Block, blocks: Mapping[str, Block], infra: Infra) -> set[str]:
    found: set[str] = set()
    waiting = [block]
    while waiting:
        new = infra.references(waiting.pop().body) - found
        found |= new
        waiting += [blocks[address] for address in new if address in blocks]
    return found
