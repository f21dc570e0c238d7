# What is measured, where `dashboard = true`: metrics of what the functions log, a dashboard, two objectives, and mails where
# the month's allowance of failures burns too fast. docs/monitoring.md lists them; tests/policy/test_metrics.py causes each.
locals {
  of_our_services = join(" AND ", [
    "resource.type = \"cloud_run_revision\"",
    "resource.labels.location = \"${var.region}\"",
    "resource.labels.service_name = (${join(" OR ", formatlist("\"%s\"", local.all_services))})",
  ])

  # Lines that are counted, by the fields that tell them apart.
  counted = {
    results = {
      about  = "results that were committed, failures among them"
      filter = "jsonPayload.message = \"committed\""
      labels = { task = "jsonPayload.task", status = "jsonPayload.status" }
    }
    calls = {
      about  = "calls of a model that were begun"
      filter = "jsonPayload.message = \"asking\""
      labels = { task = "jsonPayload.task", model = "jsonPayload.model" }
    }
    retries = {
      about  = "calls of a service that failed and were tried again within their delivery"
      filter = "jsonPayload.message = \"a call failed and is tried again\""
      labels = { service = "resource.labels.service_name" }
    }
    redeliveries = {
      about  = "deliveries that were given back to Pub/Sub"
      filter = "jsonPayload.message = (\"the event will be delivered again\" OR \"a bug: the event will be delivered again\" OR \"an event of another version will be delivered again\")"
      labels = { service = "resource.labels.service_name" }
    }
    held = {
      about  = "events that wait for a later day, for a batch job, or for the deployment to be mended"
      filter = "jsonPayload.message = \"held\""
      labels = { code = "jsonPayload.code" }
    }
    dead_letters = {
      about  = "events that every delivery failed for"
      filter = "jsonPayload.message = (\"dead letter\" OR \"a dead letter that is no image event\")"
      labels = {}
    }
    lease_waits = {
      about  = "deliveries that found another one at work on the same image and task"
      filter = "jsonPayload.message = \"another delivery is at work: its lease is waited for\""
      labels = { service = "resource.labels.service_name" }
    }
    warnings = {
      about  = "lines that somebody should look at, by what they say"
      filter = "severity >= \"WARNING\""
      labels = { kind = "jsonPayload.message", service = "resource.labels.service_name" }
    }
  }

  # Figures of committed results. Their buckets begin at `scale`, and each is `growth` times as wide as the one before.
  distributed = {
    latency = {
      about  = "seconds from an upload to its result; backfills and redrives have none"
      field  = "since_upload_s"
      unit   = "s"
      scale  = 0.5
      growth = 1.4
      count  = 40
    }
    input_tokens = {
      about  = "tokens that were read for a result"
      field  = "input_tokens"
      unit   = "{token}"
      scale  = 100
      growth = 2
      count  = 16
    }
    output_tokens = {
      about  = "tokens that were written for a result, thoughts among them"
      field  = "output_tokens"
      unit   = "{token}"
      scale  = 10
      growth = 2
      count  = 16
    }
    usd = {
      about  = "dollars at list price that a result cost"
      field  = "cost_usd"
      unit   = "{USD}"
      scale  = 0.00001
      growth = 2
      count  = 24
    }
  }

  user_metric = "logging.googleapis.com/user/${var.prefix}"
  # PromQL's name for it: https://cloud.google.com/monitoring/promql/promql-mapping
  promql = "logging_googleapis_com:user_${replace(var.prefix, "-", "_")}"
  every  = "[$${__interval}]" # the dashboard's own, as wide as a point of the chart

  charts = [
    ["Seconds from upload to result: 95 of 100 are faster", "histogram_quantile(0.95, sum by (task, le) (increase(${local.promql}_latency_bucket${local.every})))"],
    ["Seconds from upload to result: half are faster", "histogram_quantile(0.5, sum by (task, le) (increase(${local.promql}_latency_bucket${local.every})))"],
    ["Results by task", "sum by (task) (increase(${local.promql}_results${local.every}))"],
    ["Results by status", "sum by (status) (increase(${local.promql}_results${local.every}))"],
    ["Dollars by task", "sum by (task) (increase(${local.promql}_usd_sum${local.every}))"],
    ["Model calls by model", "sum by (model) (increase(${local.promql}_calls${local.every}))"],
    ["Tokens read, by task", "sum by (task) (increase(${local.promql}_input_tokens_sum${local.every}))"],
    ["Tokens written, by task", "sum by (task) (increase(${local.promql}_output_tokens_sum${local.every}))"],
    ["Held events by reason", "sum by (code) (increase(${local.promql}_held${local.every}))"],
    ["Dead letters", "sum (increase(${local.promql}_dead_letters${local.every}))"],
    ["Calls tried again, by function", "sum by (service) (increase(${local.promql}_retries${local.every}))"],
    ["Deliveries given back, by function", "sum by (service) (increase(${local.promql}_redeliveries${local.every}))"],
    ["Waits for another delivery's lease, by function", "sum by (service) (increase(${local.promql}_lease_waits${local.every}))"],
    ["Warnings and errors, by what they say", "topk(10, sum by (kind) (increase(${local.promql}_warnings${local.every})))"],
  ]

  objectives = var.dashboard ? {
    results = "99.5 % of results are no failures"
    latency = "95 % of results are there ${var.objective_latency_s} s after their upload"
  } : {}
  objective_names = var.dashboard ? {
    results = google_monitoring_slo.results[0].name
    latency = google_monitoring_slo.latency[0].name
  } : {}
  # A fiftieth of the 28 days' allowance in an hour: https://sre.google/workbook/alerting-on-slos/
  burn_rate = 13.44
}

