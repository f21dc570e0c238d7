# One function per entry point of main.py, all of one source. Each block says what kind of part it plays: rights follow
# from that, beside the resources they are for.
locals {
  # Written by `python -m tests.generated` from shared/core/tasks.
  tasks = jsondecode(file("${path.module}/tasks.json"))

  task_workers = { for task in local.tasks : task => { part = "worker", concurrency = 8, memory = "4Gi", instances = var.max_instances } }
  other_functions = {
    ingest      = { part = "ingester", concurrency = 16, memory = "512Mi", instances = 5 }
    dead_letter = { part = "bookkeeper", concurrency = 4, memory = "512Mi", instances = 2 }
    release     = { part = "releaser", concurrency = 1, memory = var.batch ? "1Gi" : "512Mi", instances = 1 }
    forget      = { part = "forgetter", concurrency = 4, memory = "512Mi", instances = 2 }
  }
  entry_points = merge(local.task_workers, local.other_functions)

  functions   = { for name, each in local.entry_points : name => each if name != "forget" || var.forget }
  ingesters   = { for name, each in local.functions : name => each if each.part == "ingester" }
  workers     = { for name, each in local.functions : name => each if each.part == "worker" }
  bookkeepers = { for name, each in local.functions : name => each if each.part == "bookkeeper" }
  releasers   = { for name, each in local.functions : name => each if each.part == "releaser" }
  forgetters  = { for name, each in local.functions : name => each if each.part == "forgetter" }

  askers = merge(local.workers, var.batch ? local.releasers : {}) # who asks Gemini: release makes batch jobs

  pushed    = merge(local.workers, local.bookkeepers, local.releasers)
  triggered = merge(local.ingesters, local.forgetters)

  runtime = "python314"

  # Every name is one of docs/settings.md; tests/policy holds both to that.
  own_settings = {
    BACKFILL_TOPIC              = google_pubsub_topic.image_backfill.id
    GOOGLE_CLOUD_LOCATION       = var.vertex_location
    GOOGLE_CLOUD_PROJECT        = var.project
    GOOGLE_GENAI_USE_ENTERPRISE = tostring(var.backend == "vertex")
    IMAGE_TOPIC                 = google_pubsub_topic.image_events.id
    LEASE_TTL_S                 = tostring(var.deadlines_s.lease)
    LOG_FORMAT                  = "json"
    MAX_CALLS_PER_DAY           = var.max_calls_per_day == null ? "" : tostring(var.max_calls_per_day)
    MAX_USD_PER_DAY             = var.max_usd_per_day == null ? "" : tostring(var.max_usd_per_day)
    OTEL_TRACES_EXPORTER        = var.tracing ? "gcp_trace" : "none"
    RESULTS_BUCKET              = google_storage_bucket.results.name
    RESULT_TOPIC                = google_pubsub_topic.image_results.id
    REUSE_ANSWERS               = tostring(var.reuse_answers)
    RUN                         = var.run
    STRIP_METADATA              = tostring(var.strip_metadata)
    TIMEOUT_S                   = tostring(var.deadlines_s.worker)
    UPLOAD_BUCKETS              = local.uploads.name
    WORK_BUCKET                 = google_storage_bucket.work.name
  }
  environment = merge(local.own_settings, var.settings)

  # What var.settings may name.
  further_settings = [
    "BATCH_LINES",
    "IMAGE_URL_ORIGINS",
    "INLINE_HARD_LIMIT_BYTES",
    "INLINE_LIMIT_BYTES",
    "MAX_IMAGES_PER_QUESTION",
    "MAX_PIXELS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "REGISTER_FILES",
    "RESULTS_PREFIX",
    "RULES_FILE",
    "USE_SUCCESSORS",
  ]
}

# Reached by push subscriptions only.
resource "google_cloudfunctions2_function" "pushed" {
  for_each = local.pushed

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
      THREADS = tostring(each.value.concurrency) # or requests would queue inside of the instance
    }, var.batch ? { BATCH = "true" } : {})

    dynamic "secret_environment_variables" {
      for_each = contains(keys(local.askers), each.key) ? google_secret_manager_secret_version.gemini_api_key : []

      content {
        key        = "GEMINI_API_KEY"
        project_id = var.project
        secret     = google_secret_manager_secret.gemini_api_key[0].secret_id
        version    = secret_environment_variables.value.version # pinned: a new key is a new deployment
      }
    }
  }

  # What it needs to start and to work, what the build needs; and every other right that takes Google minutes until it is
  # known everywhere: those of the build have that much longer, and those of Eventarc have the builds.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.ask_models,
    google_project_iam_member.batch_jobs,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_source,
    google_project_iam_member.eventarc_agent,
    google_project_iam_member.storage_agent,
    google_project_iam_member.tracing,
    google_project_iam_member.trigger,
    google_pubsub_topic_iam_member.image_backfill_published_by_release,
    google_pubsub_topic_iam_member.image_events_published_by,
    google_pubsub_topic_iam_member.image_results_published_by,
    google_secret_manager_secret_iam_member.worker,
    google_service_account_iam_member.push_token,
    google_service_account_iam_member.trigger_token,
    google_storage_bucket_iam_member.results_created_by,
    google_storage_bucket_iam_member.results_deleted_by,
    google_storage_bucket_iam_member.results_read_by,
    google_storage_bucket_iam_member.vertex_reads_uploads,
    google_storage_bucket_iam_member.vertex_uses_batch_files,
    google_storage_bucket_iam_member.work_listed_by,
    google_storage_bucket_iam_member.work_used_by,
    google_storage_bucket_iam_member.worker_reads_uploads,
  ]
}

# https://cloud.google.com/run/docs/reference/iam/roles
resource "google_cloud_run_service_iam_member" "pushed" {
  for_each = local.pushed

  project  = var.project
  location = var.region
  service  = google_cloudfunctions2_function.pushed[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}
