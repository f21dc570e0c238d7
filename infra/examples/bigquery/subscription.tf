# Every result event as a row of a BigQuery table, without a program in between: docs/consumers.md.
# Copy this folder into your own configuration.

variable "dataset" {
  description = "Dataset of the table; it must exist."
  type        = string
  nullable    = false
}

variable "dead_topic" {
  description = "projects/P/topics/T for events that fit no row."
  type        = string
  nullable    = false
}

variable "project_number" {
  description = "Number of the project, by which Pub/Sub's service agent is named."
  type        = string
  nullable    = false
}

variable "result_topic" {
  description = "projects/P/topics/T of the result events."
  type        = string
  nullable    = false
}

locals {
  _pubsub_agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_bigquery_table" "result_events" {
  #checkov:skip=CKV_GCP_80:Google's encryption at rest; a key of your own is one argument away, and a cost
  dataset_id          = var.dataset
  table_id            = "result_events"
  schema              = file("${path.module}/result_events.json")
  clustering          = ["task", "status"]
  deletion_protection = true

  time_partitioning {
    type  = "DAY"
    field = "publish_time"
  }
}

# https://cloud.google.com/pubsub/docs/create-bigquery-subscription#assign_bigquery_service_account
resource "google_bigquery_table_iam_member" "pubsub_writes" {
  dataset_id = var.dataset
  table_id   = google_bigquery_table.result_events.table_id
  role       = "roles/bigquery.dataEditor"
  member     = local._pubsub_agent
}

resource "google_pubsub_topic_iam_member" "dead" {
  topic  = var.dead_topic
  role   = "roles/pubsub.publisher"
  member = local._pubsub_agent
}

resource "google_pubsub_subscription" "bigquery" {
  name  = "image-results-bigquery"
  topic = var.result_topic

  bigquery_config {
    table               = "${google_bigquery_table.result_events.project}.${var.dataset}.${google_bigquery_table.result_events.table_id}"
    use_table_schema    = true
    write_metadata      = true
    drop_unknown_fields = true # fields that version 1 gets later wait for a column, and hold nothing up
  }

  dead_letter_policy {
    dead_letter_topic     = var.dead_topic
    max_delivery_attempts = 5
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [google_bigquery_table_iam_member.pubsub_writes]
}

resource "google_pubsub_subscription_iam_member" "dead" {
  subscription = google_pubsub_subscription.bigquery.name
  role         = "roles/pubsub.subscriber"
  member       = local._pubsub_agent
}
