-- What DuckDB must know before the views: BigQuery's names for what it has under others, and the documents themselves.
CREATE OR REPLACE MACRO JSON_VALUE(document, path) AS json_extract_string(document, path);
CREATE OR REPLACE MACRO JSON_QUERY(document, path) AS CAST(json_extract(document, path) AS VARCHAR);
CREATE OR REPLACE MACRO JSON_QUERY_ARRAY(document, path) AS CAST(json_extract(document, path) AS JSON[]);
DROP TYPE IF EXISTS FLOAT64;
CREATE TYPE FLOAT64 AS DOUBLE;

-- One line, one row of one column: a tab can stand in no JSON text, and quotes belong to the document.
CREATE OR REPLACE VIEW ${dataset}.documents AS
SELECT document
FROM read_csv(
  ${files},
  columns = {'document': 'VARCHAR'},
  header = FALSE,
  auto_detect = FALSE,
  delim = '\t',
  quote = '',
  escape = '',
  max_line_size = 64000000
);
