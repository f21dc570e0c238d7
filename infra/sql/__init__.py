"""Results as tables: the statements that Terraform gives BigQuery, for any engine to run."""
