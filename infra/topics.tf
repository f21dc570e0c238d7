# Image events: one message per image and ask, which answers one task or several, to the workers.
resource "google_pubsub_topic" "image_events" {
  #checkov:skip=CKV_GCP_83:Google's encryption at rest; a key of your own is one argument away, and a cost
  project = var.project
  name    = "${var.prefix}-image-events"

  depends_on = [google_project_service.api]
}

# Image events of a backfill: the same messages, in a lane of their own, so that no live upload waits behind them.
resource "google_pubsub_topic" "image_backfill" {
  #checkov:skip=CKV_GCP_83:Google's encryption at rest; a key of your own is one argument away, and a cost
  project = var.project
  name    = "${var.prefix}-image-backfill"

  depends_on = [google_project_service.api]
}

# Result events: pointers to results, to whoever subscribes.
resource "google_pubsub_topic" "image_results" {
  #checkov:skip=CKV_GCP_83:Google's encryption at rest; a key of your own is one argument away, and a cost
  project = var.project
  name    = "${var.prefix}-image-results"

  depends_on = [google_project_service.api]
}

# What was delivered in vain too often; `dead_letter` drains it.
resource "google_pubsub_topic" "image_dead" {
  #checkov:skip=CKV_GCP_83:Google's encryption at rest; a key of your own is one argument away, and a cost
  project = var.project
  name    = "${var.prefix}-image-dead"

  depends_on = [google_project_service.api]
}

# The scheduler's ticks, to `release`.
resource "google_pubsub_topic" "image_ticks" {
  #checkov:skip=CKV_GCP_83:ticks say nothing
  project = var.project
  name    = "${var.prefix}-image-ticks"

  depends_on = [google_project_service.api]
}

# https://cloud.google.com/pubsub/docs/access-control
resource "google_pubsub_topic_iam_member" "image_events_published_by" {
  for_each = merge(local.ingesters, local.releasers)

  project = var.project
  topic   = google_pubsub_topic.image_events.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.key].member
}

# What a batch job has answered goes by the lane: it comes in thousands, and no upload should wait behind it.
resource "google_pubsub_topic_iam_member" "image_backfill_published_by_release" {
  for_each = var.batch ? local.releasers : {}

  project = var.project
  topic   = google_pubsub_topic.image_backfill.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.key].member
}

resource "google_pubsub_topic_iam_member" "image_results_published_by" {
  for_each = merge(local.workers, local.bookkeepers)

  project = var.project
  topic   = google_pubsub_topic.image_results.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.key].member
}

# https://cloud.google.com/pubsub/docs/dead-letter-topics#granting_forwarding_permissions
resource "google_pubsub_topic_iam_member" "image_dead_published_by_pubsub" {
  project = var.project
  topic   = google_pubsub_topic.image_dead.name
  role    = "roles/pubsub.publisher"
  member  = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

resource "google_pubsub_topic_iam_member" "image_ticks_published_by_scheduler" {
  project = var.project
  topic   = google_pubsub_topic.image_ticks.name
  role    = "roles/pubsub.publisher"
  member  = google_project_service_identity.agent["cloudscheduler.googleapis.com"].member
}
