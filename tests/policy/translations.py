"""Terraform's arguments in the words of `gcloud`: every one is a flag, or has a reason to be none."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tests.policy.computed import PROJECT
from tests.policy.deploy_script import canonical

Said: TypeAlias = str | Callable[[Any], list[str]] | None
"""A flag of this name, the flags that a function returns, or nothing at all."""

OF_THE_SCRIPT: Final = frozenset({"terraform_data"})
"""What runs the script's own keep-storage-events: there is nothing to translate."""

TERRAFORM_ALONE: Final = {
    "google_bigquery_dataset": "SQL is off by default; `python -m infra.sql bigquery` says the rest in its own words",
    "google_bigquery_table": "there is no dataset for it",
    "google_bigquery_table_iam_member": "there is no table for it",
    "google_cloud_run_v2_job": "it needs an image that somebody has built; the command runs anywhere",
    "google_cloud_run_v2_service": "the page is off by default, and needs an image that somebody has built",
    "google_iap_web_cloud_run_service_iam_member": "there is no page to open",
    "google_monitoring_alert_policy": "alerts are off by default, and gcloud makes them from files of JSON only",
    "google_monitoring_notification_channel": "there is nothing to notify of without alerts",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """How a type's arguments are said; `always` is said of each, `without` where an argument is not stated."""

    name: Callable[[Mapping[str, Any]], str]
    said: Mapping[str, Said]
    always: tuple[str, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)


def _seconds(flag: str) -> Callable[[Any], list[str]]:
    return lambda value: [f"{flag}={str(value).removesuffix('s')}"]


def _where(wanted: Any, *said: str) -> Callable[[Any], list[str]]:
    return lambda value: list(said) if value == wanted else [f"{value!r} instead of {wanted!r}"]


def _condition(of: list[Any]) -> list[str]:
    return [f"--condition=title={of[0]['title']},expression={of[0]['expression']}"]


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _lifecycle(rules: list[Any]) -> list[str]:
    plain = [
        {name: {_camel(key): value for key, value in inner[0].items()} for name, inner in rule.items()}
        for rule in rules
    ]
    return [f"--lifecycle-file={canonical({'rule': plain})}"] if rules else []


def _cleanup(policies: list[Any]) -> list[str]:
    plain = [
        {
            "name": policy["id"],
            "action": {"type": policy["action"].capitalize()},
            **{
                _camel(name): {_camel(inner): value for inner, value in blocks[0].items()}
                for name, blocks in policy.items()
                if isinstance(blocks, list)
            },
        }
        for policy in policies
    ]
    return [f"--policy={canonical(plain)}"]


def _path(kind: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda each: f"projects/{each['project']}/{kind}s/{each.get('name') or each[kind]}"


_UNCONDITIONAL: Final = {"condition": "--condition=None"}  # said outright, or gcloud asks where others have conditions
_FUNCTION: Final = Translation(
    name=lambda each: each["name"],
    said={
        "name": None,
        "project": "--project",
        "location": "--region",
        "build_config.runtime": "--runtime",
        "build_config.entry_point": "--entry-point",
        "build_config.service_account": "--build-service-account",
        "build_config.docker_repository": "--docker-repository",
        "build_config.source.storage_source": lambda of: [f"--source=gs://{of[0]['bucket']}/{of[0]['object']}"],
        "service_config.service_account_email": "--service-account",
        "service_config.ingress_settings": _where("ALLOW_INTERNAL_ONLY", "--ingress-settings=internal-only"),
        "service_config.available_cpu": "--cpu",
        "service_config.available_memory": "--memory",
        "service_config.timeout_seconds": "--timeout",
        "service_config.min_instance_count": "--min-instances",
        "service_config.max_instance_count": "--max-instances",
        "service_config.max_instance_request_concurrency": "--concurrency",
        "service_config.all_traffic_on_latest_revision": _where(True),  # as gcloud does
        "service_config.environment_variables": lambda of: [f"--set-env-vars {key}={of[key]}" for key in of],
        "service_config.secret_environment_variables": lambda of: [
            f"--set-secrets={each['key']}={each['secret']}:{each['version']}" for each in of
        ],
        "event_trigger.trigger_region": "--trigger-location",
        "event_trigger.event_type": lambda value: [f"--trigger-event-filters=type={value}"],
        "event_trigger.retry_policy": _where("RETRY_POLICY_RETRY", "--retry"),
        "event_trigger.service_account_email": "--trigger-service-account",
        "event_trigger.event_filters": lambda of: [
            f"--trigger-event-filters={each['attribute']}={each['value']}" for each in of
        ],
    },
    always=("--gen2", "--no-allow-unauthenticated"),
    without={"event_trigger": "--trigger-http"},
)
_SUBSCRIPTION: Final = Translation(
    name=_path("subscription"),
    said={
        "name": None,
        "project": None,  # in its name
        "topic": "--topic",
        "filter": "--message-filter",
        "ack_deadline_seconds": "--ack-deadline",
        "message_retention_duration": _seconds("--message-retention-duration"),
        "push_config.push_endpoint": "--push-endpoint",
        "push_config.oidc_token.service_account_email": "--push-auth-service-account",
        "push_config.oidc_token.audience": "--push-auth-token-audience",
        "retry_policy.minimum_backoff": _seconds("--min-retry-delay"),
        "retry_policy.maximum_backoff": _seconds("--max-retry-delay"),
        "dead_letter_policy.dead_letter_topic": "--dead-letter-topic",
        "dead_letter_policy.max_delivery_attempts": "--max-delivery-attempts",
        "expiration_policy.ttl": _where("", "--expiration-period=never"),
    },
)
_BUCKET: Final = Translation(
    name=lambda each: f"gs://{each['name']}",
    said={
        "name": None,
        "project": "--project",
        "location": "--location",
        "uniform_bucket_level_access": _where(True, "--uniform-bucket-level-access"),
        "public_access_prevention": _where("enforced", "--public-access-prevention"),
        "force_destroy": None,  # the script destroys nothing
        "soft_delete_policy.retention_duration_seconds": _seconds("--soft-delete-duration"),
        "lifecycle_rule": _lifecycle,
    },
)
TRANSLATIONS: Final = {
    "data.google_storage_project_service_account": Translation(lambda _: "", {"project": "--project"}),
    "google_artifact_registry_repository": Translation(
        name=lambda each: each["repository_id"],
        said={
            "repository_id": None,
            "project": "--project",
            "location": "--location",
            "format": lambda value: [f"--repository-format={value.lower()}"],
            "cleanup_policy_dry_run": _where(False, "--no-dry-run"),
            "cleanup_policies": _cleanup,
        },
    ),
    "google_cloud_scheduler_job": Translation(
        name=lambda each: each["name"],
        said={
            "name": None,
            "description": None,  # words for people
            "project": "--project",
            "region": "--location",
            "schedule": "--schedule",
            "time_zone": "--time-zone",
            "pubsub_target.topic_name": "--topic",
            "pubsub_target.data": lambda value: [f"--message-body={base64.b64decode(value).decode()}"],
            "retry_config.retry_count": "--max-retry-attempts",
        },
    ),
    "google_cloudfunctions2_function": _FUNCTION,
    "google_project_iam_custom_role": Translation(
        name=lambda each: each["role_id"],
        said={
            "role_id": None,
            "project": "--project",
            "title": "--title",
            "permissions": lambda values: [f"--permissions={','.join(values)}"],
        },
    ),
    "google_project_service": Translation(
        name=lambda each: each["service"],
        said={"service": None, "project": "--project", "disable_on_destroy": _where(False)},
    ),
    "google_project_service_identity": Translation(
        name=lambda each: each["service"], said={"service": None, "project": "--project"}
    ),
    "google_pubsub_subscription": _SUBSCRIPTION,
    "google_pubsub_topic": Translation(name=_path("topic"), said={"name": None, "project": "--project"}),
    "google_secret_manager_secret": Translation(
        name=lambda each: each["secret_id"],
        said={
            "secret_id": None,
            "project": "--project",
            "replication.user_managed.replicas.location": lambda value: [
                "--replication-policy=user-managed",
                f"--locations={value}",
            ],
        },
    ),
    "google_secret_manager_secret_version": Translation(
        name=lambda each: each["secret"].rpartition("/")[2],
        said={"secret": None, "secret_data_wo": lambda _: ["--data-file=-"], "secret_data_wo_version": None},
        always=(f"--project={PROJECT}",),
    ),
    "google_service_account": Translation(
        name=lambda each: each["account_id"],
        said={"account_id": None, "project": "--project", "display_name": None},  # words for people
    ),
    "google_storage_bucket": _BUCKET,
    "google_storage_bucket_object": Translation(
        name=lambda each: f"gs://{each['bucket']}/{each['name']}",
        said={"bucket": None, "name": None, "source": "--from"},
    ),
}

GRANTED_ON: Final = {
    "google_artifact_registry_repository": Translation(
        lambda each: each["repository"], {"repository": None, "project": "--project", "location": "--location"}
    ),
    "google_cloud_run_service": Translation(
        lambda each: each["service"], {"service": None, "project": "--project", "location": "--region"}
    ),
    "google_project": Translation(
        lambda each: each["project"],
        {"project": None, "condition": _condition},
        without=_UNCONDITIONAL,
    ),
    "google_pubsub_subscription": Translation(_path("subscription"), {"project": None, "subscription": None}),
    "google_pubsub_topic": Translation(_path("topic"), {"project": None, "topic": None}),
    "google_secret_manager_secret": Translation(
        lambda each: each["secret_id"], {"secret_id": None, "project": "--project"}
    ),
    "google_service_account": Translation(
        lambda each: each["service_account_id"].rpartition("/")[2],
        {"service_account_id": None},
        always=(f"--project={PROJECT}",),
    ),
    "google_storage_bucket": Translation(
        lambda each: f"gs://{each['bucket']}", {"bucket": None, "condition": _condition}, without=_UNCONDITIONAL
    ),
}
"""Of rights: what they are on; member and role belong to the name."""
