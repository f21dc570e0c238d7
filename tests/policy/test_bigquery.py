"""`bigquery = true` makes what infra/sql says and nothing else, and without it nothing of it is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from infra.sql import rendering
from tests.policy.evaluated import Made, made
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

INFRA = parse(FILES)
DATASET = "a-project.uplook"
PLACES = rendering.bigquery(DATASET, "a-project-uplook-results")
ALERT = "google_monitoring_alert_policy.backlog[0]"


def _by_name(**variables: Any) -> dict[str, Made]:
    return {str(each): each for each in made(INFRA, alert_email="operators@example.com", **variables)}


def _views() -> dict[str, str]:
    tables = made(INFRA, "google_bigquery_table", bigquery=True)
    return {each.body["table_id"]: each.one("view", "query") for each in tables if each.one("view")}


def test_without_it_nothing_is_added_and_with_it_nothing_else_is_changed() -> None:
    without, asked_for = _by_name(), _by_name(bigquery=True)

    added = asked_for.keys() - without.keys()
    assert [name for name in without if "bigquery" in name] == []
    assert {name.partition("[")[0] for name in added} == {
        "google_bigquery_dataset.uplook",
        "google_bigquery_table.documents",
        "google_bigquery_table.result_events",
        "google_bigquery_table.results",
        "google_bigquery_table.view",
        "google_bigquery_table_iam_member.result_events_written_by_pubsub",
        "google_project_service.chosen",
        "google_pubsub_subscription.bigquery",
    }
    assert without.keys() <= asked_for.keys()
    assert {name for name in without if dict(without[name].body) != dict(asked_for[name].body)} == {ALERT}


def test_the_views_are_the_statements_that_duckdb_runs() -> None:
    assert _views() == {view: rendering.query(view, PLACES) + "\n" for view in rendering.VIEWS}


def test_the_dialects_differ_in_names_alone() -> None:
    local = rendering.duckdb("copy")
    for view in rendering.VIEWS:
        there = rendering.query(view, PLACES).replace("`a-project.uplook`.", "main.")
        assert there.replace(" AS item\n", " AS items(item)\n").replace(")) AS item", ")) AS items(item)") == (
            rendering.query(view, local)
        )


def test_the_documents_are_those_of_the_statement() -> None:
    """What `python -m infra.sql bigquery` prints, and DuckDB's reader, split lines as Terraform's table does."""
    [documents] = [
        each for each in made(INFRA, "google_bigquery_table", bigquery=True) if each.one("external_data_configuration")
    ]
    external = documents.one("external_data_configuration")[0]
    options = external["csv_options"][0]
    printed = rendering.statements(PLACES)
    [stated] = re.findall(r"OPTIONS \((.*?)\n\);", printed, re.DOTALL)
    pairs = dict(re.findall(r"^  (\w+) = (.+?),?$", stated, re.MULTILINE))

    assert external["schema"] == '[{"name":"document","type":"STRING"}]'
    assert "documents (document STRING)" in printed
    assert pairs == {
        "format": f"'{external['source_format']}'",
        "uris": f"['{external['source_uris'][0]}']",
        "field_delimiter": repr(options["field_delimiter"]),
        "quote": repr(options["quote"]),
        "encoding": repr(options["encoding"]),
    }
    in_duckdb = (rendering.FOLDER / "duckdb.sql").read_text("utf-8")
    assert f"delim = {pairs['field_delimiter']}" in in_duckdb
    assert f"quote = {pairs['quote']}" in in_duckdb


def test_every_file_of_statements_is_used() -> None:
    found = {path.stem for path in Path(rendering.__file__).parent.glob("*.sql")}

    assert found == {*rendering.VIEWS, "bigquery", "duckdb"}


def test_the_dataset_lies_where_the_results_lie() -> None:
    [dataset] = made(INFRA, "google_bigquery_dataset", bigquery=True, region="europe-west4")
    [results] = [
        each
        for each in made(INFRA, "google_storage_bucket", region="europe-west4")
        if each.address.endswith(".results")
    ]

    assert dataset.body["location"] == results.body["location"] == "europe-west4"
