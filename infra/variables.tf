variable "alert_email" {
  description = "Who is told of dead letters, a backlog and held events; null tells nobody."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s.]+$", var.alert_email))
    error_message = "alert_email: expected one address such as operators@example.com, or null for no alerts."
  }
}

variable "backend" {
  description = "Which Gemini is asked: vertex (no key at all) or developer (the Gemini API, with a key in Secret Manager)."
  type        = string
  default     = "vertex"
  nullable    = false

  validation {
    condition     = contains(["developer", "vertex"], var.backend)
    error_message = "backend: expected developer or vertex."
  }
}

variable "backfill_image" {
  description = "Container image of the Dockerfile, such as REGION-docker.pkg.dev/PROJECT/PREFIX-images/uplook:1, for a Cloud Run job that looks at what lies in the upload bucket already; null makes no job."
  type        = string
  default     = null

  validation {
    condition     = var.backfill_image == null || can(regex("^[a-z0-9.-]+(/[a-z0-9._-]+)+(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$", var.backfill_image))
    error_message = "backfill_image: expected REGISTRY/PATH:TAG or REGISTRY/PATH@sha256:DIGEST, or null for no job."
  }
}

variable "backfill_shards" {
  description = "Parts that the backfill job works on at once. Together they have at most half of the workers' threads: 4 for each of max_instances."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.backfill_shards >= 1 && var.backfill_shards <= 4 * var.max_instances && floor(var.backfill_shards) == var.backfill_shards
    error_message = "backfill_shards: expected 1 to 4 for each of max_instances, or live uploads would wait."
  }
}

variable "bigquery" {
  description = "Whether BigQuery shows results: a dataset with every event as a row, the documents as they lie in the bucket, and views over them."
  type        = bool
  default     = false
  nullable    = false
}

variable "dashboard" {
  description = "Whether Cloud Monitoring shows what is going on: metrics of what the functions log, a dashboard and two objectives, see docs/monitoring.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "deadlines_s" {
  description = "Seconds that nest: a worker's own deadline < the platform's < Pub/Sub's ack deadline < the lease."
  type = object({
    worker   = number
    platform = number
    ack      = number
    lease    = number
  })
  default = {
    worker   = 300
    platform = 330
    ack      = 390
    lease    = 450
  }
  nullable = false

  validation {
    condition = (
      var.deadlines_s.worker >= 30 &&
      var.deadlines_s.worker < var.deadlines_s.platform &&
      var.deadlines_s.platform <= 540 && # a function with a storage trigger has no more
      var.deadlines_s.platform < var.deadlines_s.ack &&
      var.deadlines_s.ack <= 600 &&
      var.deadlines_s.ack < var.deadlines_s.lease
    )
    error_message = "deadlines_s: expected 30 <= worker < platform <= 540, platform < ack <= 600 and ack < lease: else a late answer becomes a second run."
  }
}

variable "existing_upload_bucket" {
  description = "A bucket of this project whose new images are looked at; null makes one."
  type        = string
  default     = null

  validation {
    condition     = var.existing_upload_bucket == null || can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", var.existing_upload_bucket))
    error_message = "existing_upload_bucket: expected a bucket's name, without gs://."
  }
}

variable "forget" {
  description = "Whether deleting an upload deletes its results, too. Off, results outlive their source."
  type        = bool
  default     = false
  nullable    = false
}

variable "batch" {
  description = "Whether images that may wait (lane = \"batch\" in the rules, backfill --batch) go into batch jobs, at half the price. It gives release the right to make such jobs."
  type        = bool
  default     = false
  nullable    = false
}

variable "strip_metadata" {
  description = "Whether metadata (EXIF with the place, XMP, comments) is taken out of an image before it leaves the project for Gemini."
  type        = bool
  default     = false
}

variable "reuse_answers" {
  description = "Whether an upload whose content has been asked about before, under whatever name, gets that answer and costs nothing."
  type        = bool
  default     = false
  nullable    = false
}

variable "gemini_api_key" {
  description = "For the developer backend: the key. Needed unless its version is stored already, see gemini_api_key_stored; best given as TF_VAR_gemini_api_key."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "gemini_api_key_stored" {
  description = "The gemini_api_key_version that an earlier apply has stored: for that one no gemini_api_key is needed. 0: none is."
  type        = number
  default     = 0
  nullable    = false
}

variable "gemini_api_key_version" {
  description = "Raise it to store another gemini_api_key and to deploy it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.gemini_api_key_version >= 1 && floor(var.gemini_api_key_version) == var.gemini_api_key_version
    error_message = "gemini_api_key_version: expected 1, 2, 3, …"
  }
}

variable "keep_storage_events" {
  description = "Whether apply runs gcloud to give storage events dead letters. false where there is no gcloud: then run the output keep_storage_events."
  type        = bool
  default     = true
  nullable    = false
}

