-- One row for each thing that detect, read or segment found, unusable ones with their reason. Boxes are in pixels, half open:
-- x0 … y1 of the upright image, stored_x0 … stored_y1 of the file as it is stored.
SELECT
  r.id,
  r.run,
  r.task,
  r.status,
  r.created,
  r.bucket,
  r.name,
  r.generation,
  r.width,
  r.height,
  CAST(JSON_VALUE(item, '$.index') AS INT64) AS item_index,
  JSON_VALUE(item, '$.label') AS label,
  JSON_VALUE(item, '$.text') AS text,
  JSON_VALUE(item, '$.language') AS text_language,
  JSON_VALUE(item, '$.status') AS item_status,
  JSON_VALUE(item, '$.reason') AS item_reason,
  CAST(JSON_VALUE(item, '$.box_px[0]') AS INT64) AS x0,
  CAST(JSON_VALUE(item, '$.box_px[1]') AS INT64) AS y0,
  CAST(JSON_VALUE(item, '$.box_px[2]') AS INT64) AS x1,
  CAST(JSON_VALUE(item, '$.box_px[3]') AS INT64) AS y1,
  CAST(JSON_VALUE(item, '$.box_px_stored[0]') AS INT64) AS stored_x0,
  CAST(JSON_VALUE(item, '$.box_px_stored[1]') AS INT64) AS stored_y0,
  CAST(JSON_VALUE(item, '$.box_px_stored[2]') AS INT64) AS stored_x1,
  CAST(JSON_VALUE(item, '$.box_px_stored[3]') AS INT64) AS stored_y1,
  JSON_VALUE(item, '$.mask.status') AS mask_status,
  JSON_VALUE(item, '$.mask.file') AS mask_file,
  CAST(JSON_VALUE(item, '$.mask.area_px') AS INT64) AS mask_area_px
FROM ${dataset}.results AS r
CROSS JOIN UNNEST(JSON_QUERY_ARRAY(r.document, '$.items')) AS ${item}
