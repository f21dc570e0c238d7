"""What keeps the buckets in order: dead letters, redrives, parked events, deleted uploads."""
