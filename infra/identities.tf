# Who acts. Rights stand beside the resource they are for; this file holds accounts, and the few rights that can only
# be given on a whole project, none of which goes to an account that runs our code except the rights to ask a model and to
# write spans.

# One account per function. https://cloud.google.com/run/docs/securing/service-identity
resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project
  account_id   = "${var.prefix}-${replace(each.key, "_", "-")}"
  display_name = "Uplook: the function ${each.key}"

  depends_on = [google_project_service.api]
}

# Pub/Sub calls the functions as this one, which may do nothing else.
resource "google_service_account" "push" {
  project      = var.project
  account_id   = "${var.prefix}-push"
  display_name = "Uplook: Pub/Sub pushes as this account"

  depends_on = [google_project_service.api]
}

# Eventarc calls the functions with a storage trigger as this one.
resource "google_service_account" "trigger" {
  project      = var.project
  account_id   = "${var.prefix}-trigger"
  display_name = "Uplook: Eventarc delivers storage events as this account"

  depends_on = [google_project_service.api]
}

# Cloud Build builds as this one: the default account has too many rights in old projects, and too few in new ones.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "${var.prefix}-build"
  display_name = "Uplook: Cloud Build builds the functions as this account"

  depends_on = [google_project_service.api]
}

# Google's own agents. They are made on first use, often too late for the grants below: asked for explicitly.
resource "google_project_service_identity" "agent" {
  provider = google-beta
  for_each = toset(concat(
    ["cloudscheduler.googleapis.com", "eventarc.googleapis.com", "pubsub.googleapis.com"],
    var.backend == "vertex" ? ["aiplatform.googleapis.com"] : [],
    var.viewer ? ["iap.googleapis.com"] : [],
  ))

  project = var.project
  service = each.value

  depends_on = [google_project_service.api, google_project_service.chosen]
}

data "google_storage_project_service_account" "agent" {
  project = var.project

  depends_on = [google_project_service.api]
}

# The two rights that all deployments of a project share: they carry no prefix, and who takes them back takes them from the
# neighbours, too, whose uploads then go unnoticed. So Terraform never does; docs/deploy.md says how one is removed.

# Eventarc's agent makes the triggers' topics and subscriptions: https://cloud.google.com/eventarc/docs/troubleshooting
resource "google_project_iam_member" "eventarc_agent" {
  #checkov:skip=CKV_GCP_49:this is the role that Google made for this agent of its own
  project = var.project
  role    = "roles/eventarc.serviceAgent"
  member  = google_project_service_identity.agent["eventarc.googleapis.com"].member

  lifecycle {
    prevent_destroy = true # terraform state rm google_project_iam_member.eventarc_agent
  }
}

# Cloud Storage publishes to the topic that Eventarc makes, whose name nobody knows before.
resource "google_project_iam_member" "storage_agent" {
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = data.google_storage_project_service_account.agent.member

  lifecycle {
    prevent_destroy = true # terraform state rm google_project_iam_member.storage_agent
  }
}

# Eventarc checks this right on the project and nowhere else: https://cloud.google.com/eventarc/docs/run/create-trigger-storage-gcloud
resource "google_project_iam_member" "trigger" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.trigger.member
}

# Pub/Sub's agent signs the tokens of both callers: ours push as the push account, Eventarc's as the trigger account.
# Projects older than April 2021 do not grant it by themselves.
resource "google_service_account_iam_member" "push_token" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

resource "google_service_account_iam_member" "trigger_token" {
  service_account_id = google_service_account.trigger.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

# https://cloud.google.com/functions/docs/securing/build-custom-sa
resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# Cloud Functions copies the source to a bucket of its own, which does not exist before the first build.
resource "google_project_iam_member" "build_source" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "${var.prefix} sources only"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

# Vertex AI has no resource to grant on: the models are Google's. One permission instead of roles/aiplatform.user,
# which may also train, tune and deploy, at any price.
resource "google_project_iam_custom_role" "ask_models" {
  count = var.backend == "vertex" ? 1 : 0

  project = var.project
  # For up to 37 days after a role was deleted nobody can make one of its id. An account's unique id never comes again.
  role_id     = "${replace(var.prefix, "-", "_")}_ask_models_${google_service_account.build.unique_id}"
  title       = "Uplook: ask models"
  permissions = ["aiplatform.endpoints.predict"]

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.api, google_project_service.chosen]
}

# Batch jobs have no resource of their own either, before they are made.
resource "google_project_iam_custom_role" "batch_jobs" {
  count = var.backend == "vertex" && var.batch ? 1 : 0

  project = var.project
  role_id = "${replace(var.prefix, "-", "_")}_batch_jobs_${google_service_account.build.unique_id}"
  title   = "Uplook: make and follow batch jobs"
  permissions = [
    "aiplatform.batchPredictionJobs.cancel",
    "aiplatform.batchPredictionJobs.create",
    "aiplatform.batchPredictionJobs.get",
    "aiplatform.batchPredictionJobs.list",
  ]

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.api, google_project_service.chosen]
}

resource "google_project_iam_member" "batch_jobs" {
  for_each = var.backend == "vertex" && var.batch ? local.releasers : {}

  project = var.project
  role    = google_project_iam_custom_role.batch_jobs[0].name
  member  = google_service_account.function[each.key].member
}

resource "google_project_iam_member" "ask_models" {
  for_each = var.backend == "vertex" ? local.workers : {}

  project = var.project
  role    = google_project_iam_custom_role.ask_models[0].name
  member  = google_service_account.function[each.key].member
}

# Cloud Trace has no resource to grant on, either. The role writes spans and reads none: https://cloud.google.com/trace/docs/iam
resource "google_project_iam_member" "tracing" {
  for_each = var.tracing ? local.functions : {}

  project = var.project
  role    = "roles/cloudtrace.agent"
  member  = google_service_account.function[each.key].member

  depends_on = [google_project_service.chosen]
}
