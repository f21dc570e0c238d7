-- One row for each caption.
SELECT id, run, status, created, bucket, name, generation, width, height, caption
FROM ${dataset}.results
WHERE caption IS NOT NULL
