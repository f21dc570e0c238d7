# Push subscriptions of our own: a function's Pub/Sub trigger would offer neither dead letters nor an ack deadline.
# The path names the topic: functions-framework reads it there, and from nowhere else.

resource "google_pubsub_subscription" "worker" {
  for_each = local.workers

  project                    = var.project
  name                       = "${var.prefix}-${each.key}"
  topic                      = google_pubsub_topic.image_events.id
  filter                     = "attributes.task = \"${each.key}\""
  ack_deadline_seconds       = var.deadlines_s.ack
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = "${google_cloudfunctions2_function.pushed[each.key].service_config[0].uri}/${google_pubsub_topic.image_events.id}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.pushed[each.key].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.image_dead.id
    max_delivery_attempts = 20 # some 2.5 hours of a passing fault
  }

  expiration_policy {
    ttl = "" # never: a quiet month is no reason to lose the subscription
  }

  depends_on = [
    google_cloud_run_service_iam_member.pushed,
    google_service_account_iam_member.push_token,
    google_pubsub_topic_iam_member.image_dead_published_by_pubsub,
    google_pubsub_subscription.dead_letter,
  ]
}

# The lane of a backfill: the same functions, and subscriptions of its own. How many events are in it at once, the command
# bounds that publishes them (shared/operate/backfill): a push subscription has no such setting.
resource "google_pubsub_subscription" "backfill" {
  for_each = local.workers

  project                    = var.project
  name                       = "${var.prefix}-backfill-${each.key}"
  topic                      = google_pubsub_topic.image_backfill.id
  filter                     = "attributes.task = \"${each.key}\""
  ack_deadline_seconds       = var.deadlines_s.ack
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = "${google_cloudfunctions2_function.pushed[each.key].service_config[0].uri}/${google_pubsub_topic.image_backfill.id}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.pushed[each.key].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "60s" # where workers are busy, live events are tried again six times before one of a backfill
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.image_dead.id
    max_delivery_attempts = 20 # some 3 hours of a passing fault
  }

  expiration_policy {
    ttl = "" # never: a quiet month is no reason to lose the subscription
  }

  depends_on = [
    google_cloud_run_service_iam_member.pushed,
    google_service_account_iam_member.push_token,
    google_pubsub_topic_iam_member.image_dead_published_by_pubsub,
    google_pubsub_subscription.dead_letter,
  ]
}

# Without it Pub/Sub could not take a dead letter off its subscription.
resource "google_pubsub_subscription_iam_member" "worker_drained_by_pubsub" {
  for_each = local.workers

  project      = var.project
  subscription = google_pubsub_subscription.worker[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

resource "google_pubsub_subscription_iam_member" "backfill_drained_by_pubsub" {
  for_each = local.workers

  project      = var.project
  subscription = google_pubsub_subscription.backfill[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

# No dead letters of dead letters: it is retried for 7 days.
resource "google_pubsub_subscription" "dead_letter" {
  project                    = var.project
  name                       = "${var.prefix}-dead-letter"
  topic                      = google_pubsub_topic.image_dead.id
  ack_deadline_seconds       = var.deadlines_s.ack
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = "${google_cloudfunctions2_function.pushed["dead_letter"].service_config[0].uri}/${google_pubsub_topic.image_dead.id}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.pushed["dead_letter"].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_service_iam_member.pushed, google_service_account_iam_member.push_token]
}

# No dead letters: the next tick does what a lost one would have done.
resource "google_pubsub_subscription" "release" {
  project                    = var.project
  name                       = "${var.prefix}-release"
  topic                      = google_pubsub_topic.image_ticks.id
  ack_deadline_seconds       = var.deadlines_s.ack
  message_retention_duration = "3600s" # until the next tick

  push_config {
    push_endpoint = "${google_cloudfunctions2_function.pushed["release"].service_config[0].uri}/${google_pubsub_topic.image_ticks.id}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.pushed["release"].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_service_iam_member.pushed, google_service_account_iam_member.push_token]
}
