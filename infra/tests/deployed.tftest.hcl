# What is deployed, with every default and every choice evaluated by Terraform itself.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "google-beta" {}

variables {
  keep_storage_events = false # it would run gcloud
  project             = "a-project"
  gemini_api_key      = "a key" # Terraform's tests insist on a value for an ephemeral variable; plan and apply do not
}

run "by_default" {
  assert {
    condition     = join(" ", sort(keys(google_cloudfunctions2_function.pushed))) == join(" ", sort(concat(local.tasks, ["dead_letter", "release"])))
    error_message = "Expected every function but those with a storage trigger."
  }

  assert {
    condition     = join(" ", keys(google_cloudfunctions2_function.triggered)) == "ingest"
    error_message = "Expected ingest alone: forget is off by default."
  }

  assert {
    condition     = alltrue([for name, each in google_cloudfunctions2_function.pushed : each.build_config[0].entry_point == name])
    error_message = "Expected entry points by the names of main.py."
  }

  assert {
    condition     = alltrue([for name, each in google_pubsub_subscription.worker : each.filter == "attributes.task = \"${name}\""])
    error_message = "Expected every worker to be sent its own task only."
  }

  assert {
    condition = alltrue([
      for task, live in google_pubsub_subscription.worker :
      google_pubsub_subscription.backfill[task].filter == live.filter &&
      google_pubsub_subscription.backfill[task].push_config[0].push_endpoint == live.push_config[0].push_endpoint && # the mock's topics share an id
      google_pubsub_subscription.backfill[task].name == "uplook-backfill-${task}"
    ])
    error_message = "Expected a lane for backfills to the same workers."
  }

  assert {
    condition     = length(google_cloud_run_v2_job.backfill) + length(google_service_account.backfill) + length(google_pubsub_topic_iam_member.image_backfill_published_by) == 0 && output.backfill == ".venv/bin/python -m shared.operate backfill gs://a-project-uplook-uploads"
    error_message = "Expected no job that nobody gave an image for, and a command that needs none."
  }

  assert {
    condition     = length(google_cloud_run_v2_service.viewer) + length(google_service_account.viewer) + length(google_storage_bucket_iam_member.viewer_reads_results) == 0 && !contains(keys(google_project_service.chosen), "iap.googleapis.com")
    error_message = "Expected no page that nobody asked for."
  }

  assert {
    condition     = length(google_bigquery_dataset.uplook) + length(google_pubsub_subscription.bigquery) + length(google_bigquery_table.view) == 0 && !contains(keys(google_project_service.chosen), "bigquery.googleapis.com")
    error_message = "Expected no BigQuery that nobody asked for."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.worker : each.push_config[0].push_endpoint == "https://function.a.run.app/projects/a-project/topics/a-topic"])
    error_message = "Expected the topic's name in the path: functions-framework reads it there."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.worker : each.push_config[0].oidc_token[0].audience == "https://function.a.run.app"])
    error_message = "Expected the service's own address as audience: Cloud Run refuses any other."
  }

  assert {
    condition = alltrue([
      for each in google_cloudfunctions2_function.pushed :
      tonumber(each.service_config[0].environment_variables.THREADS) == each.service_config[0].max_instance_request_concurrency
    ])
    error_message = "Expected as many threads as requests at once."
  }

  assert {
    condition = alltrue([
      for each in google_cloudfunctions2_function.pushed :
      tonumber(each.service_config[0].environment_variables.TIMEOUT_S) < each.service_config[0].timeout_seconds
    ])
    error_message = "Expected a worker to end by itself, before the platform ends it."
  }

  assert {
    condition     = google_cloudfunctions2_function.pushed["caption"].service_config[0].environment_variables.MAX_USD_PER_DAY == "5"
    error_message = "Expected a ceiling by default."
  }

  assert {
    condition     = length(google_secret_manager_secret.gemini_api_key) == 0 && length(google_project_iam_member.ask_models) == length(local.tasks)
    error_message = "Expected Vertex AI: no key, and a worker for each task that may ask models."
  }

  assert {
    condition = (
      google_storage_bucket_iam_member.vertex_reads_uploads[0].bucket == "a-project-uplook-uploads" &&
      google_storage_bucket_iam_member.vertex_reads_uploads[0].member == google_project_service_identity.agent["aiplatform.googleapis.com"].member
    )
    error_message = "Expected Vertex AI's own agent to be able to fetch images."
  }

  assert {
    condition     = google_service_account_iam_member.trigger_token.member == google_service_account_iam_member.push_token.member
    error_message = "Expected Pub/Sub to be able to sign for Eventarc's subscription as for ours."
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.results_deleted_by) == 0
    error_message = "Expected nobody to be able to delete results."
  }

  assert {
    condition     = length(google_storage_bucket.results.lifecycle_rule) == 0
    error_message = "Expected results to be kept."
  }

  assert {
    condition     = length(output.operate) > 0 && output.upload == "gcloud storage cp photo.jpg gs://a-project-uplook-uploads/"
    error_message = "Expected commands that can be run."
  }

  assert {
    condition = (
      length(google_monitoring_notification_channel.email) + length(google_monitoring_alert_policy.dead_letters) +
      length(google_monitoring_alert_policy.backlog) + length(google_monitoring_alert_policy.held) == 0 &&
      !contains(keys(google_project_service.chosen), "monitoring.googleapis.com")
    )
    error_message = "Expected no alerts that nobody hears."
  }

  assert {
    condition     = length(google_logging_metric.counted) + length(google_monitoring_dashboard.uplook) + length(google_monitoring_slo.results) + length(google_monitoring_alert_policy.objective) == 0
    error_message = "Expected no dashboard that nobody asked for."
  }
}

