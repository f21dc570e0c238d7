"""What the provider adds to a resource's arguments: addresses and ids, as Google words them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROJECT: Final = "a-project"
NUMBER: Final = "123456789012"
UNIQUE_ID: Final = "100000000000000000001"
ASK_MODELS: Final = f"projects/{PROJECT}/roles/uplook_ask_models_{UNIQUE_ID}"
"""The role of our own; its id ends in the unique id of an account."""
BATCH_JOBS: Final = f"projects/{PROJECT}/roles/uplook_batch_jobs_{UNIQUE_ID}"
"""The other one, of release alone, where there are batch jobs."""
_ACCOUNTS: Final = ".iam.gserviceaccount.com"


def agent(domain: str) -> str:
    """Return the address of an agent of Google's own in the project."""
    return f"service-{NUMBER}@{domain}{_ACCOUNTS}"


def account(name: str) -> str:
    """Return the address of an account of the project."""
    return f"{name}@{PROJECT}{_ACCOUNTS}"


def _agent_of(service: str) -> str:
    return agent(f"gcp-sa-{service.removesuffix('.googleapis.com')}")


def _function_with_uri(function: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**function["service_config"][0], "uri": f"https://{function['name']}.run.app"}]


def _event_trigger(function: Mapping[str, Any]) -> list[dict[str, Any]]:
    name = f"projects/{PROJECT}/locations/us-central1/triggers/{function['name']}-000001"
    return [{**each, "trigger": name} for each in function["event_trigger"]]


COMPUTED: Final[Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], Any]]]] = {
    "google_artifact_registry_repository": {
        "id": lambda each: f"projects/{PROJECT}/locations/{each['location']}/repositories/{each['repository_id']}",
        "name": lambda each: each["repository_id"],
    },
    "google_cloud_run_v2_service": {"uri": lambda each: f"https://{each['name']}.run.app"},
    "google_cloudfunctions2_function": {"event_trigger": _event_trigger, "service_config": _function_with_uri},
    "google_monitoring_notification_channel": {"id": lambda each: each["display_name"]},
    "google_monitoring_slo": {
        "name": lambda each: f"projects/{NUMBER}/services/{each['service']}/serviceLevelObjectives/{each['slo_id']}"
    },
    "google_project_iam_custom_role": {"name": lambda each: f"projects/{PROJECT}/roles/{each['role_id']}"},
    "google_project_service_identity": {
        "email": lambda each: _agent_of(each["service"]),
        "member": lambda each: f"serviceAccount:{_agent_of(each['service'])}",
    },
    "google_pubsub_subscription": {"id": lambda each: f"projects/{PROJECT}/subscriptions/{each['name']}"},
    "google_pubsub_topic": {"id": lambda each: f"projects/{PROJECT}/topics/{each['name']}"},
    "google_secret_manager_secret": {"id": lambda each: f"projects/{PROJECT}/secrets/{each['secret_id']}"},
    "google_secret_manager_secret_version": {"version": lambda _: "1"},
    "google_service_account": {
        "email": lambda each: account(each["account_id"]),
        "id": lambda each: f"projects/{PROJECT}/serviceAccounts/{account(each['account_id'])}",
        "member": lambda each: f"serviceAccount:{account(each['account_id'])}",
        "name": lambda each: f"projects/{PROJECT}/serviceAccounts/{account(each['account_id'])}",
        "unique_id": lambda _: UNIQUE_ID,
    },
    "data.google_project": {"number": lambda _: NUMBER},
    "data.google_storage_bucket": {"location": lambda _: "EU"},
    "data.google_storage_project_service_account": {
        "email_address": lambda _: agent("gs-project-accounts"),
        "member": lambda _: f"serviceAccount:{agent('gs-project-accounts')}",
    },
}
