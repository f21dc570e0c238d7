"""How `infra/deploy.sh` could go wrong: one change of text each, and what must be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Change:
    """`old` becomes `new`, everywhere; `noticed` is then said of the resource `of`, by no other change."""

    what: str
    old: str
    new: str
    of: str
    noticed: str


CHANGES: Final = (
    Change(
        "functions are reached from the internet",
        "--ingress-settings=internal-only",
        "--ingress-settings=all",
        "google_cloudfunctions2_function uplook-caption",
        "the script alone has --ingress-settings=all",
    ),
    Change(
        "functions take calls of anybody",
        "--no-allow-unauthenticated",
        "--allow-unauthenticated",
        "google_cloudfunctions2_function uplook-caption",
        "the script lacks --no-allow-unauthenticated",
    ),
    Change(
        "objects have access lists and may be made public",
        "--uniform-bucket-level-access --public-access-prevention",
        "--no-uniform-bucket-level-access",
        "google_storage_bucket gs://a-project-uplook-results",
        "the script lacks --public-access-prevention",
    ),
    Change(
        "an upload is dropped at the first failure",
        '"$(account trigger)" --retry)',
        '"$(account trigger)")',
        "google_cloudfunctions2_function uplook-ingest",
        "the script lacks --retry",
    ),
    Change(
        "dead letters are result events",
        'dead=(--dead-letter-topic="$(topic dead)"',
        'dead=(--dead-letter-topic="$(topic results)"',
        "google_pubsub_subscription projects/a-project/subscriptions/uplook-caption",
        "the script alone has --dead-letter-topic=projects/a-project/topics/uplook-image-results",
    ),
    Change(
        "pushes are signed by the build account",
        '--push-auth-service-account="$(account push)"',
        '--push-auth-service-account="$(account build)"',
        "google_pubsub_subscription projects/a-project/subscriptions/uplook-caption",
        "the script alone has --push-auth-service-account=uplook-build@a-project.iam.gserviceaccount.com",
    ),
    Change(
        "every function has the entry point ask",
        '--entry-point="${name}"',
        "--entry-point=ask",
        "google_cloudfunctions2_function uplook-release",
        "the script alone has --entry-point=ask",
    ),
    Change(
        "every function runs as ask",
        '--service-account="$(account "${name}")"',
        '--service-account="$(account ask)"',
        "google_cloudfunctions2_function uplook-release",
        "the script alone has --service-account=uplook-ask@a-project.iam.gserviceaccount.com",
    ),
    Change(
        "results are looked at",
        'bucket=${project}-${prefix}-uploads" --trigger',
        'bucket=${project}-${prefix}-results" --trigger',
        "google_cloudfunctions2_function uplook-ingest",
        "the script alone has --trigger-event-filters=bucket=a-project-uplook-results",
    ),
    Change(
        "what is uploaded is forgotten",
        "type=google.cloud.storage.object.v1.deleted",
        "type=google.cloud.storage.object.v1.finalized",
        "google_cloudfunctions2_function uplook-forget",
        "the script alone has --trigger-event-filters=type=google.cloud.storage.object.v1.finalized",
    ),
    Change(
        "results go to the work bucket",
        '"RESULTS_BUCKET=${project}-${prefix}-results"',
        '"RESULTS_BUCKET=${project}-${prefix}-work"',
        "google_cloudfunctions2_function uplook-caption",
        "the script alone has --set-env-vars RESULTS_BUCKET=a-project-uplook-work",
    ),
    Change(
        "image events are result events",
        '"IMAGE_TOPIC=$(topic events)"',
        '"IMAGE_TOPIC=$(topic results)"',
        "google_cloudfunctions2_function uplook-caption",
        "the script alone has --set-env-vars IMAGE_TOPIC=projects/a-project/topics/uplook-image-results",
    ),
    Change(
        "Vertex AI and the Gemini API change places",
        '[ "${backend}" = vertex ] && printf true || printf false',
        '[ "${backend}" = vertex ] && printf false || printf true',
        "google_cloudfunctions2_function uplook-caption",
        "the script alone has --set-env-vars GOOGLE_GENAI_USE_ENTERPRISE=false",
    ),
    Change(
        "work is kept for ever",
        '    run gcloud storage buckets update "$(bucket work)" --lifecycle-file=infra/work-lifecycle.json\n',
        "",
        "google_storage_bucket gs://a-project-uplook-work",
        (
            'the script lacks --lifecycle-file={"rule": [{"action": {"type": "Delete"}, "condition": {"age": 45,'
            ' "matchesPrefix": ["backfill/", "dead/", "leases/", "releases/", "replies/", "spending/"]}},'
            ' {"action": {"type": "Delete"}, "condition": {"age": 45, "matchesPrefix": ["answers/"]}},'
            ' {"action": {"type": "Delete"}, "condition": {"age": 90, "matchesPrefix": ["uses/"]}},'
            ' {"action": {"type": "Delete"}, "condition": {"age": 45,'
            ' "matchesPrefix": ["batches/files/", "batches/jobs/"]}}]}'
        ),
    ),
    Change(
        "every deleted lease is kept for a week",
        "soft=0; fi",
        "soft=7d; fi",
        "google_storage_bucket gs://a-project-uplook-work",
        "the script alone has --soft-delete-duration=604800",
    ),
    Change(
        "workers may train models",
        "--permissions=aiplatform.endpoints.predict",
        "--permissions=aiplatform.endpoints.predict,aiplatform.customJobs.create",
        "google_project_iam_custom_role uplook_ask_models_100000000000000000001",
        "the script alone has --permissions=aiplatform.endpoints.predict,aiplatform.customJobs.create",
    ),
    Change(
        "the build account reads every bucket of the project",
        "projects/_/buckets/gcf-v2-sources-",
        "projects/_",
        "google_project_iam_member a-project "
        "serviceAccount:uplook-build@a-project.iam.gserviceaccount.com roles/storage.objectViewer",
        'the script alone has --condition=title=uplook sources only,expression=resource.name.startsWith("projects/_")',
    ),
    Change(
        "a worker may write the journal of every task",
        'share "${name}" replies/ "${role}" "/${name}.json" "/${name}.ask-1.json"',
        'share "${name}" replies/ "${role}"',
        "google_storage_bucket_iam_member gs://a-project-uplook-work "
        "serviceAccount:uplook-caption@a-project.iam.gserviceaccount.com roles/storage.objectCreator replies/",
        "the script alone has --condition=title=replies/ of all tasks,expression="
        'resource.type == "storage.googleapis.com/Object"'
        ' && resource.name.startsWith("projects/_/buckets/a-project-uplook-work/objects/replies/")',
    ),
    Change(
        "release may do what it likes with leases",
        "share release leases/ Viewer",
        "share release leases/ User",
        "google_storage_bucket_iam_member gs://a-project-uplook-work "
        "serviceAccount:uplook-release@a-project.iam.gserviceaccount.com roles/storage.objectUser leases/",
        "the script alone has it",
    ),
    Change(
        "buckets lie elsewhere",
        '"$(bucket "${name}")" \\\n            --location="${region}"',
        '"$(bucket "${name}")" --location=us',
        "google_storage_bucket gs://a-project-uplook-uploads",
        "the script alone has --location=us",
    ),
    Change(
        "dead letters are kept for ten minutes",
        'subscribe dead_letter "$(topic dead)" 7d',
        'subscribe dead_letter "$(topic dead)" 10m',
        "google_pubsub_subscription projects/a-project/subscriptions/uplook-dead-letter",
        "the script alone has --message-retention-duration=600",
    ),
    Change(
        "deliveries are repeated at once",
        ' \\\n        --min-retry-delay="${backoff}" --max-retry-delay=600s',
        "",
        "google_pubsub_subscription projects/a-project/subscriptions/uplook-caption",
        "the script lacks --max-retry-delay=600",
    ),
    Change(
        "a backfill's events are tried again as often as live ones",
        " backoff=60s; else",
        " backoff=10s; else",
        "google_pubsub_subscription projects/a-project/subscriptions/uplook-backfill-caption",
        "the script lacks --min-retry-delay=60",
    ),
    Change(
        "held events wait for a year",
        '--schedule="5 * * * *"',
        '--schedule="5 0 1 1 *"',
        "google_cloud_scheduler_job uplook-tick",
        "the script alone has --schedule=5 0 1 1 *",
    ),
    Change(
        "Eventarc drops events after a day in vain",
        '--message-retention-duration=7d --dead-letter-topic="projects',
        '--message-retention-duration=1d --dead-letter-topic="projects',
        "google_pubsub_subscription projects/a-project/subscriptions/eventarc-uplook-ingest",
        "the script alone has --message-retention-duration=86400",
    ),
    Change(
        "ingest may read uploads",
        '$([ "${forget}" = true ] && printf forget); do\n        grant "storage buckets" "$(bucket uploads)"',
        'forget ingest; do\n        grant "storage buckets" "$(bucket uploads)"',
        "google_storage_bucket_iam_member gs://a-project-uplook-uploads "
        "serviceAccount:uplook-ingest@a-project.iam.gserviceaccount.com roles/storage.objectViewer",
        "the script alone has it",
    ),
    Change(
        "nobody may call the functions",
        '    grant "run services" "${service}" "$(account "${caller}")" roles/run.invoker',
        '    : "${service}" "$(account "${caller}")" roles/run.invoker',
        "google_cloud_run_service_iam_member uplook-caption "
        "serviceAccount:uplook-push@a-project.iam.gserviceaccount.com roles/run.invoker",
        "the script lacks it",
    ),
)