run "with_a_dashboard" {
  variables {
    alert_email         = "operators@example.com"
    dashboard           = true
    objective_latency_s = 20
  }

  assert {
    condition     = alltrue([for name, each in merge(google_logging_metric.counted, google_logging_metric.distributed) : each.name == "uplook/${name}"]) && length(google_logging_metric.distributed) == 4
    error_message = "Expected metrics below the prefix."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.uplook[0].dashboard_json).gridLayout.widgets) == length(local.charts)
    error_message = "Expected every chart on the dashboard."
  }

  assert {
    condition     = google_monitoring_slo.latency[0].request_based_sli[0].distribution_cut[0].range[0].max == 20
    error_message = "Expected the objective that was chosen."
  }

  assert {
    condition     = join(" ", sort(keys(google_monitoring_alert_policy.objective))) == "latency results"
    error_message = "Expected a mail about each objective."
  }
}

run "with_alerts" {
  variables {
    alert_email = "operators@example.com"
  }

  assert {
    condition     = google_monitoring_notification_channel.email[0].labels.email_address == "operators@example.com" && contains(keys(google_project_service.chosen), "monitoring.googleapis.com")
    error_message = "Expected mails to the address that was given."
  }

  assert {
    condition = alltrue([
      for each in concat(google_monitoring_alert_policy.dead_letters, google_monitoring_alert_policy.backlog, google_monitoring_alert_policy.held) :
      join(" ", each.notification_channels) == google_monitoring_notification_channel.email[0].id
    ])
    error_message = "Expected every alert to be mailed."
  }

  assert {
    condition     = google_monitoring_alert_policy.dead_letters[0].conditions[0].condition_threshold[0].filter == "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"uplook-dead-letter\" AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\""
    error_message = "Expected an alert on what arrives at dead_letter."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.backlog[0].conditions[0].condition_threshold[0].filter, "one_of(${join(", ", formatlist("\"uplook-%s\"", concat(local.tasks, formatlist("backfill-%s", local.tasks), ["dead-letter"])))})")
    error_message = "Expected an alert on what waits for any worker."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.held[0].conditions[0].condition_matched_log[0].filter, "(${join(" OR ", formatlist("\"uplook-%s\"", local.tasks))})")
    error_message = "Expected an alert on what any worker holds."
  }
}

