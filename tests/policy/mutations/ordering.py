"""How `infra/*.tf` could go wrong: first applies that fail."""

from __future__ import annotations

from typing import Final

from tests.policy import ordering
from tests.policy.mutation import Mutation

_BUILD: Final = (
    "google_artifact_registry_repository_iam_member.build",
    "google_project_iam_member.build_logs",
    "google_project_iam_member.build_source",
)
_EVENTS: Final = (
    "google_project_iam_member.eventarc_agent",
    "google_project_iam_member.storage_agent",
    "google_project_iam_member.trigger",
)
NAMED: Final = {
    "functions.tf": (
        *_BUILD,
        *_EVENTS,
        "google_project_iam_member.ask_models",
        "google_project_iam_member.tracing",
        "google_pubsub_topic_iam_member.image_events_published_by",
        "google_pubsub_topic_iam_member.image_results_published_by",
        "google_secret_manager_secret_iam_member.worker",
        "google_storage_bucket_iam_member.results_created_by",
        "google_storage_bucket_iam_member.results_read_by",
        "google_storage_bucket_iam_member.vertex_reads_uploads",
        "google_storage_bucket_iam_member.work_used_by",
        "google_storage_bucket_iam_member.worker_reads_uploads",
    ),
    "triggers.tf": (
        *_BUILD,
        *_EVENTS,
        "google_project_iam_member.tracing",
        "google_pubsub_subscription_iam_member.worker_drained_by_pubsub",
        "google_pubsub_topic_iam_member.image_events_published_by",
        "google_service_account_iam_member.trigger_token",
        "google_storage_bucket_iam_member.results_deleted_by",
        "google_storage_bucket_iam_member.work_used_by",
    ),
    "subscriptions.tf": (
        "google_cloud_run_service_iam_member.pushed",
        "google_service_account_iam_member.push_token",
        "google_pubsub_topic_iam_member.image_dead_published_by_pubsub",
    ),
    "viewer.tf": (
        "google_storage_bucket_iam_member.viewer_reads_results",
        "google_storage_bucket_iam_member.viewer_reads_uploads",
        "google_storage_bucket_iam_member.viewer_reads_work",
    ),
}
"""The rights that a file's resources must name, one to a line."""

MUTATIONS: Final = (
    Mutation(
        "a bucket is made before its API is enabled",
        ordering.order,
        "buckets.tf",
        "  depends_on = [google_project_service.api]\n",
        "",
        "does not wait until the APIs are enabled",
    ),
    Mutation(
        "pushes begin before Pub/Sub may call the functions",
        ordering.rights_first,
        "subscriptions.tf",
        "google_cloud_run_service_iam_member.pushed,",
        "",
        "worker: needs google_cloud_run_service_iam_member.pushed",
    ),
    Mutation(
        "subscriptions that drain push before they may sign",
        ordering.rights_first,
        "subscriptions.tf",
        ", google_service_account_iam_member.push_token]",
        "]",
        "release: needs google_service_account_iam_member.push_token",
    ),
    Mutation(
        "the scheduler ticks before it may",
        ordering.rights_first,
        "scheduler.tf",
        "google_pubsub_topic_iam_member.image_ticks_published_by_scheduler, ",
        "",
        "tick: needs google_pubsub_topic_iam_member.image_ticks_published_by_scheduler",
    ),
    Mutation(
        "storage triggers are not enabled",
        ordering.apis,
        "apis.tf",
        '"eventarc.googleapis.com",',
        "",
        "eventarc: is needed and not enabled",
    ),
    Mutation(
        "services are not enabled",
        ordering.apis,
        "apis.tf",
        '"run.googleapis.com",',
        "",
        "run: is needed and not enabled",
    ),
    Mutation(
        "an API is enabled that nothing needs",
        ordering.apis,
        "apis.tf",
        '"run.googleapis.com",',
        '"run.googleapis.com", "compute.googleapis.com",',
        "compute: is enabled and not needed",
    ),
    Mutation(
        "the secret is made before its API is enabled",
        ordering.order,
        "secrets.tf",
        "[google_project_service.chosen]",
        "[google_service_account.push]",
        "gemini_api_key: does not wait until the APIs are enabled: secretmanager",
    ),
    Mutation(
        "an address for alerts makes everything anew",
        ordering.order,
        "identities.tf",
        """data "google_storage_project_service_account" "agent" {
  project = var.project

  depends_on = [google_project_service.api]""",
        """data "google_storage_project_service_account" "agent" {
  project = var.project

  depends_on = [google_project_service.chosen]""",
        "waits for a list that depends on choices",
    ),
    *(
        Mutation(
            f"{file} does not wait for {right}",
            ordering.rights_first,
            file,
            f"    {right},\n",
            "",
            f"needs {right}, and does not name it",
        )
        for file, rights in NAMED.items()
        for right in rights
    ),
)