variable "max_calls_per_day" {
  description = "Ceiling of model calls a day, which begins at 08:00 UTC; what comes later is held until the next day. null lifts it."
  type        = number
  default     = 2000

  validation {
    condition     = var.max_calls_per_day == null || try(var.max_calls_per_day >= 1 && floor(var.max_calls_per_day) == var.max_calls_per_day, false)
    error_message = "max_calls_per_day: expected a whole number above 0, or null for no ceiling."
  }
}

variable "max_instances" {
  description = "Instances of each worker at most. With n of them all functions use at most n x 24 GiB and n x 6 vCPU, and 5 GiB and 10 vCPU more; a new project has 40 GiB and 20 vCPU in a region."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100
    error_message = "max_instances: expected 1 to 100."
  }
}

variable "max_usd_per_day" {
  description = "Ceiling of what model calls cost a day at list price, in US dollars; what comes later is held until the next day, at 08:00 UTC. null lifts it."
  type        = number
  default     = 5

  validation {
    condition     = var.max_usd_per_day == null || try(var.max_usd_per_day > 0, false)
    error_message = "max_usd_per_day: expected a number above 0, or null for no ceiling."
  }
}

variable "objective_latency_s" {
  description = "Of 100 results, 95 should be there so many seconds after their upload: the objective of the dashboard."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.objective_latency_s > 0
    error_message = "objective_latency_s: expected seconds above 0."
  }
}

variable "prefix" {
  description = "Every resource's name begins with it."
  type        = string
  default     = "uplook"
  nullable    = false

  validation {
    # 30 characters are a service account's limit: "-dead-letter" takes 12 of them.
    condition     = can(regex("^[a-z][a-z0-9-]{0,16}[a-z0-9]$", var.prefix))
    error_message = "prefix: expected 2-18 of a-z 0-9 -, beginning with a letter, not ending in a hyphen."
  }
}

variable "project" {
  description = "The project's id."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project: expected a project's id (6-30 of a-z 0-9 -), not its name or number."
  }
}

variable "region" {
  description = "Where functions run and where buckets lie."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected a region such as europe-west4."
  }
}

variable "results_retention_days" {
  description = "After how many days results are deleted; null keeps them."
  type        = number
  default     = null

  validation {
    condition     = var.results_retention_days == null || try(var.results_retention_days >= 1, false)
    error_message = "results_retention_days: expected 1 or more, or null to keep results."
  }
}

variable "run" {
  description = "Names one way of processing: a new run looks at images again and leaves old results alone."
  type        = string
  default     = "v1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{0,31}$", var.run))
    error_message = "run: expected 1-32 of a-z 0-9 . _ - beginning with a letter or digit."
  }
}

variable "settings" {
  description = "Further settings by their names, see docs/settings.md."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.settings), local.further_settings)) == 0
    error_message = "settings: expected only ${join(", ", local.further_settings)}. Other settings have a variable of their own."
  }
}

variable "tracing" {
  description = "Whether the functions send spans to Cloud Trace: one trace from each upload to its result events, see docs/tracing.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "vertex_location" {
  description = "For the vertex backend: where models are asked; global has the most capacity, a region pins the data."
  type        = string
  default     = "global"
  nullable    = false

  validation {
    condition     = can(regex("^(global|us|eu|[a-z]+-[a-z]+[0-9]+)$", var.vertex_location))
    error_message = "vertex_location: expected global, us, eu or a region such as europe-west4."
  }
}

variable "viewer" {
  description = "Whether the page that shows uploads and results runs as a Cloud Run service, read-only and behind Identity-Aware Proxy, see docs/viewer-service.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "viewer_image" {
  description = "For the viewer: the container image of the Dockerfile, such as REGION-docker.pkg.dev/PROJECT/PREFIX-images/uplook:1."
  type        = string
  default     = null

  validation {
    condition     = var.viewer_image == null || can(regex("^[a-z0-9.-]+(/[a-z0-9._-]+)+(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$", var.viewer_image))
    error_message = "viewer_image: expected REGISTRY/PATH:TAG or REGISTRY/PATH@sha256:DIGEST."
  }
}

variable "viewer_members" {
  description = "Who may open the viewer's page, which shows every upload and result of this deployment: user:NAME@DOMAIN, group:NAME@DOMAIN, domain:DOMAIN or serviceAccount:NAME@DOMAIN."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.viewer_members : can(regex("^((user|group|serviceAccount):[^@:\\s]+@|domain:)[^@:\\s.]+(\\.[^@:\\s.]+)+$", each))])
    error_message = "viewer_members: expected each to be user:NAME@DOMAIN, group:NAME@DOMAIN, domain:DOMAIN or serviceAccount:NAME@DOMAIN. The page is never open to everybody."
  }
}