run "with_a_backfill_job" {
  variables {
    backfill_image  = "europe-west4-docker.pkg.dev/a-project/uplook-images/uplook:1.0"
    backfill_shards = 3
    max_instances   = 2
  }

  assert {
    condition     = google_cloud_run_v2_job.backfill[0].template[0].task_count == 3 && google_cloud_run_v2_job.backfill[0].template[0].parallelism == 3
    error_message = "Expected a task for each shard, all at once."
  }

  assert {
    condition     = join(" ", google_cloud_run_v2_job.backfill[0].template[0].template[0].containers[0].args) == "gs://a-project-uplook-uploads --outstanding=2"
    error_message = "Expected all shards together to leave half of the threads to live uploads."
  }

  assert {
    condition     = { for each in google_cloud_run_v2_job.backfill[0].template[0].template[0].containers[0].env : each.name => each.value } == { for name, value in google_cloudfunctions2_function.pushed["caption"].service_config[0].environment_variables : name => value if name != "THREADS" }
    error_message = "Expected the job to see the deployment as its functions do."
  }

  assert {
    condition     = google_storage_bucket_iam_member.backfill_marks[0].condition[0].expression == "resource.type == \"storage.googleapis.com/Object\" && resource.name.startsWith(\"projects/_/buckets/a-project-uplook-work/objects/backfill/\")"
    error_message = "Expected the job to write its marks, and nothing else."
  }

  assert {
    condition     = output.backfill == "gcloud run jobs execute uplook-backfill --region=us-central1 --project=a-project"
    error_message = "Expected a command that runs the job."
  }
}

run "with_a_viewer" {
  variables {
    viewer         = true
    viewer_image   = "europe-west4-docker.pkg.dev/a-project/uplook-images/uplook:1.0"
    viewer_members = ["group:viewers@example.com", "domain:example.com"]
  }

  assert {
    condition     = google_cloud_run_v2_service.viewer[0].iap_enabled && google_cloud_run_v2_service.viewer[0].invoker_iam_disabled != true
    error_message = "Expected IAP before the page, and a check of who calls behind it."
  }

  assert {
    condition     = google_cloud_run_service_iam_member.viewer[0].service == "uplook-viewer" && google_cloud_run_service_iam_member.viewer[0].member == google_project_service_identity.agent["iap.googleapis.com"].member
    error_message = "Expected IAP's agent to call the page."
  }

  assert {
    condition     = join(" ", [for each in google_iap_web_cloud_run_service_iam_member.viewer : each.member if each.cloud_run_service_name == "uplook-viewer"]) == "domain:example.com group:viewers@example.com"
    error_message = "Expected IAP to let in those who were named."
  }

  assert {
    condition = { for each in google_cloud_run_v2_service.viewer[0].template[0].containers[0].env : each.name => each.value } == merge(
      { for name, value in google_cloudfunctions2_function.pushed["caption"].service_config[0].environment_variables : name => value if name != "THREADS" },
      { IAP_AUDIENCE = "/projects/123456789012/locations/us-central1/services/uplook-viewer" },
    )
    error_message = "Expected the page to see the deployment as its functions do, and to know for whom IAP signs."
  }

  assert {
    condition     = output.viewer_url == google_cloud_run_v2_service.viewer[0].uri
    error_message = "Expected the address of the page."
  }
}

run "with_bigquery" {
  variables {
    bigquery = true
    prefix   = "my-looks"
  }

  assert {
    condition     = google_bigquery_dataset.uplook[0].dataset_id == "my_looks" && google_bigquery_dataset.uplook[0].location == google_storage_bucket.results.location
    error_message = "Expected a dataset where the results are: BigQuery reads no bucket of another place."
  }

  assert {
    condition     = google_pubsub_subscription.bigquery[0].bigquery_config[0].table == "a-project.my_looks.result_events" && length(google_pubsub_subscription.bigquery[0].push_config) == 0
    error_message = "Expected every result event to become a row."
  }

  assert {
    condition     = join(" ", google_bigquery_table.documents[0].external_data_configuration[0].source_uris) == "gs://a-project-my-looks-results/*.json"
    error_message = "Expected the documents where they lie, and nothing else."
  }

  assert {
    condition     = strcontains(google_bigquery_table.results[0].view[0].query, "FROM `a-project.my_looks`.documents\n")
    error_message = "Expected the view to read the documents."
  }

  assert {
    condition = join(" ", keys(google_bigquery_table.view)) == "captions classes cost_by_day items" && alltrue([
      for each in google_bigquery_table.view : strcontains(each.view[0].query, "FROM `a-project.my_looks`.results") && !strcontains(each.view[0].query, "{item}")
    ])
    error_message = "Expected the views, with every name filled in."
  }

  assert {
    condition     = google_bigquery_table_iam_member.result_events_written_by_pubsub[0].table_id == "result_events"
    error_message = "Expected Pub/Sub to have a right on its one table."
  }
}

