# Enabled first: everything else depends on it, directly or through an identity. It is the same list whatever is chosen:
# data sources wait for it, and what they tell is unknown, and all that is made of it replaced, while it changes. (A later
# version that needs one more is applied in two steps: first with -target=google_project_service.api.)
resource "google_project_service" "api" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "eventarc.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
  ])

  project            = var.project
  service            = each.value
  disable_on_destroy = false # others in the project may use it
}

# What one choice or another needs besides: no data source may depend on it.
resource "google_project_service" "chosen" {
  for_each = toset(concat(
    var.backend == "vertex" ? ["aiplatform.googleapis.com"] : ["secretmanager.googleapis.com"],
    var.alert_email == null && !var.dashboard ? [] : ["monitoring.googleapis.com"],
    var.bigquery ? ["bigquery.googleapis.com"] : [],
    var.tracing ? ["cloudtrace.googleapis.com"] : [],
    var.viewer ? ["iap.googleapis.com"] : [],
  ))

  project            = var.project
  service            = each.value
  disable_on_destroy = false

  depends_on = [google_project_service.api]
}
