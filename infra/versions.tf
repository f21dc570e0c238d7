terraform {
  required_version = ">= 1.11" # write-only arguments: the API key reaches neither plan nor state

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 9"
    }
    google-beta = { # for google_project_service_identity, and for iap_enabled of a service, which google 6.50 has not got
      source  = "hashicorp/google-beta"
      version = ">= 6.50, < 9"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

provider "google-beta" {
  project = var.project
  region  = var.region
}
