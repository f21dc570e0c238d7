"""What one instance keeps between deliveries, shared by its threads."""
