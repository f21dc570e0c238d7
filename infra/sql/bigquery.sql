-- The documents for BigQuery, as infra/bigquery.tf has them. One line, one row of one column: a tab can stand in no JSON
-- text, and quotes belong to the document.
CREATE OR REPLACE EXTERNAL TABLE ${dataset}.documents (document STRING)
OPTIONS (
  format = 'CSV',
  uris = [${files}],
  field_delimiter = '\t',
  quote = '',
  encoding = 'UTF-8'
);
