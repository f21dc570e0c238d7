"""An embedded Pub/Sub emulator: the real gRPC API on loopback, push delivery included, nothing persisted.

Not emulated: REST, schemas other than Avro in JSON, message transforms, exports to BigQuery, Bigtable and Cloud
Storage, IAM enforcement, signed OIDC tokens, retention and expiration clocks. What would change deliveries is
refused, the rest is stored.
"""
