"""How `infra/*.tf` could go wrong: who may do what."""

from __future__ import annotations

from typing import Final

from tests.policy import access
from tests.policy.mutation import Mutation

_END: Final = "# `forget` alone may delete results.\n"


def _granted(bucket: str, role: str, member: str) -> str:
    return f"""resource "google_storage_bucket_iam_member" "another" {{
  bucket = {bucket}
  role   = "{role}"
  member = {member}
}}
"""


MUTATIONS: Final = (
    Mutation(
        "a backfill may rewrite results",
        access.nobody_overwrites,
        "backfill.tf",
        """  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer\"""",
        """  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectUser\"""",
        "gives roles/storage.objectUser on a-project-uplook-results to backfill",
    ),
    Mutation(
        "a backfill writes anywhere in the work bucket",
        access.nobody_overwrites,
        "backfill.tf",
        "/objects/backfill/",
        "/objects/",
        "google_storage_bucket_iam_member.backfill_marks: gives roles/storage.objectUser on",
    ),
    Mutation(
        "a backfill runs as a function",
        access.own_accounts,
        "backfill.tf",
        "service_account = google_service_account.backfill[0].email",
        'service_account = google_service_account.function["forget"].email',
        "backfill: runs as",
    ),
    Mutation(
        "a function may do everything in the project",
        access.project_roles,
        "identities.tf",
        "  role    = google_project_iam_custom_role.ask_models[0].name",
        '  role    = "roles/editor"',
        "roles/editor on the project to caption, which runs our code",
    ),
    Mutation(
        "a function that writes spans may read them, too",
        access.project_roles,
        "identities.tf",
        '  role    = "roles/cloudtrace.agent"',
        '  role    = "roles/cloudtrace.admin"',
        "roles/cloudtrace.admin on the project to caption, which runs our code",
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
        "the permissions of its purpose alone",
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
        "workers may use the whole work bucket",
        access.nobody_overwrites,
        "buckets.tf",
        "objects/${each.value.folder}",
        "objects/",
        "work_used_by: gives roles/storage.objectUser on work to caption where",
    ),
    Mutation(
        "a worker may write the journal of every task",
        access.nobody_overwrites,
        "buckets.tf",
        """length(each.value.endings) > 0 ? ["(""",
        """length(each.value.endings) > 9 ? ["(""",
        "work_used_by: gives roles/storage.objectCreator on work to caption where",
    ),
    Mutation(
        "rights to the work bucket have no condition",
        access.nobody_overwrites,
        "buckets.tf",
        _END,
        _granted(
            "google_storage_bucket.work.name",
            "roles/storage.objectUser",
            'google_service_account.function["ask"].member',
        ),
        "another: gives roles/storage.objectUser on work to ask where None",
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
        "the build account reads every bucket of the project",
        access.project_roles,
        "identities.tf",
        """
  condition {
    title      = "${var.prefix} sources only"
    expression = "resource.name.startsWith(\\"projects/_/buckets/gcf-v2-sources-\\")"
  }
""",
        "",
        "build_source: gives roles/storage.objectViewer under the condition None",
    ),
    Mutation(
        "the build account reads every bucket by a condition that holds everywhere",
        access.project_roles,
        "identities.tf",
        "buckets/gcf-v2-sources-",
        "",
        'under the condition resource.name.startsWith("projects/_/")',
    ),
    Mutation(
        "everybody may read results by the name of a local",
        access.nothing_public,
        "buckets.tf",
        _END,
        f"""locals {{
  everyone = "allUsers"
}}
{_granted("google_storage_bucket.results.name", "roles/storage.objectViewer", "local.everyone")}""",
        "locals: names allUsers",
    ),
    Mutation(
        "a domain may read results",
        access.known_members,
        "buckets.tf",
        _END,
        _granted("google_storage_bucket.results.name", "roles/storage.objectViewer", '"domain:example.com"'),
        "another: gives roles/storage.objectViewer to domain:example.com",
    ),
    Mutation(
        "an account that is made elsewhere may read results",
        access.known_members,
        "buckets.tf",
        _END,
        _granted(
            "google_storage_bucket.results.name",
            "roles/storage.objectViewer",
            '"serviceAccount:${var.prefix}-admin@${var.project}.iam.gserviceaccount.com"',
        ),
        "to serviceAccount:uplook-admin@a-project.iam.gserviceaccount.com, whom nobody knows",
    ),
    Mutation(
        "the push account may publish",
        access.known_members,
        "topics.tf",
        """google_project_service_identity.agent["cloudscheduler.googleapis.com"].member""",
        "google_service_account.push.member",
        "gives roles/pubsub.publisher to push",
    ),
    Mutation(
        "the push account may do everything with results",
        access.nobody_overwrites,
        "buckets.tf",
        _END,
        _granted("google_storage_bucket.results.name", "roles/storage.admin", "google_service_account.push.member"),
        "another: gives roles/storage.admin on a-project-uplook-results to push",
    ),
    Mutation(
        "a worker that is named by its address may delete results",
        access.nobody_overwrites,
        "buckets.tf",
        _END,
        _granted(
            '"${var.project}-${var.prefix}-results"',
            "roles/storage.objectAdmin",
            '"serviceAccount:${var.prefix}-caption@${var.project}.iam.gserviceaccount.com"',
        ),
        "another: gives roles/storage.objectAdmin on a-project-uplook-results to caption",
    ),
)
