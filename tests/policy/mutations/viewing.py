"""How `infra/*.tf` could go wrong: a page that changes something, or that strangers see."""

from __future__ import annotations

from typing import Final

from tests.policy import access, contents, limits, ordering, viewing
from tests.policy.mutation import Mutation

_FILE: Final = "viewer.tf"
_BEFORE_WORK: Final = "# What is planned, held and given up on.\n"
_RESULTS: Final = """  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer\""""
_INVOKER: Final = '  member   = google_project_service_identity.agent["iap.googleapis.com"].member'
_ENTERS: Final = "  member                 = each.value"
_PUBLISHES: Final = """resource "google_pubsub_topic_iam_member" "viewer_publishes" {
  count  = var.viewer ? 1 : 0
  topic  = google_pubsub_topic.image_events.name
  role   = "roles/pubsub.publisher"
  member = google_service_account.viewer[0].member
}
"""
_ON_PROJECT: Final = """resource "google_project_iam_member" "viewer_reads" {
  count   = var.viewer ? 1 : 0
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.viewer[0].member
}
"""


def _may(role: str) -> str:
    return _RESULTS.replace("roles/storage.objectViewer", role)


MUTATIONS: Final = (
    Mutation(
        "the page may rewrite results",
        viewing.reads_only,
        _FILE,
        _RESULTS,
        _may("roles/storage.objectUser"),
        "viewer_reads_results: lets the page do more than read: storage.objects.delete",
    ),
    Mutation(
        "the page may write results",
        viewing.reads_only,
        _FILE,
        _RESULTS,
        _may("roles/storage.objectCreator"),
        "viewer_reads_results: lets the page do more than read: storage.objects.create",
    ),
    Mutation(
        "the page may do everything with results, by a role that nobody knows here",
        viewing.reads_only,
        _FILE,
        _RESULTS,
        _may("roles/storage.admin"),
        "lets the page do more than read: what roles/storage.admin allows",
    ),
    Mutation(
        "the page may delete results, and another policy sees it, too",
        access.nobody_overwrites,
        _FILE,
        _RESULTS,
        _may("roles/storage.objectUser"),
        "gives roles/storage.objectUser on a-project-uplook-results to viewer",
    ),
    Mutation(
        "the page may publish",
        viewing.reads_only,
        _FILE,
        _BEFORE_WORK,
        _PUBLISHES + _BEFORE_WORK,
        "viewer_publishes: lets the page do more than read: pubsub.topics.publish",
    ),
    Mutation(
        "the page reads every bucket of the project",
        viewing.reads_only,
        _FILE,
        _BEFORE_WORK,
        _ON_PROJECT + _BEFORE_WORK,
        "gives roles/storage.objectViewer on a-project to the page, which has no business there",
    ),
    Mutation(
        "the page has a role on the project",
        access.project_roles,
        _FILE,
        _BEFORE_WORK,
        _ON_PROJECT + _BEFORE_WORK,
        "roles/storage.objectViewer on the project to viewer, which runs our code",
    ),
    Mutation(
        "the page runs as a function",
        access.own_accounts,
        _FILE,
        "= google_service_account.viewer[0].email",
        '= google_service_account.function["forget"].email',
        "viewer: runs as",
    ),
    Mutation(
        "the page does without IAP",
        viewing.behind_iap,
        _FILE,
        "  iap_enabled         = true\n",
        "",
        "anybody could reach it",
    ),
    Mutation(
        "the page asks no caller for a right",
        viewing.behind_iap,
        _FILE,
        "  iap_enabled         = true\n",
        "  iap_enabled         = true\n  invoker_iam_disabled = true\n",
        "anybody could call it",
    ),
    Mutation(
        "the page takes IAP's signatures for another service",
        viewing.behind_iap,
        _FILE,
        "/services/${google_service_account.viewer[0].account_id}",
        "/services/${var.prefix}",
        "expected IAP_AUDIENCE to be /projects/123456789012/locations/us-central1/services/uplook-viewer",
    ),
    Mutation(
        "the page has the key of the Gemini API",
        viewing.behind_iap,
        _FILE,
        '          OTEL_TRACES_EXPORTER = "none"',
        '          GEMINI_API_KEY       = "a key"\n          OTEL_TRACES_EXPORTER = "none"',
        "is told more than the deployment's settings: ['GEMINI_API_KEY']",
    ),
    Mutation(
        "a provider makes the page that knows no IAP",
        contents.arguments,
        _FILE,
        "  provider = google-beta\n",
        "",
        "provider-schema.json has no google_cloud_run_v2_service",
    ),
    Mutation(
        "everybody may call the page",
        access.nothing_public,
        _FILE,
        _INVOKER,
        '  member   = "allUsers"',
        "names allUsers",
    ),
    Mutation(
        "somebody calls the page past IAP",
        access.callers,
        _FILE,
        _INVOKER,
        "  member   = google_service_account.push.member",
        "roles/run.invoker on uplook-viewer for push; expected run.invoker for agent of iap",
    ),
    Mutation(
        "a visitor calls the page past IAP",
        access.callers,
        _FILE,
        _INVOKER,
        '  member   = "user:one@example.com"',
        "roles/run.invoker on uplook-viewer for user:one@example.com; expected run.invoker for agent of iap",
    ),
    Mutation(
        "IAP lets everybody in who is logged in anywhere",
        access.nothing_public,
        _FILE,
        _ENTERS,
        '  member                 = "allAuthenticatedUsers"',
        "names allAuthenticatedUsers",
    ),
    Mutation(
        "IAP lets a whole domain in that nobody named",
        viewing.visitors,
        _FILE,
        _ENTERS,
        '  member                 = "domain:example.org"',
        "domain:example.org roles/iap.httpsResourceAccessor: is given to nobody whom viewer_members names",
    ),
    Mutation(
        "a visitor may choose the other visitors",
        access.known_members,
        _FILE,
        "roles/iap.httpsResourceAccessor",
        "roles/iap.admin",
        "gives roles/iap.admin to group:viewers@example.com",
    ),
    Mutation(
        "there is a page that nobody asked for",
        viewing.by_choice,
        "variables.tf",
        """and behind Identity-Aware Proxy, see docs/viewer-service.md."
  type        = bool
  default     = false""",
        """and behind Identity-Aware Proxy, see docs/viewer-service.md."
  type        = bool
  default     = true""",
        "google_cloud_run_v2_service.viewer[0]: is there without viewer = true",
    ),
    Mutation(
        "people may open a page that is turned off",
        viewing.by_choice,
        _FILE,
        "toset(var.viewer ? var.viewer_members : [])",
        "toset(var.viewer_members)",
        "google_iap_web_cloud_run_service_iam_member.viewer[user:one@example.com]: is there without viewer = true",
    ),
    Mutation(
        "the page has any number of instances",
        limits.bounds,
        _FILE,
        "      max_instance_count = 1 # what it knows, it keeps in memory\n",
        "",
        "expected one instance at most",
    ),
    Mutation(
        "the page has no room beside the functions",
        limits.quota,
        _FILE,
        'memory = "2Gi"',
        'memory = "16Gi"',
        "With job and page 46 GiB and 18 vCPU may run",
    ),
    Mutation(
        "IAP is not enabled",
        ordering.apis,
        "apis.tf",
        '    var.viewer ? ["iap.googleapis.com"] : [],\n',
        "",
        "iap: is needed and not enabled",
    ),
    Mutation(
        "the page is made before IAP is enabled",
        ordering.order,
        _FILE,
        "    google_project_service.chosen,\n",
        "",
        "google_cloud_run_v2_service.viewer: does not wait until the APIs are enabled: iap",
    ),
)