run "with_bigquery_where_results_have_a_folder" {
  command = plan

  variables {
    bigquery = true
    settings = { RESULTS_PREFIX = "uplook/" }
  }

  assert {
    condition     = join(" ", google_bigquery_table.documents[0].external_data_configuration[0].source_uris) == "gs://a-project-uplook-results/uplook/*.json"
    error_message = "Expected the documents of this folder."
  }
}

run "rights_by_folder" {
  assert {
    condition     = google_storage_bucket_iam_member.work_used_by["caption replies/ storage.objectCreator"].condition[0].expression == "resource.type == \"storage.googleapis.com/Object\" && resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.work.name}/objects/replies/\") && (resource.name.endsWith(\"/caption.json\") || resource.name.endsWith(\"/caption.ask-1.json\"))"
    error_message = "Expected a worker to write the journal of its own task only."
  }

  assert {
    condition     = alltrue([for each in google_storage_bucket_iam_member.work_used_by : length(each.condition) == 1])
    error_message = "Expected every right to objects of the work bucket to be on a folder."
  }
}

run "with_a_key" {
  variables {
    backend = "developer"
  }

  assert {
    condition = alltrue([
      for name, each in google_cloudfunctions2_function.pushed :
      length(each.service_config[0].secret_environment_variables) == (contains(keys(google_pubsub_subscription.worker), name) ? 1 : 0)
    ])
    error_message = "Expected workers, and nobody else, to be given the key."
  }

  assert {
    condition     = google_cloudfunctions2_function.pushed["ask"].service_config[0].secret_environment_variables[0].version == google_secret_manager_secret_version.gemini_api_key[0].version
    error_message = "Expected the version to be pinned."
  }

  assert {
    condition     = length(google_secret_manager_secret_iam_member.worker) == length(local.tasks) && length(google_project_iam_member.ask_models) == 0
    error_message = "Expected an account for each task that may read the key, and none that may ask Vertex AI."
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.vertex_reads_uploads) == 0 && !contains(keys(google_project_service_identity.agent), "aiplatform.googleapis.com")
    error_message = "Expected no agent of Vertex AI where it is not asked."
  }

  assert {
    condition     = google_cloudfunctions2_function.pushed["ask"].service_config[0].environment_variables.GOOGLE_GENAI_USE_ENTERPRISE == "false"
    error_message = "Expected the Gemini API."
  }
}

run "with_a_key_that_is_stored" {
  command = plan

  variables {
    backend               = "developer"
    gemini_api_key        = null
    gemini_api_key_stored = 1
  }

  assert {
    condition     = length(google_secret_manager_secret_version.gemini_api_key) == 1
    error_message = "Expected a key to be asked for once."
  }
}

run "with_forgetting_and_an_own_bucket" {
  variables {
    existing_upload_bucket = "my-photos"
    forget                 = true
    max_calls_per_day      = null
    max_usd_per_day        = null
    results_retention_days = 30
    settings               = { RESULTS_PREFIX = "uplook/" }
  }

  assert {
    condition     = length(google_storage_bucket.uploads) == 0
    error_message = "Expected no bucket beside the one that is there."
  }

  assert {
    condition     = alltrue([for each in google_cloudfunctions2_function.triggered : each.event_trigger[0].trigger_region == "eu"])
    error_message = "Expected triggers where the bucket is."
  }

  assert {
    condition     = google_cloudfunctions2_function.triggered["forget"].event_trigger[0].event_type == "google.cloud.storage.object.v1.deleted"
    error_message = "Expected forget to hear of deletions."
  }

  assert {
    condition     = join(" ", keys(google_storage_bucket_iam_member.results_deleted_by)) == "forget"
    error_message = "Expected forget alone to be able to delete results."
  }

  assert {
    condition     = google_storage_bucket.results.lifecycle_rule[0].condition[0].age == 30
    error_message = "Expected results to be deleted after 30 days."
  }

  assert {
    condition     = google_cloudfunctions2_function.triggered["ingest"].service_config[0].environment_variables.MAX_CALLS_PER_DAY == ""
    error_message = "Expected no ceiling where none is wanted."
  }

  assert {
    condition     = google_cloudfunctions2_function.triggered["ingest"].service_config[0].environment_variables.RESULTS_PREFIX == "uplook/"
    error_message = "Expected further settings to arrive."
  }
}
