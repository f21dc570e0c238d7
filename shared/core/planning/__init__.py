"""What happens to an upload, and why: rules, metadata, the plan, and a second chance for what failed."""
