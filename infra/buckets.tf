# Uploads: yours, or made here. Nothing deletes from it, and nothing public reaches it.
resource "google_storage_bucket" "uploads" {
  #checkov:skip=CKV_GCP_62:access logs are Cloud Audit Logs, which are switched on per project and not per bucket
  #checkov:skip=CKV_GCP_78:no second copy of people's pictures: soft delete brings back what was deleted by mistake
  count = var.existing_upload_bucket == null ? 1 : 0

  project                     = var.project
  name                        = "${var.project}-${var.prefix}-uploads"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  depends_on = [google_project_service.api]
}

data "google_storage_bucket" "uploads" {
  count = var.existing_upload_bucket == null ? 0 : 1

  project = var.project
  name    = var.existing_upload_bucket

  depends_on = [google_project_service.api]
}

locals {
  uploads = {
    name     = var.existing_upload_bucket == null ? google_storage_bucket.uploads[0].name : data.google_storage_bucket.uploads[0].name
    location = var.existing_upload_bucket == null ? google_storage_bucket.uploads[0].location : data.google_storage_bucket.uploads[0].location
  }
}

# Results: create-only by right, as by code. Overwriting needs the right to delete, which no worker has.
resource "google_storage_bucket" "results" {
  #checkov:skip=CKV_GCP_62:access logs are Cloud Audit Logs, which are switched on per project and not per bucket
  #checkov:skip=CKV_GCP_78:results are never overwritten, so there are no versions to keep
  project                     = var.project
  name                        = "${var.project}-${var.prefix}-results"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy { # whoever wants results forgotten with their source wants them gone at once
    retention_duration_seconds = var.forget ? 0 : 604800
  }

  dynamic "lifecycle_rule" {
    for_each = var.results_retention_days == null ? [] : [var.results_retention_days]

    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  depends_on = [google_project_service.api]
}

# Work: leases, journalled replies, the day's spending, marks of backfills and dead letters, which are over after some days; held events, which
# stay until they are released or forgotten; who has seen what; answers that uploads of the same content share.
resource "google_storage_bucket" "work" {
  #checkov:skip=CKV_GCP_62:access logs are Cloud Audit Logs, which are switched on per project and not per bucket
  #checkov:skip=CKV_GCP_78:old versions of leases and replies serve nobody
  project                     = var.project
  name                        = "${var.project}-${var.prefix}-work"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy { # leases come and go: each would be kept, and paid, for a week
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 45 # longer than any redelivery takes: 7 days in a subscription, and 7 more as a dead letter
      # Not held/: what waits there is somebody's work, however long it takes.
      matches_prefix = ["backfill/", "dead/", "leases/", "releases/", "replies/", "spending/"]
    }
  }

  # Answers that uploads of the same content share: each new upload keeps a copy of its own, so what is still used stays.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 45
      matches_prefix = ["answers/"]
    }
  }

  # What says which upload has a part in which answer outlives the answer, though it is written first: `forget` finds
  # them by it.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 90
      matches_prefix = ["uses/"]
    }
  }

  lifecycle_rule { # of batch jobs: not batches/lines/, which are somebody's work, too
    action {
      type = "Delete"
    }
    condition {
      age            = 45 # as above
      matches_prefix = ["batches/files/", "batches/jobs/"]
    }
  }

  # What says which answers an image was part of lasts as long as they do: `forget` finds them by it.
  dynamic "lifecycle_rule" {
    for_each = var.results_retention_days == null ? [] : [var.results_retention_days]

    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value + 1
        matches_prefix = ["seen/"]
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_62:holds nothing but the source archive
  #checkov:skip=CKV_GCP_78:an archive's name holds the digest of its content
  project                     = var.project
  name                        = "${var.project}-${var.prefix}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # it holds only what `python -m infra.archive` makes again

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.api]
}

# https://cloud.google.com/storage/docs/access-control/iam-roles
resource "google_storage_bucket_iam_member" "worker_reads_uploads" {
  for_each = merge(local.workers, local.forgetters) # `forget` asks whether an upload is gone indeed

  bucket = local.uploads.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.function[each.key].member
}

# Images travel by reference, and Vertex AI fetches them as its own agent, not as the worker. An agent that was asked for
# is given no role by Google: https://cloud.google.com/iam/docs/create-service-agents
resource "google_storage_bucket_iam_member" "vertex_reads_uploads" {
  count = var.backend == "vertex" ? 1 : 0

  bucket = local.uploads.name
  role   = "roles/storage.objectViewer"
  member = google_project_service_identity.agent["aiplatform.googleapis.com"].member
}

# Vertex AI reads the lines of a batch job, and writes its answers, as the same agent.
resource "google_storage_bucket_iam_member" "vertex_uses_batch_files" {
  for_each = toset(var.backend == "vertex" && var.batch ? local.create_and_read : [])

  bucket = google_storage_bucket.work.name
  role   = each.value
  member = google_project_service_identity.agent["aiplatform.googleapis.com"].member

  condition {
    title      = "batches/files/ of batch jobs"
    expression = "resource.type == \"storage.googleapis.com/Object\" && resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.work.name}/objects/batches/files/\")"
  }
}

