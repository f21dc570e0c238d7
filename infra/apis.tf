# Enabled first: everything else depends on it, directly or through an identity.
resource "google_project_service" "api" {
  for_each = toset(concat(
    [
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
    ],
    var.backend == "vertex" ? ["aiplatform.googleapis.com"] : ["secretmanager.googleapis.com"],
    var.alert_email == null ? [] : ["monitoring.googleapis.com"],
  ))

  project            = var.project
  service            = each.value
  disable_on_destroy = false # others in the project may use it
}
