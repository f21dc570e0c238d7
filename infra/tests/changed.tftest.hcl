# What a later choice leaves as it is: a trigger in another place, or a right in other hands, would lose events meanwhile.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "google-beta" {}

variables {
  keep_storage_events    = false # it would run gcloud
  project                = "a-project"
  existing_upload_bucket = "my-photos"
  gemini_api_key         = "a key"
}

run "at_first" {}

run "then_with_alerts" {
  command = plan

  variables {
    alert_email = "operators@example.com"
  }

  assert {
    condition     = google_project_iam_member.storage_agent.member == "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"
    error_message = "Expected Cloud Storage's right to stay."
  }

  assert {
    condition     = google_cloudfunctions2_function.triggered["ingest"].event_trigger[0].trigger_region == "eu"
    error_message = "Expected the trigger to stay where the bucket is."
  }
}

run "then_with_a_key" {
  command = plan

  variables {
    backend = "developer"
  }

  assert {
    condition     = google_project_iam_member.storage_agent.member == "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"
    error_message = "Expected Cloud Storage's right to stay."
  }

  assert {
    condition     = google_cloudfunctions2_function.triggered["ingest"].event_trigger[0].trigger_region == "eu"
    error_message = "Expected the trigger to stay where the bucket is."
  }
}