resource "google_storage_bucket_iam_member" "results_created_by" {
  for_each = merge(local.workers, local.bookkeepers)

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectCreator" # and not objectUser, which may delete and so overwrite
  member = google_service_account.function[each.key].member
}

resource "google_storage_bucket_iam_member" "results_read_by" {
  for_each = merge(local.workers, local.bookkeepers)

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.function[each.key].member
}

# The work bucket is no place of trust: whoever could write all of it could have any prompt asked, give out any answer as
# paid for, and lift the day's ceiling. So each account has the folders that it needs, and a worker in those of tasks its
# own task's objects alone. docs/decisions/0018-rights-by-folder.md says why it is done by conditions.
locals {
  folders_by_task = ["answers/", "batches/lines/", "held/", "leases/", "replies/", "uses/"]
  create_and_read = ["roles/storage.objectCreator", "roles/storage.objectViewer"] # and never replace or delete
  work_roles = {
    ingester = {}
    worker = {
      "held/"     = ["roles/storage.objectUser"]
      "leases/"   = ["roles/storage.objectUser"]
      "replies/"  = local.create_and_read
      "spending/" = local.create_and_read
    }
    bookkeeper = {
      "dead/"   = local.create_and_read
      "leases/" = ["roles/storage.objectUser"]
    }
    releaser = {
      "held/"     = ["roles/storage.objectUser"]
      "leases/"   = ["roles/storage.objectViewer"]
      "releases/" = ["roles/storage.objectUser"]
      "replies/"  = ["roles/storage.objectViewer"] # whether a probe has been answered
    }
    forgetter = {
      "answers/" = ["roles/storage.objectUser"] # also where nothing is reused any more
      "dead/"    = ["roles/storage.objectUser"]
      "held/"    = ["roles/storage.objectUser"]
      "leases/"  = ["roles/storage.objectUser"]
      "replies/" = ["roles/storage.objectUser"]
      "seen/"    = ["roles/storage.objectUser"]
      "uses/"    = ["roles/storage.objectUser"]
    }
  }
  batch_roles = {
    ingester   = {}
    worker     = { "batches/lines/" = ["roles/storage.objectUser"] }
    bookkeeper = {}
    releaser = {
      "batches/files/" = ["roles/storage.objectUser"]
      "batches/jobs/"  = ["roles/storage.objectUser"]
      "batches/lines/" = ["roles/storage.objectUser"]
      "spending/"      = local.create_and_read # a job counts for the ceiling when it is made
    }
    forgetter = { "batches/lines/" = ["roles/storage.objectUser"] }
  }
  work_roles_by_function = {
    for name, each in local.functions : name => merge(
      local.work_roles[each.part],
      var.batch ? local.batch_roles[each.part] : {},
      each.part == "worker" && var.reuse_answers ? { "answers/" = local.create_and_read, "uses/" = local.create_and_read } : {},
      name == "ask" ? { "seen/" = local.create_and_read } : {} # the one task that manifests have
    )
  }
  work_grants = {
    for grant in flatten([
      for name, folders in local.work_roles_by_function : [
        for folder, roles in folders : [
          for role in roles : {
            function = name
            folder   = folder
            role     = role
            endings = local.functions[name].part == "worker" && contains(local.folders_by_task, folder) ? concat(
              ["/${name}.json"],
              folder == "replies/" ? ["/${name}.ask-1.json"] : [] # the reply to a second ask, the last there can be
            ) : []
          }
        ]
      ]
    ]) : "${grant.function} ${grant.folder} ${basename(grant.role)}" => grant
  }
}

# https://cloud.google.com/iam/docs/conditions-overview
resource "google_storage_bucket_iam_member" "work_used_by" {
  for_each = local.work_grants

  bucket = google_storage_bucket.work.name
  role   = each.value.role
  member = google_service_account.function[each.value.function].member

  condition {
    title = "${each.value.folder} of ${length(each.value.endings) > 0 ? each.value.function : "all tasks"}"
    expression = join(" && ", concat(
      [
        "resource.type == \"storage.googleapis.com/Object\"",
        "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.work.name}/objects/${each.value.folder}\")",
      ],
      length(each.value.endings) > 0 ? ["(${join(" || ", formatlist("resource.name.endsWith(\"%s\")", each.value.endings))})"] : []
    ))
  }
}

# Listing is a right on the bucket, to which no condition on an object's name applies; without it, what is not there
# answers 403. It shows names alone: those of uploads, which workers may list anyway.
resource "google_storage_bucket_iam_member" "work_listed_by" {
  for_each = { for name, folders in local.work_roles_by_function : name => folders if length(folders) > 0 }

  bucket = google_storage_bucket.work.name
  role   = "roles/storage.legacyBucketReader" # the smallest role of Google's with this right
  member = google_service_account.function[each.key].member
}

# `forget` alone may delete results.
resource "google_storage_bucket_iam_member" "results_deleted_by" {
  for_each = local.forgetters

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectUser"
  member = google_service_account.function[each.key].member
}
