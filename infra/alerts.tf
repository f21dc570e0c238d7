# Mails to operators, where an address is given: without one nothing here is made. Cost has a ceiling, max_usd_per_day: that
# it is reached is one of the reasons for which events are held.
locals {
  all_services     = [for each in merge(google_cloudfunctions2_function.pushed, google_cloudfunctions2_function.triggered) : each.name]
  watched_services = [for name in keys(local.workers) : google_cloudfunctions2_function.pushed[name].name]
  watched_subscriptions = concat(
    [for each in google_pubsub_subscription.worker : each.name],
    [for each in google_pubsub_subscription.backfill : each.name],
    [for each in google_pubsub_subscription.bigquery : each.name],
    [google_pubsub_subscription.dead_letter.name],
  )
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  project      = var.project
  display_name = "Uplook (${var.prefix}): operators"
  type         = "email"
  labels = {
    email_address = var.alert_email
  }

  depends_on = [google_project_service.chosen]
}

# Counted where they are drained, so that those of Eventarc's subscription, which is not ours, count, too.
# https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub
resource "google_monitoring_alert_policy" "dead_letters" {
  count = var.alert_email == null ? 0 : 1

  project               = var.project
  display_name          = "Uplook (${var.prefix}): a dead letter arrived"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = [google_monitoring_notification_channel.email[0].id]

  conditions {
    display_name = "An event was delivered in vain too often"

    condition_threshold {
      filter = join(" AND ", [
        "resource.type = \"pubsub_subscription\"",
        "resource.labels.subscription_id = \"${google_pubsub_subscription.dead_letter.name}\"",
        "metric.type = \"pubsub.googleapis.com/subscription/push_request_count\"",
      ])
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM" # over the classes of answers
      }
    }
  }

  alert_strategy {
    auto_close = "1800s" # nothing is pushed once they are recorded: the next one is to be heard of, too
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`gcloud storage ls 'gs://${google_storage_bucket.results.name}/**.error-*.json'` lists what was given up on, and each says why. After the cause is mended: `.venv/bin/python -m shared.operate redrive gs://${google_storage_bucket.results.name}`."
  }
}

resource "google_monitoring_alert_policy" "backlog" {
  count = var.alert_email == null ? 0 : 1

  project               = var.project
  display_name          = "Uplook (${var.prefix}): events wait"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = [google_monitoring_notification_channel.email[0].id]

  conditions {
    display_name = "The oldest event of a subscription is older than half an hour"

    condition_threshold {
      filter = join(" AND ", [
        "resource.type = \"pubsub_subscription\"",
        "resource.labels.subscription_id = one_of(${join(", ", formatlist("\"%s\"", local.watched_subscriptions))})",
        "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\"",
      ])
      comparison      = "COMPARISON_GT"
      threshold_value = 1800 # seconds: a worker's deadline and the longest backoff, and again
      duration        = "300s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  # Eventarc names its subscriptions after the trigger, and the trigger after place and function.
  conditions {
    display_name = "The oldest storage event is older than half an hour"

    condition_threshold {
      filter = join(" AND ", [
        "resource.type = \"pubsub_subscription\"",
        "resource.labels.subscription_id = starts_with(\"eventarc-${lower(local.uploads.location)}-${var.prefix}-\")",
        "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\"",
      ])
      comparison      = "COMPARISON_GT"
      threshold_value = 1800
      duration        = "300s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "More comes than `max_instances` can do, or the function of this subscription fails: its log says why. What is not acknowledged is kept for 7 days, and is a dead letter after 20 deliveries."
  }
}

# A function that cannot start answers nobody, and says why in one line, which shared/config.py words.
resource "google_monitoring_alert_policy" "cannot_start" {
  count = var.alert_email == null ? 0 : 1

  project               = var.project
  display_name          = "Uplook (${var.prefix}): a function cannot start"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = [google_monitoring_notification_channel.email[0].id]

  conditions {
    display_name = "Its settings or its rules cannot be used, or its container does not come up"

    condition_matched_log {
      filter = join(" AND ", [
        "resource.type = \"cloud_run_revision\"",
        "resource.labels.location = \"${var.region}\"",
        "resource.labels.service_name = (${join(" OR ", formatlist("\"%s\"", local.all_services))})",
        "(\"Uplook cannot start\" OR \"The rules file cannot be used\" OR \"failed the configured startup probe\")",
      ])
    }
  }

  alert_strategy {
    auto_close = "1800s"

    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "What comes meanwhile waits, for a week at most. Its log says what is missing, with the setting or the place in the rules: `gcloud logging read 'resource.type=cloud_run_revision AND severity>=ERROR' --project=${var.project} --limit=20`. `.venv/bin/python -m shared.operate plan gs://${local.uploads.name}/photo.jpg` reads the same settings."
  }
}

# The day's ceiling or the model's quota is reached, or the deployment must be mended: one line of the log per event,
# written by shared/pipeline/worker/park.py.
resource "google_monitoring_alert_policy" "held" {
  count = var.alert_email == null ? 0 : 1

  project               = var.project
  display_name          = "Uplook (${var.prefix}): events are held"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = [google_monitoring_notification_channel.email[0].id]

  conditions {
    display_name = "An event must wait for the next day, or for the deployment to be mended"

    condition_matched_log {
      filter = join(" AND ", [
        "resource.type = \"cloud_run_revision\"",
        "resource.labels.location = \"${var.region}\"",
        "resource.labels.service_name = (${join(" OR ", formatlist("\"%s\"", local.watched_services))})",
        "jsonPayload.message = \"held\"",
      ])
      label_extractors = {
        code = "EXTRACT(jsonPayload.code)" # each reason is an alert of its own
      }
    }
  }

  alert_strategy {
    auto_close = "1800s"

    notification_rate_limit { # and not one mail per event
      period = "21600s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Why: `$${log.extracted_label.code}`. daily_ceiling: `max_calls_per_day` or `max_usd_per_day` is reached; daily_quota: the model's own; both are done the next day, which begins at 08:00 UTC. model_away: Gemini has been away or overloaded for some 20 minutes. configuration: the key, the model or a right must be mended, or the ceiling is too low for a single call; the log says which. In both cases one event is tried again each hour, or by `.venv/bin/python -m shared.operate release --all`, and the others follow it."
  }
}
