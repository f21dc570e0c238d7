# The developer backend's key. Vertex has none.
resource "google_secret_manager_secret" "gemini_api_key" {
  count = var.backend == "developer" ? 1 : 0

  project   = var.project
  secret_id = "${var.prefix}-gemini-api-key"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.chosen]
}

resource "google_secret_manager_secret_version" "gemini_api_key" {
  count = var.backend == "developer" ? 1 : 0

  secret                 = google_secret_manager_secret.gemini_api_key[0].id
  secret_data_wo         = var.gemini_api_key # write-only: neither in the plan nor in the state
  secret_data_wo_version = var.gemini_api_key_version

  lifecycle {
    create_before_destroy = true # workers hold the old version until they are deployed with the new one

    precondition { # else an empty secret would be refused by Google, minutes later
      condition     = try(trimspace(var.gemini_api_key) != "", false) || var.gemini_api_key_stored == var.gemini_api_key_version
      error_message = "gemini_api_key: expected the key of gemini_api_key_version ${var.gemini_api_key_version}, found none. Give it once: TF_VAR_gemini_api_key=… terraform apply. After that, gemini_api_key_stored = ${var.gemini_api_key_version} says that it is stored."
    }
  }
}

# https://cloud.google.com/secret-manager/docs/access-control
resource "google_secret_manager_secret_iam_member" "worker" {
  for_each = var.backend == "developer" ? merge(local.askers, local.forgetters) : {} # `forget` deletes copies of images

  project   = var.project
  secret_id = google_secret_manager_secret.gemini_api_key[0].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.key].member
}
