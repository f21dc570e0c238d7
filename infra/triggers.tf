# Reached by storage events only, and made last: an event that came before the subscriptions would be lost. The builds
# before it also give Google the minutes that it needs until the Eventarc agent's rights, given before them, are known
# everywhere, on which first applies elsewhere fail (hashicorp/terraform-provider-google#25294).
locals {
  storage_events = {
    ingest = "google.cloud.storage.object.v1.finalized"
    forget = "google.cloud.storage.object.v1.deleted"
  }

  keep_storage_events = { for name, each in local.triggered : name => join(" ", [
    "infra/deploy.sh keep-storage-events", var.project, var.region, "${var.prefix}-${name}", google_pubsub_topic.image_dead.name,
  ]) }
}

resource "google_cloudfunctions2_function" "triggered" {
  for_each = local.triggered

  project  = var.project
  location = var.region
  name     = google_service_account.function[each.key].account_id

  build_config {
    runtime           = local.runtime
    entry_point       = each.key
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket_object.source.bucket
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    ingress_settings                 = "ALLOW_INTERNAL_ONLY"
    available_cpu                    = "1"
    available_memory                 = each.value.memory
    timeout_seconds                  = var.deadlines_s.platform
    min_instance_count               = 0
    max_instance_count               = each.value.instances
    max_instance_request_concurrency = each.value.concurrency
    all_traffic_on_latest_revision   = true

    environment_variables = merge(local.environment, {
      THREADS = tostring(each.value.concurrency)
    })

    # Copies of images that the Files API keeps are deleted with the key that they were uploaded with.
    dynamic "secret_environment_variables" {
      for_each = each.value.part == "forgetter" ? google_secret_manager_secret_version.gemini_api_key : []

      content {
        key        = "GEMINI_API_KEY"
        project_id = var.project
        secret     = google_secret_manager_secret.gemini_api_key[0].secret_id
        version    = secret_environment_variables.value.version
      }
    }
  }

  event_trigger {
    trigger_region        = lower(local.uploads.location) # Eventarc wants the bucket's own location
    event_type            = local.storage_events[each.key]
    retry_policy          = "RETRY_POLICY_RETRY" # the default drops an event at the first failure
    service_account_email = google_service_account.trigger.email

    event_filters {
      attribute = "bucket"
      value     = local.uploads.name
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_source,
    google_project_iam_member.eventarc_agent,
    google_project_iam_member.storage_agent,
    google_project_iam_member.tracing,
    google_project_iam_member.trigger,
    google_pubsub_subscription.worker,
    google_pubsub_subscription_iam_member.backfill_drained_by_pubsub,
    google_pubsub_subscription_iam_member.worker_drained_by_pubsub,
    google_pubsub_topic_iam_member.image_events_published_by,
    google_secret_manager_secret_iam_member.worker,
    google_service_account_iam_member.trigger_token,
    google_storage_bucket_iam_member.results_deleted_by,
    google_storage_bucket_iam_member.work_listed_by,
    google_storage_bucket_iam_member.work_used_by,
    google_storage_bucket_iam_member.worker_reads_uploads,
  ]
}

# On these services and no others.
resource "google_cloud_run_service_iam_member" "triggered" {
  for_each = local.triggered

  project  = var.project
  location = var.region
  service  = google_cloudfunctions2_function.triggered[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.trigger.member
}

# Eventarc's subscriptions are its own, and Terraform cannot change them: without this step they drop an event after a day.
# The command is that of the output keep_storage_events; it may run any number of times.
resource "terraform_data" "keep_storage_events" {
  for_each = var.keep_storage_events ? local.triggered : {}

  triggers_replace = [
    google_cloudfunctions2_function.triggered[each.key].event_trigger[0].trigger, # a new trigger has a new subscription
    google_pubsub_topic.image_dead.id,
  ]

  provisioner "local-exec" {
    command     = local.keep_storage_events[each.key]
    working_dir = local.root
  }

  depends_on = [google_pubsub_subscription.dead_letter, google_pubsub_topic_iam_member.image_dead_published_by_pubsub]
}
