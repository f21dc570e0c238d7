"""How `infra/*.tf` could go wrong: one change of text each, and the policy that must notice, in these words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.policy import access, contents, delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.parsed import Infra


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` becomes `new` in `file`, everywhere; the policy then says something that contains `noticed`."""

    what: str
    policy: Callable[[Infra], list[str]]
    file: str
    old: str
    new: str
    noticed: str


MUTATIONS: Final = (
    Mutation(
        "a function may do everything in the project",
        access.project_roles,
        "identities.tf",
        "  role    = google_project_iam_custom_role.ask_models[0].name",
        '  role    = "roles/editor"',
        "roles/editor on the project to an account that runs our code",
    ),
    Mutation(
        "the push account gets a role on the project",
        access.project_roles,
        "identities.tf",
        "  member  = google_service_account.trigger.member",
        "  member  = google_service_account.push.member",
        "roles/eventarc.eventReceiver on the project",
    ),
    Mutation(
        "the custom role grows",
        access.project_roles,
        "identities.tf",
        '["aiplatform.endpoints.predict"]',
        '["aiplatform.endpoints.predict", "aiplatform.customJobs.create"]',
        "permission to ask models alone",
    ),
    Mutation(
        "everybody may read results",
        access.nothing_public,
        "buckets.tf",
        "  member = google_service_account.function[each.key].member",
        '  member = "allUsers"',
        "names allUsers",
    ),
    Mutation(
        "a bucket may be made public",
        access.nothing_public,
        "buckets.tf",
        '"enforced"',
        '"inherited"',
        "public_access_prevention is not enforced",
    ),
    Mutation(
        "objects have access lists",
        access.nothing_public,
        "buckets.tf",
        "uniform_bucket_level_access = true",
        "uniform_bucket_level_access = false",
        "access lists",
    ),
    Mutation(
        "workers are reachable from the internet",
        access.nothing_public,
        "functions.tf",
        "ALLOW_INTERNAL_ONLY",
        "ALLOW_ALL",
        "ingress is not internal",
    ),
    Mutation(
        "workers may delete results",
        access.nobody_overwrites,
        "buckets.tf",
        '"roles/storage.objectCreator"',
        '"roles/storage.objectUser"',
        "results_created_by: gives roles/storage.objectUser",
    ),
    Mutation(
        "everybody is let into what forget may do",
        access.nobody_overwrites,
        "buckets.tf",
        "for_each = local.forgetters",
        "for_each = local.functions",
        "results_deleted_by: gives roles/storage.objectUser",
    ),
    Mutation(
        "workers may change uploads",
        access.nobody_overwrites,
        "buckets.tf",
        '''  bucket = local.uploads.name
  role   = "roles/storage.objectViewer"''',
        '''  bucket = local.uploads.name
  role   = "roles/storage.objectAdmin"''',
        "worker_reads_uploads: gives roles/storage.objectAdmin",
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
        "? local.workers : {}",
        "? local.functions : {}",
        "local.functions",
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
        "retry_policy.minimum_backoff is not stated",
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
        "an instance has fewer threads than requests",
        delivery.bounds,
        "functions.tf",
        "THREADS = tostring(each.value.concurrency)",
        "THREADS = tostring(4)",
        "THREADS is not the concurrency",
    ),
    Mutation(
        "instances have no bound",
        delivery.bounds,
        "triggers.tf",
        "    max_instance_count               = each.value.instances\n",
        "",
        "max_instance_count is not stated",
    ),
    Mutation(
        "spending has no ceiling by default",
        delivery.bounds,
        "variables.tf",
        "  default     = 5\n\n  validation {\n    condition     = var.max_usd",
        "  default     = null\n\n  validation {\n    condition     = var.max_usd",
        "max_usd_per_day: has no ceiling",
    ),
    Mutation(
        "leases are forgotten while events may still come",
        delivery.lifetimes,
        "buckets.tf",
        "age = 45",
        "age = 7",
        "expected to delete after more than 14 days",
    ),
    Mutation(
        "soft delete is left to Cloud Storage",
        delivery.lifetimes,
        "buckets.tf",
        "    retention_duration_seconds = 604800\n",
        "",
        "soft delete is not stated",
    ),
    Mutation(
        "a variable is misspelt",
        contents.environment,
        "functions.tf",
        "    RUN                         =",
        "    RUNS                        =",
        "RUNS: is set, and nothing reads it",
    ),
    Mutation(
        "a setting cannot be set",
        contents.environment,
        "functions.tf",
        '    "MAX_PIXELS",\n',
        "",
        "MAX_PIXELS: is read, and cannot be set",
    ),
    Mutation(
        "an emulator is deployed",
        contents.environment,
        "functions.tf",
        '    "MAX_PIXELS",\n',
        '    "MAX_PIXELS",\n    "STORAGE_EMULATOR_HOST",\n',
        "STORAGE_EMULATOR_HOST: belongs to the local stack",
    ),
    Mutation(
        "a task has no worker",
        contents.entry_points,
        "functions.tf",
        "    segment     = {",
        "    segments    = {",
        "segment: is a task without a worker",
    ),
    Mutation(
        "an argument is misspelt",
        contents.arguments,
        "subscriptions.tf",
        "max_delivery_attempts",
        "maximum_delivery_attempts",
        "dead_letter_policy.maximum_delivery_attempts is no argument",
    ),
    Mutation(
        "a required argument is missing",
        contents.arguments,
        "subscriptions.tf",
        'ttl = ""',
        "",
        "expiration_policy.ttl is missing",
    ),
    Mutation(
        "a type is misspelt",
        contents.arguments,
        "scheduler.tf",
        "google_cloud_scheduler_job",
        "google_cloud_schedule_job",
        "has no google_cloud_schedule_job",
    ),
    Mutation(
        "a bucket is made before its API is enabled",
        contents.order,
        "buckets.tf",
        "  depends_on = [google_project_service.api]\n",
        "",
        "does not wait until the APIs are enabled",
    ),
    Mutation(
        "workers start before they may read uploads",
        contents.rights_first,
        "functions.tf",
        "    google_storage_bucket_iam_member.worker_reads_uploads,\n",
        "",
        "worker_reads_uploads: nothing that needs it waits for it",
    ),
    Mutation(
        "pushes begin before Pub/Sub may call the functions",
        contents.rights_first,
        "subscriptions.tf",
        "google_cloud_run_service_iam_member.pushed,",
        "",
        "google_cloud_run_service_iam_member.pushed: nothing",
    ),
    Mutation(
        "the platform's time-out is more than a trigger allows",
        delivery.deadlines,
        "variables.tf",
        "    platform = 330\n    ack      = 390\n    lease    = 450",
        "    platform = 550\n    ack      = 590\n    lease    = 650",
        "550 <= 540",
    ),
)
