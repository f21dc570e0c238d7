# A Cloud Run job that looks at what lies in the upload bucket already, for more than one machine's worth of objects; where no
# image is given nothing here is made, and the command runs anywhere: docs/backfill-job.md. It publishes to the lane, and each
# of its tasks takes a part (CLOUD_RUN_TASK_INDEX) and goes on from its own mark after whatever has ended it.
locals {
  # Half of the workers' threads are left to live uploads, whatever the number of shards: 8 in an instance, see functions.tf.
  backfill_outstanding = floor(4 * var.max_instances / var.backfill_shards)
}

resource "google_service_account" "backfill" {
  count = var.backfill_image == null ? 0 : 1

  project      = var.project
  account_id   = "${var.prefix}-backfill"
  display_name = "Uplook: the job backfill"

  depends_on = [google_project_service.api]
}

resource "google_cloud_run_v2_job" "backfill" {
  count = var.backfill_image == null ? 0 : 1

  project             = var.project
  location            = var.region
  name                = google_service_account.backfill[0].account_id
  deletion_protection = false # it holds nothing: its marks lie in the work bucket

  template {
    task_count  = var.backfill_shards
    parallelism = var.backfill_shards

    template {
      service_account = google_service_account.backfill[0].email
      timeout         = "604800s" # as long as there may be: most of the time it waits for answers
      max_retries     = 10        # each goes on where the one before was

      containers {
        image   = var.backfill_image
        command = ["python", "-m", "shared.operate", "backfill"]
        args    = ["gs://${local.uploads.name}", "--outstanding=${local.backfill_outstanding}"]

        resources {
          limits = {
            cpu    = "1"
            memory = "1Gi"
          }
        }

        dynamic "env" {
          for_each = merge(local.environment, { OTEL_TRACES_EXPORTER = "none" }) # the image has no exporter

          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }

  depends_on = [
    google_pubsub_subscription.backfill,
    google_pubsub_topic_iam_member.image_backfill_published_by,
    google_storage_bucket_iam_member.backfill_lists_work,
    google_storage_bucket_iam_member.backfill_marks,
    google_storage_bucket_iam_member.backfill_reads_results,
    google_storage_bucket_iam_member.backfill_reads_uploads,
  ]
}

# Names and metadata: it looks into no image.
resource "google_storage_bucket_iam_member" "backfill_reads_uploads" {
  count = var.backfill_image == null ? 0 : 1

  bucket = local.uploads.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.backfill[0].member
}

# What is there already, and what it cost.
resource "google_storage_bucket_iam_member" "backfill_reads_results" {
  count = var.backfill_image == null ? 0 : 1

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.backfill[0].member
}

resource "google_storage_bucket_iam_member" "backfill_marks" {
  count = var.backfill_image == null ? 0 : 1

  bucket = google_storage_bucket.work.name
  role   = "roles/storage.objectUser"
  member = google_service_account.backfill[0].member

  condition {
    title      = "backfill/ of backfill"
    expression = "resource.type == \"storage.googleapis.com/Object\" && resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.work.name}/objects/backfill/\")"
  }
}

# As for the functions, see work_listed_by: names alone, and among them those of held events, for which it waits.
resource "google_storage_bucket_iam_member" "backfill_lists_work" {
  count = var.backfill_image == null ? 0 : 1

  bucket = google_storage_bucket.work.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.backfill[0].member
}

resource "google_pubsub_topic_iam_member" "image_backfill_published_by" {
  count = var.backfill_image == null ? 0 : 1

  project = var.project
  topic   = google_pubsub_topic.image_backfill.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.backfill[0].member
}
