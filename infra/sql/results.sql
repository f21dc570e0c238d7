-- One row for each image generation and task: its result, or else its newest failure. Every other view reads this one.
-- Days, tokens and dollars are those of `.venv/bin/python -m shared.operate cost`.
WITH every_document AS (
  SELECT
    JSON_VALUE(document, '$.id') AS id,
    JSON_VALUE(document, '$.run') AS run,
    JSON_VALUE(document, '$.task') AS task,
    JSON_VALUE(document, '$.status') AS status,
    CAST(JSON_VALUE(document, '$.created') AS TIMESTAMP) AS created,
    JSON_VALUE(document, '$.source.bucket') AS bucket,
    JSON_VALUE(document, '$.source.name') AS name,
    JSON_VALUE(document, '$.source.generation') AS generation,
    CAST(JSON_VALUE(document, '$.image.width') AS INT64) AS width,
    CAST(JSON_VALUE(document, '$.image.height') AS INT64) AS height,
    CAST(JSON_VALUE(document, '$.image.orientation') AS INT64) AS orientation,
    COALESCE(JSON_VALUE(document, '$.model.served'), JSON_VALUE(document, '$.model.requested')) AS model,
    JSON_VALUE(document, '$.caption') AS caption,
    JSON_VALUE(document, '$.question') AS question,
    JSON_VALUE(document, '$.answer') AS answer,
    JSON_VALUE(document, '$.error.code') AS error_code,
    JSON_VALUE(document, '$.error.message') AS error_message,
    COALESCE(JSON_QUERY(document, '$.usage'), 'null') <> 'null' AS answered,
    CAST(JSON_VALUE(document, '$.usage.prompt_tokens') AS INT64) AS prompt_tokens,
    CAST(JSON_VALUE(document, '$.usage.output_tokens') AS INT64) AS output_tokens,
    CAST(JSON_VALUE(document, '$.usage.thought_tokens') AS INT64) AS thought_tokens,
    CAST(JSON_VALUE(document, '$.usage.cost_usd') AS FLOAT64) AS cost_usd,
    document
  FROM ${dataset}.documents
  -- What is no result of version 1 is left out: a foreign object, or a document of several lines.
  WHERE document LIKE '{"schema":"uplook.result/1",%'
)
SELECT *
FROM every_document
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY run, bucket, name, generation, task
  ORDER BY status = 'failed', created DESC
) = 1
