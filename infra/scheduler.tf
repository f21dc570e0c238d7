# Held events are published again on the day after: the tick says only that time has passed.
resource "google_cloud_scheduler_job" "tick" {
  project     = var.project
  region      = var.region
  name        = "${var.prefix}-tick"
  description = "Wakes release, which publishes what earlier days held back."
  schedule    = "5 * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.image_ticks.id
    data       = base64encode("tick")
  }

  retry_config {
    retry_count = 3
  }

  depends_on = [google_pubsub_topic_iam_member.image_ticks_published_by_scheduler, google_pubsub_subscription.release]
}