resource "google_logging_metric" "counted" {
  for_each = var.dashboard ? local.counted : {}

  project     = var.project
  name        = "${var.prefix}/${each.key}"
  description = "Uplook: ${each.value.about}."
  filter      = "${local.of_our_services} AND ${each.value.filter}"

  label_extractors = { for label, field in each.value.labels : label => "EXTRACT(${field})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "distributed" {
  for_each = var.dashboard ? local.distributed : {}

  project         = var.project
  name            = "${var.prefix}/${each.key}"
  description     = "Uplook: ${each.value.about}."
  filter          = "${local.of_our_services} AND jsonPayload.message = \"committed\" AND jsonPayload.${each.value.field} >= 0"
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  label_extractors = {
    task  = "EXTRACT(jsonPayload.task)"
    model = "EXTRACT(jsonPayload.model)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit

    labels {
      key        = "task"
      value_type = "STRING"
    }

    labels {
      key        = "model"
      value_type = "STRING"
    }
  }

  bucket_options {
    exponential_buckets {
      scale              = each.value.scale
      growth_factor      = each.value.growth
      num_finite_buckets = each.value.count
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_dashboard" "uplook" {
  count = var.dashboard ? 1 : 0

  project = var.project
  dashboard_json = jsonencode({
    displayName = "Uplook (${var.prefix})"
    gridLayout = {
      columns = "2"
      widgets = [
        for chart in local.charts : {
          title = chart[0]
          xyChart = {
            dataSets = [{
              plotType        = "LINE"
              timeSeriesQuery = { prometheusQuery = chart[1] }
            }]
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.chosen, google_logging_metric.counted, google_logging_metric.distributed]
}

resource "google_monitoring_custom_service" "uplook" {
  count = var.dashboard ? 1 : 0

  project      = var.project
  service_id   = var.prefix
  display_name = "Uplook (${var.prefix})"

  depends_on = [google_project_service.chosen]
}

resource "google_monitoring_slo" "results" {
  count = var.dashboard ? 1 : 0

  project             = var.project
  service             = google_monitoring_custom_service.uplook[0].service_id
  slo_id              = "results"
  display_name        = local.objectives["results"]
  goal                = 0.995
  rolling_period_days = 28

  request_based_sli {
    good_total_ratio {
      good_service_filter  = "metric.type = \"${local.user_metric}/results\" AND resource.type = \"cloud_run_revision\" AND metric.labels.status != \"failed\""
      total_service_filter = "metric.type = \"${local.user_metric}/results\" AND resource.type = \"cloud_run_revision\""
    }
  }

  depends_on = [google_logging_metric.counted]
}

resource "google_monitoring_slo" "latency" {
  count = var.dashboard ? 1 : 0

  project             = var.project
  service             = google_monitoring_custom_service.uplook[0].service_id
  slo_id              = "latency"
  display_name        = local.objectives["latency"]
  goal                = 0.95
  rolling_period_days = 28

  request_based_sli {
    distribution_cut {
      distribution_filter = "metric.type = \"${local.user_metric}/latency\" AND resource.type = \"cloud_run_revision\""

      range {
        max = var.objective_latency_s
      }
    }
  }

  depends_on = [google_logging_metric.distributed]
}

# Both windows: the long one says that it is much, the short one that it is still so.
resource "google_monitoring_alert_policy" "objective" {
  for_each = var.alert_email == null ? {} : local.objectives

  project               = var.project
  display_name          = "Uplook (${var.prefix}): ${each.key == "results" ? "too many failures" : "results are late"}"
  combiner              = "AND"
  severity              = "WARNING"
  notification_channels = [google_monitoring_notification_channel.email[0].id]

  conditions {
    display_name = "In an hour, the allowance of 28 days was used up more than 13 times as fast as it lasts"

    condition_threshold {
      filter          = "select_slo_burn_rate(\"${local.objective_names[each.key]}\", \"3600s\")"
      comparison      = "COMPARISON_GT"
      threshold_value = local.burn_rate
      duration        = "0s"
    }
  }

  conditions {
    display_name = "In five minutes, the allowance of 28 days was used up more than 13 times as fast as it lasts"

    condition_threshold {
      filter          = "select_slo_burn_rate(\"${local.objective_names[each.key]}\", \"300s\")"
      comparison      = "COMPARISON_GT"
      threshold_value = local.burn_rate
      duration        = "0s"
    }
  }

  alert_strategy {
    auto_close = "1800s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = each.key == "results" ? "Missed: ${each.value}. `.venv/bin/python -m shared.operate status gs://${google_storage_bucket.results.name}` groups the failures by their reason. After the cause is mended: `.venv/bin/python -m shared.operate redrive gs://${google_storage_bucket.results.name}`." : "Missed: ${each.value}. `.venv/bin/python -m shared.operate status gs://${google_storage_bucket.results.name}` shows what waits, and for what. More comes than `max_instances` can do, the model is slow, or its quota is used up."
  }
}
