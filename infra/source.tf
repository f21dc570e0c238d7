# The archive is made by `python -m infra.archive`, which also decides what belongs into it. Its name holds the digest
# of its content, computed here once more: an archive of older sources is not found, and so never deployed. What git does
# not track is left out of it, and noted there, for nothing here can ask git.
locals {
  root      = "${path.module}/.."
  left_out  = "(^|/)([A-Z][^/]*|[^/]*[.][^/]*|__pycache__)/" # a folder of a tool, such as .mypy_cache/3.14
  untracked = try(jsondecode(file("${path.module}/.build/left-out.json")), [])
  source_files = sort(setunion(["main.py", "requirements.txt"], [
    for name in fileset(local.root, "{functions,shared}/**/*.{json,py,toml}") : name if !can(regex(local.left_out, name)) && !contains(local.untracked, name)
  ]))
  # With tracing, the archive's requirements.txt is the one that has the exporters.
  packed_as      = var.tracing ? { "requirements.txt" = "requirements-tracing.txt" } : {}
  source_digest  = substr(sha256(join("", [for name in local.source_files : "${filesha256("${local.root}/${lookup(local.packed_as, name, name)}")}  ${name}\n"])), 0, 16)
  source_archive = "${path.module}/.build/source-${local.source_digest}.zip"
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = basename(local.source_archive)
  source = local.source_archive

  lifecycle {
    precondition {
      condition     = fileexists(local.source_archive)
      error_message = "Expected the archive of the sources as they are now, ${local.source_archive}, found none. Make it: python -m infra.archive"
    }
  }
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:Google's encryption at rest; the images hold open source code only
  project       = var.project
  location      = var.region
  repository_id = "${var.prefix}-images"
  format        = "DOCKER"

  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep the latest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 2
    }
  }

  cleanup_policies {
    id     = "delete the others"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.api]
}

# https://cloud.google.com/artifact-registry/docs/access-control
resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
