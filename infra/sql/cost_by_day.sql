-- What each day's results cost at list price, as the documents say. Days begin at 08:00 UTC, as those of the ceiling do.
-- `unpriced` counts answers by models whose price was unknown when they answered; they are not part of `usd`.
SELECT
  CAST(created - INTERVAL 8 HOUR AS DATE) AS day,
  run,
  task,
  model,
  COUNT(*) AS results,
  COUNTIF(answered) AS answered,
  COALESCE(SUM(prompt_tokens), 0) AS prompt_tokens,
  COALESCE(SUM(output_tokens), 0) AS output_tokens,
  COALESCE(SUM(thought_tokens), 0) AS thought_tokens,
  COALESCE(SUM(cost_usd), 0) AS usd,
  COUNTIF(answered AND cost_usd IS NULL) AS unpriced
FROM ${dataset}.results
GROUP BY day, run, task, model
