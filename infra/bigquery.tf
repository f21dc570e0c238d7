# SQL over results, where it is asked for: every result event as a row, and the documents in the bucket as they are, with views
# over them. The statements are files (sql/), which tests run in DuckDB. docs/sql.md, docs/decisions/0024-documents-as-lines.md.
locals {
  # How the statements name what they read, and what UNNEST yields: infra/sql/rendering.py says why.
  sql_names = {
    dataset = "`${var.project}.${replace(var.prefix, "-", "_")}`"
    item    = "item"
  }
}

resource "google_bigquery_dataset" "uplook" {
  #checkov:skip=CKV_GCP_81:Google's encryption at rest; a key of your own is one argument away, and a cost
  count = var.bigquery ? 1 : 0

  project                    = var.project
  dataset_id                 = replace(var.prefix, "-", "_")
  description                = "What Uplook (${var.prefix}) sees in images."
  location                   = var.region # that of the bucket, or BigQuery could not read it
  delete_contents_on_destroy = false

  depends_on = [google_project_service.chosen]
}

# Every result event, at least once: the one table here that holds something of its own.
resource "google_bigquery_table" "result_events" {
  #checkov:skip=CKV_GCP_80:Google's encryption at rest; a key of your own is one argument away, and a cost
  count = var.bigquery ? 1 : 0

  project             = var.project
  dataset_id          = google_bigquery_dataset.uplook[0].dataset_id
  table_id            = "result_events"
  description         = "Every result event, at least once."
  schema              = file("${path.module}/examples/bigquery/result_events.json")
  clustering          = ["task", "status"]
  deletion_protection = true

  time_partitioning {
    type  = "DAY"
    field = "publish_time"
  }
}

# https://cloud.google.com/pubsub/docs/create-bigquery-subscription#assign_bigquery_service_account
resource "google_bigquery_table_iam_member" "result_events_written_by_pubsub" {
  count = var.bigquery ? 1 : 0

  project    = var.project
  dataset_id = google_bigquery_dataset.uplook[0].dataset_id
  table_id   = google_bigquery_table.result_events[0].table_id
  role       = "roles/bigquery.dataEditor"
  member     = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

# No dead letters: a row takes every event of version 1, and what cannot be written yet is tried again for a week.
resource "google_pubsub_subscription" "bigquery" {
  count = var.bigquery ? 1 : 0

  project                    = var.project
  name                       = "${var.prefix}-bigquery"
  topic                      = google_pubsub_topic.image_results.id
  ack_deadline_seconds       = var.deadlines_s.ack
  message_retention_duration = "604800s"

  bigquery_config {
    table               = "${var.project}.${google_bigquery_dataset.uplook[0].dataset_id}.${google_bigquery_table.result_events[0].table_id}"
    use_table_schema    = true
    write_metadata      = true
    drop_unknown_fields = true # fields that version 1 gets later wait for a column, and hold nothing up
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [google_bigquery_table_iam_member.result_events_written_by_pubsub]
}

# The documents themselves, read at each query. One line, one row of one column: a tab can stand in no JSON text, and quotes
# belong to the document.
resource "google_bigquery_table" "documents" {
  #checkov:skip=CKV_GCP_80:it holds nothing: what it reads lies in the results bucket
  #checkov:skip=CKV_GCP_121:it holds nothing: what it reads lies in the results bucket
  count = var.bigquery ? 1 : 0

  project             = var.project
  dataset_id          = google_bigquery_dataset.uplook[0].dataset_id
  table_id            = "documents"
  description         = "Every result document, as the bucket has it."
  deletion_protection = false

  external_data_configuration {
    source_format = "CSV"
    source_uris   = ["gs://${google_storage_bucket.results.name}/${lookup(var.settings, "RESULTS_PREFIX", "")}*.json"]
    autodetect    = false
    schema        = jsonencode([{ name = "document", type = "STRING" }])

    csv_options {
      field_delimiter = "\t"
      quote           = ""
      encoding        = "UTF-8"
    }
  }
}

# What the other views read.
resource "google_bigquery_table" "results" {
  #checkov:skip=CKV_GCP_80:a view holds nothing
  #checkov:skip=CKV_GCP_121:a view holds nothing
  count = var.bigquery ? 1 : 0

  project             = var.project
  dataset_id          = google_bigquery_dataset.uplook[0].dataset_id
  table_id            = "results"
  deletion_protection = false

  view {
    query          = templatefile("${path.module}/sql/results.sql", local.sql_names)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.documents]
}

resource "google_bigquery_table" "view" {
  #checkov:skip=CKV_GCP_80:a view holds nothing
  #checkov:skip=CKV_GCP_121:a view holds nothing
  for_each = toset(var.bigquery ? ["captions", "classes", "cost_by_day", "items"] : [])

  project             = var.project
  dataset_id          = google_bigquery_dataset.uplook[0].dataset_id
  table_id            = each.key
  deletion_protection = false

  view {
    query          = templatefile("${path.module}/sql/${each.key}.sql", local.sql_names)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.results]
}
