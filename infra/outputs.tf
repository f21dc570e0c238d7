# Commands that a person can run. `terraform output` shows them all, `terraform output -raw upload` one of them.

output "backfill" {
  description = "Looks at what lies in the upload bucket already: by the job where backfill_image is set, else from this machine."
  value = (var.backfill_image == null
    ? ".venv/bin/python -m shared.operate backfill gs://${local.uploads.name}"
    : "gcloud run jobs execute ${var.prefix}-backfill --region=${var.region} --project=${var.project}"
  )
}

output "dead_letters" {
  description = "What was given up on, and why."
  value       = "gcloud storage ls 'gs://${google_storage_bucket.results.name}/**.error-*.json'"
}

output "keep_storage_events" {
  description = "What apply does by itself unless keep_storage_events is false: Eventarc's subscriptions get dead letters, and keep events for a week."
  value       = join("\n", [for name in sort(keys(local.triggered)) : local.keep_storage_events[name]])
}

output "logs" {
  description = "What the functions do, as it happens."
  value       = "gcloud beta logging tail 'resource.type=cloud_run_revision AND resource.labels.service_name:${var.prefix}-' --project=${var.project}"
}

output "operate" {
  description = "The settings for operators: eval \"$(terraform output -raw operate)\", then python -m shared.operate --help."
  value       = join("\n", [for name, value in local.environment : "export ${name}='${value}'"])
}

output "results" {
  description = "All results so far."
  value       = "gcloud storage ls gs://${google_storage_bucket.results.name} --recursive"
}

output "subscribe" {
  description = "Makes a subscription of your own to the result events, and shows what comes."
  value = join("\n", [
    "gcloud pubsub subscriptions create ${var.prefix}-listener --topic=${google_pubsub_topic.image_results.id} --expiration-period=never --project=${var.project}",
    "gcloud pubsub subscriptions pull ${var.prefix}-listener --auto-ack --limit=10 --project=${var.project}",
  ])
}

output "upload" {
  description = "Gives the system something to look at."
  value       = "gcloud storage cp photo.jpg gs://${local.uploads.name}/"
}

output "viewer_url" {
  description = "Where the page is, for viewer_members; null where viewer is false."
  value       = one(google_cloud_run_v2_service.viewer[*].uri)
}
