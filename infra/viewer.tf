# The page that shows what was found (docs/viewer-service.md), for people who are logged in and whom viewer_members names; without
# viewer nothing here is made. It reads buckets and changes nothing: its account may neither write nor publish, whatever its code does.
data "google_project" "viewer" {
  count = var.viewer ? 1 : 0

  project_id = var.project

  depends_on = [google_project_service.api]
}

resource "google_service_account" "viewer" {
  count = var.viewer ? 1 : 0

  project      = var.project
  account_id   = "${var.prefix}-viewer"
  display_name = "Uplook: the page, which only reads"

  depends_on = [google_project_service.api]
}

# Identity-Aware Proxy stands on the service itself, so there is no way around it and no load balancer to pay for. In 6.50, the oldest
# version that versions.tf admits, only google-beta has iap_enabled, and asks for launch_stage with it.
# https://cloud.google.com/run/docs/securing/identity-aware-proxy-cloud-run
resource "google_cloud_run_v2_service" "viewer" {
  provider = google-beta
  count    = var.viewer ? 1 : 0

  project             = var.project
  location            = var.region
  name                = google_service_account.viewer[0].account_id
  ingress             = "INGRESS_TRAFFIC_ALL" # people come from outside, and past IAP nobody does
  launch_stage        = "BETA"
  iap_enabled         = true
  deletion_protection = false # it holds nothing

  template {
    service_account                  = google_service_account.viewer[0].email
    timeout                          = "3600s" # a page that is open is one request; after an hour it connects anew
    max_instance_request_concurrency = 80

    scaling {
      min_instance_count = 0
      max_instance_count = 1 # what it knows, it keeps in memory
    }

    containers {
      image   = var.viewer_image
      command = ["python", "-m", "infra.viewer", "--host=0.0.0.0"]

      ports {
        container_port = 8080
      }

      resources {
        cpu_idle = true # without a page that is open there is nothing to do

        limits = {
          cpu    = "1"
          memory = "2Gi" # two large pictures may be decoded at once, for their previews
        }
      }

      dynamic "env" {
        for_each = merge(local.environment, {
          OTEL_TRACES_EXPORTER = "none" # the image has no exporter
          IAP_AUDIENCE         = "/projects/${data.google_project.viewer[0].number}/locations/${var.region}/services/${google_service_account.viewer[0].account_id}"
        })

        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.viewer_image != null
      error_message = "viewer_image: expected the image that the page runs as, since viewer is true, found none. docs/viewer-service.md says how it is built."
    }
  }

  depends_on = [
    google_project_service.chosen,
    google_storage_bucket_iam_member.viewer_reads_results,
    google_storage_bucket_iam_member.viewer_reads_uploads,
    google_storage_bucket_iam_member.viewer_reads_work,
  ]
}

# IAP passes on whom it has let in, as its own agent. Nobody else calls the service.
resource "google_cloud_run_service_iam_member" "viewer" {
  count = var.viewer ? 1 : 0

  project  = var.project
  location = var.region
  service  = google_cloud_run_v2_service.viewer[0].name
  role     = "roles/run.invoker"
  member   = google_project_service_identity.agent["iap.googleapis.com"].member
}

# Whom IAP lets in: https://cloud.google.com/iap/docs/managing-access
resource "google_iap_web_cloud_run_service_iam_member" "viewer" {
  for_each = toset(var.viewer ? var.viewer_members : [])

  project                = var.project
  location               = var.region
  cloud_run_service_name = google_cloud_run_v2_service.viewer[0].name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value
}

resource "google_storage_bucket_iam_member" "viewer_reads_uploads" {
  count = var.viewer ? 1 : 0

  bucket = local.uploads.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.viewer[0].member
}

resource "google_storage_bucket_iam_member" "viewer_reads_results" {
  count = var.viewer ? 1 : 0

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.viewer[0].member
}

# What is planned, held and given up on.
resource "google_storage_bucket_iam_member" "viewer_reads_work" {
  count = var.viewer ? 1 : 0

  bucket = google_storage_bucket.work.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.viewer[0].member
}
