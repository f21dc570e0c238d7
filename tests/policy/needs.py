"""What somebody needs to be allowed, and which of the given rights allow it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.policy.computed import ASK_MODELS, BATCH_JOBS
from tests.policy.conditions import Asked, holds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tests.policy.rights import Grant

_OBJECTS: Final = "storage.objects."
ROLES: Final[dict[str, frozenset[str]]] = {
    # https://cloud.google.com/storage/docs/access-control/iam-roles
    "roles/storage.objectViewer": frozenset({f"{_OBJECTS}get", f"{_OBJECTS}list"}),
    "roles/storage.objectCreator": frozenset({f"{_OBJECTS}create"}),
    "roles/storage.legacyBucketReader": frozenset({"storage.buckets.get", f"{_OBJECTS}list"}),
    "roles/storage.objectUser": frozenset(f"{_OBJECTS}{may}" for may in ("create", "delete", "get", "list", "update")),
    # https://cloud.google.com/pubsub/docs/access-control
    "roles/pubsub.publisher": frozenset({"pubsub.topics.publish"}),
    "roles/pubsub.subscriber": frozenset({"pubsub.subscriptions.consume", "pubsub.topics.attachSubscription"}),
    # https://cloud.google.com/iam/docs/roles-permissions
    "roles/run.invoker": frozenset({"run.routes.invoke", "run.jobs.run"}),
    "roles/iap.httpsResourceAccessor": frozenset({"iap.webServiceVersions.accessViaIAP"}),
    "roles/secretmanager.secretAccessor": frozenset({"secretmanager.versions.access"}),
    "roles/iam.serviceAccountOpenIdTokenCreator": frozenset({"iam.serviceAccounts.getOpenIdToken"}),
    "roles/eventarc.eventReceiver": frozenset({"eventarc.events.receiveEvent"}),
    "roles/eventarc.serviceAgent": frozenset({"eventarc.channels.manage-as-agent"}),  # its own; ours stands for them
    "roles/logging.logWriter": frozenset({"logging.logEntries.create"}),
    # https://cloud.google.com/pubsub/docs/create-bigquery-subscription#assign_bigquery_service_account
    "roles/bigquery.dataEditor": frozenset({"bigquery.tables.get", "bigquery.tables.updateData"}),
    # https://cloud.google.com/trace/docs/iam
    "roles/cloudtrace.agent": frozenset({"cloudtrace.traces.patch"}),
    "roles/artifactregistry.writer": frozenset({"artifactregistry.repositories.uploadArtifacts"}),
    ASK_MODELS: frozenset({"aiplatform.endpoints.predict"}),
    BATCH_JOBS: frozenset(f"aiplatform.batchPredictionJobs.{may}" for may in ("cancel", "create", "get", "list")),
}
"""What each role that the HCL names allows, as far as anything here is asked for."""

_RESOURCES: Final = {
    "google_artifact_registry_repository_iam_member": "repository",
    "google_bigquery_table_iam_member": "table",
    "google_cloud_run_service_iam_member": "service",
    "google_iap_web_cloud_run_service_iam_member": "service",
    "google_project_iam_member": "project",
    "google_pubsub_subscription_iam_member": "subscription",
    "google_pubsub_topic_iam_member": "topic",
    "google_secret_manager_secret_iam_member": "secret",
    "google_service_account_iam_member": "account",
    "google_storage_bucket_iam_member": "bucket",
}


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One permission on one resource, and what needs it.

    `kind` and `on` name the resource that a right may be given on (a bucket, a topic); `object` is the name of an
    object in a bucket, None where the bucket itself is meant, as it is by a list request.
    """

    who: str
    permission: str
    kind: str
    on: str
    object: str | None = None
    why: str = field(default="", compare=False)


def allows(grant: Grant, need: Need) -> bool:
    """Whether a right is enough for what is needed."""
    if grant.who != need.who or need.permission not in ROLES[grant.role]:
        return False
    kind = _RESOURCES[grant.type]
    on = kind == "project" or (kind, grant.on.rpartition("/")[2]) == (need.kind, need.on.rpartition("/")[2])
    return on and holds(grant.condition, Asked(need.on, need.object))


def unmet(needs: Iterable[Need], grants: Collection[Grant]) -> list[Need]:
    """Return what no right allows."""
    return sorted(need for need in needs if not any(allows(grant, need) for grant in grants))


def needless(needs: Iterable[Need], grants: Collection[Grant]) -> list[Grant]:
    """Return the rights without which everything would be allowed all the same, each taken away alone."""
    sole: set[Grant] = set()
    for need in needs:
        enough = [grant for grant in grants if allows(grant, need)]
        sole |= set(enough) if len(enough) == 1 else set()
    return [grant for grant in grants if grant not in sole]
