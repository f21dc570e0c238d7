"""Entry points: unwrap an event, call the pipeline; returning acknowledges, raising asks for redelivery."""
