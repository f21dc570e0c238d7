# What is refused before anything is planned: one run per rule.

mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  keep_storage_events = false # it would run gcloud
  project             = "a-project"
  gemini_api_key      = null
}

run "an_alert_to_a_name_instead_of_an_address" {
  command         = plan
  expect_failures = [var.alert_email]

  variables {
    alert_email = "operators"
  }
}

run "an_alert_to_two_addresses" {
  command         = plan
  expect_failures = [var.alert_email]

  variables {
    alert_email = "one@example.com, two@example.com"
  }
}

run "a_backfill_by_an_image_without_a_tag" {
  command         = plan
  expect_failures = [var.backfill_image]

  variables {
    backfill_image = "uplook"
  }
}

run "a_backfill_that_leaves_no_threads_to_live_uploads" {
  command         = plan
  expect_failures = [var.backfill_shards]

  variables {
    backfill_shards = 5
  }
}

run "an_unknown_backend" {
  command         = plan
  expect_failures = [var.backend]

  variables {
    backend = "enterprise"
  }
}

run "an_ack_deadline_beyond_pubsubs_limit" {
  command         = plan
  expect_failures = [var.deadlines_s]

  variables {
    deadlines_s = { worker = 300, platform = 330, ack = 601, lease = 700 }
  }
}

run "a_worker_that_outlives_its_ack_deadline" {
  command         = plan
  expect_failures = [var.deadlines_s]

  variables {
    deadlines_s = { worker = 300, platform = 330, ack = 320, lease = 450 }
  }
}

run "a_platform_that_cuts_a_worker_off" {
  command         = plan
  expect_failures = [var.deadlines_s]

  variables {
    deadlines_s = { worker = 330, platform = 330, ack = 390, lease = 450 }
  }
}

run "a_platform_that_is_more_patient_than_it_can_be" {
  command         = plan
  expect_failures = [var.deadlines_s]

  variables {
    deadlines_s = { worker = 540, platform = 541, ack = 600, lease = 660 }
  }
}

run "a_lease_that_ends_before_its_holder" {
  command         = plan
  expect_failures = [var.deadlines_s]

  variables {
    deadlines_s = { worker = 300, platform = 330, ack = 390, lease = 390 }
  }
}

run "an_address_for_a_bucket" {
  command         = plan
  expect_failures = [var.existing_upload_bucket]

  variables {
    existing_upload_bucket = "gs://my-photos"
  }
}

run "no_key_where_one_is_needed" {
  command         = plan
  expect_failures = [google_secret_manager_secret_version.gemini_api_key]

  variables {
    backend = "developer"
  }
}

run "an_empty_key" {
  command         = plan
  expect_failures = [google_secret_manager_secret_version.gemini_api_key]

  variables {
    backend        = "developer"
    gemini_api_key = " "
  }
}

run "another_version_without_its_key" {
  command         = plan
  expect_failures = [google_secret_manager_secret_version.gemini_api_key]

  variables {
    backend                = "developer"
    gemini_api_key_stored  = 1
    gemini_api_key_version = 2
  }
}

run "a_key_version_that_is_none" {
  command         = plan
  expect_failures = [var.gemini_api_key_version]

  variables {
    gemini_api_key_version = 0
  }
}

run "a_ceiling_of_no_calls" {
  command         = plan
  expect_failures = [var.max_calls_per_day]

  variables {
    max_calls_per_day = 0
  }
}

run "a_ceiling_of_half_a_call" {
  command         = plan
  expect_failures = [var.max_calls_per_day]

  variables {
    max_calls_per_day = 1.5
  }
}

run "a_ceiling_of_no_money" {
  command         = plan
  expect_failures = [var.max_usd_per_day]

  variables {
    max_usd_per_day = 0
  }
}

run "no_instances" {
  command         = plan
  expect_failures = [var.max_instances]

  variables {
    max_instances = 0
  }
}

run "a_prefix_too_long_for_a_service_account" {
  command         = plan
  expect_failures = [var.prefix]

  variables {
    prefix = "nineteen-characters"
  }
}

run "a_project_number" {
  command         = plan
  expect_failures = [var.project]

  variables {
    project = "123456789012"
  }
}

run "a_zone_for_a_region" {
  command         = plan
  expect_failures = [var.region]

  variables {
    region = "us-central1-a"
  }
}

run "a_retention_of_no_days" {
  command         = plan
  expect_failures = [var.results_retention_days]

  variables {
    results_retention_days = 0
  }
}

run "a_run_that_names_no_folder" {
  command         = plan
  expect_failures = [var.run]

  variables {
    run = "../v1"
  }
}

run "a_setting_that_nothing_reads" {
  command         = plan
  expect_failures = [var.settings]

  variables {
    settings = { MAX_PIXEL = "1000" }
  }
}

run "a_place_where_vertex_ai_is_not" {
  command         = plan
  expect_failures = [var.vertex_location]

  variables {
    vertex_location = "worldwide"
  }
}

run "an_objective_of_no_time" {
  command = plan

  expect_failures = [var.objective_latency_s]

  variables {
    objective_latency_s = 0
  }
}

run "a_page_by_no_image" {
  command         = plan
  expect_failures = [google_cloud_run_v2_service.viewer]

  variables {
    viewer = true
  }
}

run "a_page_by_an_image_without_a_tag" {
  command         = plan
  expect_failures = [var.viewer_image]

  variables {
    viewer_image = "uplook"
  }
}

run "a_page_for_everybody" {
  command         = plan
  expect_failures = [var.viewer_members]

  variables {
    viewer_members = ["allUsers"]
  }
}

run "a_page_for_everybody_who_is_logged_in" {
  command         = plan
  expect_failures = [var.viewer_members]

  variables {
    viewer_members = ["allAuthenticatedUsers"]
  }
}

run "a_page_for_everybody_by_another_name" {
  command         = plan
  expect_failures = [var.viewer_members]

  variables {
    viewer_members = ["group:allUsers"]
  }
}

run "a_page_for_an_address_of_no_kind" {
  command         = plan
  expect_failures = [var.viewer_members]

  variables {
    viewer_members = ["one@example.com"]
  }
}

run "a_page_for_a_domain_of_everything" {
  command         = plan
  expect_failures = [var.viewer_members]

  variables {
    viewer_members = ["domain:*"]
  }
}

run "a_page_for_two_in_one" {
  command         = plan
  expect_failures = [var.viewer_members]

  variables {
    viewer_members = ["user:one@example.com,user:two@example.com"]
  }
}
