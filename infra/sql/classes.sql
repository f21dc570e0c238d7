-- One row for each label that classify chose, unusable ones with their reason.
SELECT
  r.id,
  r.run,
  r.status,
  r.created,
  r.bucket,
  r.name,
  r.generation,
  JSON_VALUE(item, '$.label') AS label,
  JSON_VALUE(item, '$.status') AS item_status,
  JSON_VALUE(item, '$.reason') AS item_reason
FROM ${dataset}.results AS r
CROSS JOIN UNNEST(JSON_QUERY_ARRAY(r.document, '$.classes')) AS ${item}
