# What Google would answer, where a random text of the mock would not do.

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = { uri = "https://function.a.run.app" }
  }
}

mock_resource "google_pubsub_topic" {
  defaults = { id = "projects/a-project/topics/a-topic" }
}

mock_data "google_project" {
  defaults = { number = "123456789012" }
}

mock_data "google_storage_bucket" {
  defaults = { location = "EU" }
}

mock_data "google_storage_project_service_account" {
  defaults = { member = "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com" }
}
