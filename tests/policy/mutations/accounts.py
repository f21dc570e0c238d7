"""How `infra/*.tf` could go wrong: who acts as whom, who calls what, who has the key."""

from __future__ import annotations

from typing import Final

from tests.policy import access
from tests.policy.mutation import Mutation

MUTATIONS: Final = (
    Mutation(
        "Pub/Sub may write to all tables of the dataset",
        access.tables,
        "bigquery.tf",
        """resource "google_bigquery_table_iam_member" "result_events_written_by_pubsub" {""",
        """resource "google_bigquery_dataset_iam_member" "result_events_written_by_pubsub" {""",
        "expected {('google_bigquery_table_iam_member', 'result_events',",
    ),
    Mutation(
        "a worker writes rows",
        access.tables,
        "bigquery.tf",
        """  member     = google_project_service_identity.agent["pubsub.googleapis.com"].member""",
        """  member     = google_service_account.function["caption"].member""",
        "gives roles/bigquery.dataEditor on result_events to caption",
    ),
    Mutation(
        "everybody who is logged in reads the dataset",
        access.tables,
        "bigquery.tf",
        "  delete_contents_on_destroy = false\n",
        """  delete_contents_on_destroy = false

  access {
    role          = "READER"
    special_group = "allAuthenticatedUsers"
  }
""",
        "gives access by itself",
    ),
    Mutation(
        "all functions run as one account",
        access.own_accounts,
        "functions.tf",
        "google_service_account.function[each.key].email",
        "google_service_account.push.email",
        "not as its own account",
    ),
    Mutation(
        "a grant takes a bucket's policy over",
        access.own_accounts,
        "buckets.tf",
        '"google_storage_bucket_iam_member" "work_used_by"',
        '"google_storage_bucket_iam_binding" "work_used_by"',
        "takes a policy over",
    ),
    Mutation(
        "the trigger account calls workers",
        access.callers,
        "functions.tf",
        "member   = google_service_account.push.member",
        "member   = google_service_account.trigger.member",
        "expected run.invoker for",
    ),
    Mutation(
        "the key lies in the state",
        access.key,
        "secrets.tf",
        "secret_data_wo         =",
        "secret_data            =",
        "plain text",
    ),
    Mutation(
        "every function may read the key",
        access.key,
        "secrets.tf",
        "? merge(local.askers, local.forgetters) : {}",
        "? local.functions : {}",
        "secretAccessor for ingest",
    ),
    Mutation(
        "the key's version floats",
        access.key,
        "functions.tf",
        "version    = secret_environment_variables.value.version",
        'version    = "latest"',
        "not pinned",
    ),
    Mutation(
        "workers may act as forget",
        access.own_accounts,
        "identities.tf",
        "service_account_id = google_service_account.push.name",
        'service_account_id = google_service_account.function["forget"].name',
        "lets agent of pubsub act as projects/a-project/serviceAccounts/uplook-forget@",
    ),
    Mutation(
        "a worker signs tokens of those who call it",
        access.own_accounts,
        "identities.tf",
        """  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_project_service_identity.agent["pubsub.googleapis.com"].member""",
        """  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.function["ask"].member""",
        "lets ask act as projects/a-project/serviceAccounts/uplook-push@",
    ),
    Mutation(
        "functions with a storage trigger are given the newest key",
        access.key,
        "triggers.tf",
        "    environment_variables = merge(",
        """    secret_environment_variables {
      key        = "GEMINI_API_KEY"
      project_id = var.project
      secret     = "a-secret"
      version    = "latest"
    }

    environment_variables = merge(""",
        "triggered[ingest]: gives the key to ingest",
    ),
)
