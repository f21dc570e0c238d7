"""How `infra/*.tf` could go wrong: what has no end, or ends too early."""

from __future__ import annotations

from typing import Final

from tests.policy import limits
from tests.policy.mutation import Mutation

_DAILY: Final = """  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 1
    }
  }
"""

MUTATIONS: Final = (
    Mutation(
        "every shard of a backfill takes half of the threads",
        limits.bounds,
        "backfill.tf",
        "floor(4 * var.max_instances / var.backfill_shards)",
        "4 * var.max_instances",
        "3 shards with ['gs://a-project-uplook-uploads', '--outstanding=4'] and 8 threads leave live uploads too few",
    ),
    Mutation(
        "a backfill's tasks wait for each other",
        limits.bounds,
        "backfill.tf",
        "    parallelism = var.backfill_shards\n",
        "    parallelism = 1\n    # var.backfill_shards\n",
        "expected as many tasks at once as there are",
    ),
    Mutation(
        "a backfill has no room beside the functions",
        limits.quota,
        "backfill.tf",
        'memory = "1Gi"',
        'memory = "16Gi"',
        "With job and page 47 GiB and 18 vCPU may run",
    ),
    Mutation(
        "marks of backfills are kept for ever",
        limits.lifetimes,
        "buckets.tf",
        'matches_prefix = ["backfill/", "dead/"',
        'matches_prefix = ["dead/"',
        "work: keeps backfill/ for ever",
    ),
    Mutation(
        "an instance has fewer threads than requests",
        limits.bounds,
        "functions.tf",
        "THREADS = tostring(each.value.concurrency)",
        "THREADS = tostring(4)",
        "THREADS is not the concurrency",
    ),
    Mutation(
        "instances have no bound",
        limits.bounds,
        "triggers.tf",
        "    max_instance_count               = each.value.instances\n",
        "",
        "max_instance_count is not 1 to 100",
    ),
    Mutation(
        "spending has no ceiling by default",
        limits.bounds,
        "variables.tf",
        "  default     = 5\n\n  validation {\n    condition     = var.max_usd",
        "  default     = null\n\n  validation {\n    condition     = var.max_usd",
        "max_usd_per_day: has no ceiling",
    ),
    Mutation(
        "workers of a new project have no room",
        limits.quota,
        "functions.tf",
        'concurrency = 8, memory = "4Gi"',
        'concurrency = 8, memory = "8Gi"',
        "may run: a new project has less",
    ),
    Mutation(
        "the variable tells another sum than there is",
        limits.quota,
        "functions.tf",
        'concurrency = 16, memory = "512Mi", instances = 5',
        'concurrency = 16, memory = "512Mi", instances = 4',
        "expected its description to say",
    ),
    Mutation(
        "held events are deleted by age",
        limits.lifetimes,
        "buckets.tf",
        'matches_prefix = ["backfill/", "dead/", "leases/"',
        'matches_prefix = ["dead/", "held/", "leases/"',
        "work: deletes what waits to be released: ['held/']",
    ),
    Mutation(
        "a prefix of more than one folder deletes held events with the others",
        limits.lifetimes,
        "buckets.tf",
        'matches_prefix = ["backfill/", "dead/", "leases/"',
        'matches_prefix = ["dead/", "h", "leases/"',
        "work: deletes what waits to be released: ['h']",
    ),
    Mutation(
        "dead letters are kept for ever",
        limits.lifetimes,
        "buckets.tf",
        'matches_prefix = ["backfill/", "dead/", "leases/"',
        'matches_prefix = ["backfill/", "leases/"',
        "work: keeps dead/ for ever",
    ),
    Mutation(
        "what was released on which day is kept for ever",
        limits.lifetimes,
        "buckets.tf",
        '"leases/", "releases/"',
        '"leases/"',
        "work: keeps releases/ for ever",
    ),
    Mutation(
        "nobody hears of a function that cannot start",
        limits.alerts,
        "alerts.tf",
        "Uplook cannot start",
        "Uplook is tired",
        "nobody is told of it",
    ),
    Mutation(
        "leases are forgotten while events may still come",
        limits.lifetimes,
        "buckets.tf",
        "= 45",
        "= 7",
        "expected to delete after 15 to 90 days, found [7, 7, 90, 7]",
    ),
    Mutation(
        "soft delete is left to Cloud Storage",
        limits.lifetimes,
        "buckets.tf",
        "    retention_duration_seconds = 604800\n",
        "",
        "soft delete is not stated",
    ),
    Mutation(
        "the alert on dead letters looks elsewhere",
        limits.alerts,
        "alerts.tf",
        "google_pubsub_subscription.dead_letter.name",
        "google_pubsub_subscription.release.name",
        "push_request_count of google_pubsub_subscription.dead_letter: nobody is told of it",
    ),
    Mutation(
        "the alert on the backlog leaves the workers out",
        limits.alerts,
        "alerts.tf",
        "[for each in google_pubsub_subscription.worker : each.name]",
        "[]",
        "oldest_unacked_message_age of google_pubsub_subscription.worker: nobody is told of it",
    ),
    Mutation(
        "the alert on held events waits for a line that nobody writes",
        limits.alerts,
        "alerts.tf",
        'jsonPayload.message = \\"held\\"',
        'jsonPayload.message = \\"parked\\"',
        "google_cloudfunctions2_function.pushed: nobody is told of it",
    ),
    Mutation(
        "alerts are shown in the console alone",
        limits.alerts,
        "alerts.tf",
        "notification_channels = [google_monitoring_notification_channel.email[0].id]",
        "notification_channels = []",
        "is mailed to nobody",
    ),
    Mutation(
        "alerts are made where nobody asked for them",
        limits.alerts,
        "alerts.tf",
        "count = var.alert_email == null ? 0 : 1",
        "count = 1",
        "is not made exactly where alert_email is given",
    ),
    Mutation(
        "a function may have a thousand instances",
        limits.bounds,
        "functions.tf",
        "instances = 5 }",
        "instances = 1000 }",
        "triggered[ingest]: max_instance_count is not 1 to 100",
    ),
    Mutation(
        "a second rule deletes leases and replies after a day",
        limits.lifetimes,
        "buckets.tf",
        """      matches_prefix = ["backfill/", "dead/", "leases/", "releases/", "replies/", "spending/"]
    }
  }
""",
        f"""    }}
  }}
{_DAILY}""",
        "work: expected to delete after 15 to 90 days, found [45, 1, 45, 90, 45]",
    ),
    Mutation(
        "which answers saw an image is forgotten before the answers are",
        limits.lifetimes,
        "buckets.tf",
        'matches_prefix = ["backfill/", "dead/", "leases/", "releases/", "replies/", "spending/"]',
        'matches_prefix = ["backfill/", "dead/", "leases/", "releases/", "replies/", "se", "spending/"]',
        "work: deletes markers after 45 days, and results that saw an image later",
    ),
    Mutation(
        "a folder of the work bucket is kept for ever",
        limits.lifetimes,
        "buckets.tf",
        '"replies/", "spending/"]',
        '"spending/"]',
        "work: keeps replies/ for ever",
    ),
    Mutation(
        "results are deleted after a day",
        limits.lifetimes,
        "buckets.tf",
        '  dynamic "lifecycle_rule" {',
        f'{_DAILY}  dynamic "lifecycle_rule" {{',
        "results: deletes by itself what nobody asked to delete",
    ),
    Mutation(
        "results stay longer than somebody chose",
        limits.lifetimes,
        "buckets.tf",
        "age = lifecycle_rule.value",
        "age = lifecycle_rule.value + 300",
        "expected to be deleted after results_retention_days",
    ),
    Mutation(
        "results go with the deployment",
        limits.lifetimes,
        "buckets.tf",
        '-results"\n',
        '-results"\n  force_destroy = true\n',
        "results: force_destroy would delete",
    ),
    Mutation(
        "what is forgotten can be restored",
        limits.lifetimes,
        "buckets.tf",
        "var.forget ? 0 : 604800",
        "604800",
        "results: keeps what is to be forgotten",
    ),
    Mutation(
        "an upload that is deleted by mistake is lost",
        limits.lifetimes,
        "buckets.tf",
        "retention_duration_seconds = 604800",
        "retention_duration_seconds = 0",
        "uploads[0]: what is deleted by mistake cannot be restored",
    ),
)
