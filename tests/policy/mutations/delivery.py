"""How `infra/*.tf` could go wrong: events are lost, or done twice."""

from __future__ import annotations

from typing import Final

from tests.policy import delivery
from tests.policy.mutation import Mutation

MUTATIONS: Final = (
    Mutation(
        "a field that version 1 gets later keeps all events from their table",
        delivery.rows,
        "bigquery.tf",
        "    drop_unknown_fields = true",
        "    drop_unknown_fields = false",
        "drop_unknown_fields is False, expected True",
    ),
    Mutation(
        "rows go to a view",
        delivery.rows,
        "bigquery.tf",
        ".${google_bigquery_table.result_events[0].table_id}",
        ".${google_bigquery_table.results[0].table_id}",
        "uplook.results, which has no schema here",
    ),
    Mutation(
        "rows that cannot be written are dropped after ten minutes",
        delivery.rows,
        "bigquery.tf",
        'message_retention_duration = "604800s"',
        'message_retention_duration = "600s"',
        "message_retention_duration is 600s",
    ),
    Mutation(
        "the ack deadline is shorter than the work",
        delivery.deadlines,
        "variables.tf",
        "    ack      = 390",
        "    ack      = 300",
        "does not hold",
    ),
    Mutation(
        "the lease ends before its holder",
        delivery.deadlines,
        "variables.tf",
        "    lease    = 450",
        "    lease    = 330",
        "does not hold",
    ),
    Mutation(
        "the ack deadline is Pub/Sub's default",
        delivery.deadlines,
        "subscriptions.tf",
        "ack_deadline_seconds       = var.deadlines_s.ack",
        "ack_deadline_seconds       = 10",
        "ack_deadline_seconds is 10",
    ),
    Mutation(
        "workers believe that they have more time",
        delivery.deadlines,
        "functions.tf",
        "tostring(var.deadlines_s.worker)",
        '"3000"',
        "TIMEOUT_S is not",
    ),
    Mutation(
        "dead letters go where nobody listens",
        delivery.dead_letters,
        "subscriptions.tf",
        "dead_letter_topic     = google_pubsub_topic.image_dead.id",
        "dead_letter_topic     = google_pubsub_topic.image_results.id",
        "nobody drains",
    ),
    Mutation(
        "Pub/Sub may not publish dead letters",
        delivery.dead_letters,
        "topics.tf",
        "topic   = google_pubsub_topic.image_dead.name",
        "topic   = google_pubsub_topic.image_events.name",
        "may not publish",
    ),
    Mutation(
        "Pub/Sub may not take dead letters off",
        delivery.dead_letters,
        "subscriptions.tf",
        '"roles/pubsub.subscriber"',
        '"roles/pubsub.viewer"',
        "may not take dead letters off",
    ),
    Mutation(
        "a worker has no dead letters",
        delivery.dead_letters,
        "subscriptions.tf",
        """  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.image_dead.id
    max_delivery_attempts = 20 # some 2.5 hours of a passing fault
  }
""",
        "",
        "has no dead letters",
    ),
    Mutation(
        "a quiet month ends the subscriptions",
        delivery.pushes,
        "subscriptions.tf",
        'ttl = ""',
        'ttl = "2678400s"',
        "expiration_policy.ttl",
    ),
    Mutation(
        "the path names no topic",
        delivery.pushes,
        "subscriptions.tf",
        "service_config[0].uri}/${google_pubsub_topic.image_events.id}",
        "service_config[0].uri}/",
        "the endpoint's path",
    ),
    Mutation(
        "the token is for another address",
        delivery.pushes,
        "subscriptions.tf",
        'audience              = google_cloudfunctions2_function.pushed["release"].service_config[0].uri',
        'audience              = "https://example.com"',
        "the token's audience",
    ),
    Mutation(
        "the retry policy is left to Pub/Sub",
        delivery.pushes,
        "subscriptions.tf",
        '    minimum_backoff = "10s"\n',
        "",
        "retry_policy.minimum_backoff is None, expected at least 10",
    ),
    Mutation(
        "an upload is dropped at the first failure",
        delivery.triggers,
        "triggers.tf",
        "RETRY_POLICY_RETRY",
        "RETRY_POLICY_DO_NOT_RETRY",
        "dropped at the first failure",
    ),
    Mutation(
        "uploads come before the workers' subscriptions",
        delivery.triggers,
        "triggers.tf",
        "    google_pubsub_subscription.worker,\n",
        "",
        "could run before",
    ),
    Mutation(
        "the platform's time-out is more than a trigger allows",
        delivery.deadlines,
        "variables.tf",
        "    platform = 330\n    ack      = 390\n    lease    = 450",
        "    platform = 550\n    ack      = 590\n    lease    = 650",
        "550 <= 540",
    ),
    Mutation(
        "events of every bucket are noticed",
        delivery.triggers,
        "triggers.tf",
        """
    event_filters {
      attribute = "bucket"
      value     = local.uploads.name
    }
""",
        "",
        "triggered[ingest]: event_filters is []",
    ),
    Mutation(
        "results are looked at again",
        delivery.triggers,
        "triggers.tf",
        "      value     = local.uploads.name",
        "      value     = google_storage_bucket.results.name",
        "triggered[ingest]: event_filters is [('bucket', 'a-project-uplook-results')]",
    ),
    Mutation(
        "what is uploaded is forgotten",
        delivery.triggers,
        "triggers.tf",
        '"google.cloud.storage.object.v1.deleted"',
        '"google.cloud.storage.object.v1.finalized"',
        "triggered[forget]: event_type is",
    ),
    Mutation(
        "workers are sent nothing",
        delivery.pushes,
        "subscriptions.tf",
        "attributes.task =",
        "attributes.taks =",
        "worker[caption]: filter is",
    ),
    Mutation(
        "events are kept for ten minutes",
        delivery.pushes,
        "subscriptions.tf",
        '"604800s"',
        '"600s"',
        "worker[caption]: message_retention_duration is 600s, expected at least 604800",
    ),
    Mutation(
        "a tick is gone before the next one",
        delivery.pushes,
        "subscriptions.tf",
        '"3600s"',
        '"600s"',
        "release: message_retention_duration is 600s, expected at least 3600",
    ),
    Mutation(
        "deliveries never pause for long",
        delivery.pushes,
        "subscriptions.tf",
        'maximum_backoff = "600s"',
        'maximum_backoff = "10s"',
        "worker[caption]: retry_policy.maximum_backoff is 10s, expected at least 300",
    ),
    Mutation(
        "events are given up after some minutes",
        delivery.dead_letters,
        "subscriptions.tf",
        "max_delivery_attempts = 20",
        "max_delivery_attempts = 6",
        "worker[caption]: gives up after 630",
    ),
    Mutation(
        "held events wait for a year",
        delivery.ticks,
        "scheduler.tf",
        '"5 * * * *"',
        '"5 0 1 1 *"',
        "expected a tick every hour",
    ),
    Mutation(
        "the scheduler may not tick",
        delivery.ticks,
        "topics.tf",
        """google_project_service_identity.agent["cloudscheduler.googleapis.com"].member""",
        """google_project_service_identity.agent["pubsub.googleapis.com"].member""",
        "the scheduler may not publish",
    ),
)
