"""`infra/sql` in DuckDB: over the files that the storage emulator keeps, and against `shared.export` and `cost`.

BigQuery runs the same statements; tests/policy/test_bigquery.py holds Terraform to them.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.sql import rendering
from infra.sql.__main__ import main
from shared.adapters.storage import GoogleStorage
from shared.core import jsontext
from shared.core.tasks.catalogue import TASKS
from shared.export.places import open_results
from shared.export.reading import documents
from shared.export.rows import rows
from shared.operate.cost import Sum, Sums
from shared.pipeline.worker.analyze import analyze
from tests.docs.blocks import blocks
from tests.export_documents import document, failed, folder, item, mask_of
from tests.rig import RESULTS, Rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.blocks import Block

DAY_ENDS, DAY_BEGINS = "2026-11-21T07:59:59.999Z", "2026-11-21T08:00:00.000Z"
USAGE = {"prompt_tokens": 10, "output_tokens": None, "thought_tokens": 3, "total_tokens": 13, "cost_usd": 0.5}
HAND_MADE: dict[str, dict[str, Any]] = {
    f"{folder('cat.jpg')}/segment.json": document(
        [
            item("cat", (0, 0, 4, 3), mask=mask_of(f"{folder('cat.jpg')}/segment/mask-000.png"), orientation=6),
            item("dog", None, index=1, status="unusable", reason="no box"),
        ],
        created=DAY_ENDS,
        orientation=6,
    ),
    f"{folder('cat.jpg')}/segment.error-0.json": failed(),
    f"{folder('cat.jpg')}/read.json": document(
        [item("EXIT", (0, 0, 1, 1), text='EXIT\n\tthis "way"\u2028\\', language="en")], task="read", created=DAY_BEGINS
    ),
    f"{folder('cat.jpg')}/caption.json": document(None, task="caption", caption="Un café ☕, 'quoted'", usage=USAGE),
    f"{folder('cat.jpg')}/ask.json": document(None, task="ask", question="Why?", answer="So."),
    f"{folder('cat.jpg')}/classify.json": document(
        None,
        task="classify",
        classes=[
            {"label": "a\tb", "status": "ok", "reason": None},
            {"label": "c", "status": "unusable", "reason": "no"},
        ],
    ),
    f"{folder('dear.jpg')}/caption.json": document(
        None,
        task="caption",
        name="dear.jpg",
        caption="",
        model={"requested": "a-model-without-a-price", "served": None},
        usage={**USAGE, "cost_usd": None},
    ),
    f"{folder('sky.jpg')}/detect.json": document([], name="sky.jpg", task="detect", status="empty"),
    f"{folder('list.txt')}/segment.error-0.json": failed() | {"source": document()["source"] | {"name": "list.txt"}},
    f"{folder('list.txt')}/segment.error-1.json": failed(code="gone")
    | {"source": document()["source"] | {"name": "list.txt"}, "created": "2026-11-22T10:00:00.000Z"},
}
OF_OTHERS = {
    "v1/uploads/a.jpg/7/segment.json": b'{\n "schema": "uplook.result/1",\n "id": "of an older version"\n}\n',
    "v1/uploads/b.jpg/7/segment.json": b"{",
    "notes.json": b'{"schema":"somebody/1","run":"v1","created":"yesterday"}\n',
    "empty.json": b"",
    "table.json": b'a,"b\nc",d\n\n\n',
}
EXPORTED = {
    "run",
    "task",
    "status",
    "bucket",
    "name",
    "generation",
    "width",
    "height",
    "label",
    "text",
    "text_language",
}
EXPORTED |= {"id", "item_index", "item_status", "item_reason", "mask_status", "mask_file", "mask_area_px"}
EXPORTED |= {f"{prefix}{side}" for prefix in ("", "stored_") for side in ("x0", "y0", "x1", "y1")}


def tables(place: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(rendering.statements(rendering.duckdb(place)))
    return connection


def selected(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def write(place: Path, written: dict[str, bytes]) -> None:
    for name, data in written.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def exported(place: Path) -> list[dict[str, Any]]:
    return [row for found in documents(open_results(str(place))) for row in rows(found)]


def ordered(table: list[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    return sorted(
        ({name: row[name] for name in columns} for row in table), key=lambda row: [str(each) for each in row.values()]
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a results bucket with every kind of result."""
    place = tmp_path_factory.mktemp("copy")
    write(place, {name: jsontext.dump(each) for name, each in HAND_MADE.items()})
    return place


@pytest.fixture(scope="module")
def sql(copy: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with tables(copy) as connection:
        yield connection


def test_the_files_of_the_storage_emulator_are_tables(tmp_path: Path) -> None:
    """Every task does its work; what it wrote goes through the emulator, and DuckDB reads the files where they lie."""
    rig = Rig()
    for task in TASKS:
        analyze(rig.upload(f"{task}.jpg", task=task), rig.ports)
    with running("storage", "--data", str(tmp_path), "--bucket", RESULTS) as address:
        store = GoogleStorage(project="local-dev", emulator_host=address, connections=1)
        for name in rig.store.list_names(RESULTS, ""):
            data = rig.store.read(RESULTS, name, max_bytes=10**7)
            store.create(RESULTS, name, data, content_type="application/octet-stream")

        with tables(tmp_path / RESULTS) as connection:
            results = selected(connection, "SELECT task, status, name FROM results ORDER BY task")
            captions = selected(connection, "SELECT name, caption FROM captions")
            classes = selected(connection, "SELECT label, item_status FROM classes ORDER BY label")
            items = selected(connection, "SELECT task, label, x0, y0, x1, y1 FROM items ORDER BY task")
            cost = selected(connection, "SELECT COUNT(*) AS rows, SUM(answered) AS answered FROM cost_by_day")

    assert results == [{"task": task, "status": "ok", "name": f"{task}.jpg"} for task in sorted(TASKS)]
    assert captions == [{"name": "caption.jpg", "caption": "A red square on white."}]
    assert classes == [{"label": label, "item_status": "ok"} for label in ("red", "square")]
    found = {"label": "square", "x0": 20, "y0": 15, "x1": 60, "y1": 45}
    assert items == [{"task": task, **found} for task in ("detect", "read", "segment")]
    assert cost == [{"rows": len(TASKS), "answered": len(TASKS)}]


def test_items_are_the_lines_of_the_export(sql: duckdb.DuckDBPyConnection, copy: Path) -> None:
    expected = [row for row in exported(copy) if row["item_index"] is not None and row["task"] != "classify"]

    found = selected(sql, "SELECT * FROM items")

    assert len(expected) == 3
    assert ordered(found, *EXPORTED) == ordered(expected, *EXPORTED)


def test_classes_are_the_lines_of_the_export(sql: duckdb.DuckDBPyConnection, copy: Path) -> None:
    expected = [row for row in exported(copy) if row["task"] == "classify"]

    found = selected(sql, "SELECT * FROM classes")

    columns = ("id", "run", "bucket", "name", "generation", "label", "item_status", "item_reason")
    assert ordered(found, *columns) == ordered(expected, *columns)


def test_results_are_those_that_an_export_reads(sql: duckdb.DuckDBPyConnection, copy: Path) -> None:
    """One of each image and task: what was mended counts as its result, else the newest failure counts."""
    columns = (
        "name",
        "task",
        "status",
        "caption",
        "question",
        "answer",
        "error_code",
        "error_message",
        "model",
        "orientation",
    )
    expected = {json.dumps(each, sort_keys=True): each for each in ordered(exported(copy), *columns)}

    found = selected(sql, "SELECT * FROM results")

    assert ordered(found, *columns) == list(expected.values())
    assert {row["error_code"] for row in found if row["status"] == "failed"} == {"gone"}


def test_captions_are_those_that_the_model_gave(sql: duckdb.DuckDBPyConnection) -> None:
    assert sorted(row["caption"] for row in selected(sql, "SELECT caption FROM captions")) == [
        "",
        "Un café ☕, 'quoted'",
    ]


def test_days_cost_what_the_command_says(sql: duckdb.DuckDBPyConnection, copy: Path) -> None:
    by = ("day", "run", "task")
    expected = Sums(by)
    for found_there in documents(open_results(str(copy))):
        expected.add(found_there.document)
    names = ("results", "answered", "prompt_tokens", "output_tokens", "thought_tokens", "usd", "unpriced")

    numbers = ", ".join(f"SUM({name}) AS {name}" for name in names)
    found = selected(sql, f"SELECT {', '.join(by)}, {numbers} FROM cost_by_day GROUP BY ALL")

    sums = {tuple(str(row[name]) for name in by): Sum(*(row[name] for name in names)) for row in found}
    assert sums == expected.rows
    assert {day for day, _, _ in sums} >= {"2026-11-20", "2026-11-21"}
    assert sum(each.unpriced for each in sums.values()) == 1


def test_what_is_no_document_is_left_out(copy: Path, tmp_path: Path) -> None:
    write(tmp_path, {**{name: jsontext.dump(each) for name, each in HAND_MADE.items()}, **OF_OTHERS})

    with tables(copy) as alone, tables(tmp_path) as with_others:
        for view in rendering.VIEWS:
            query = f"SELECT * FROM {view} ORDER BY ALL"
            assert selected(with_others, query) == selected(alone, query)


def test_a_question_about_time_can_be_asked(sql: duckdb.DuckDBPyConnection) -> None:
    [row] = selected(sql, "SELECT MIN(created) AS first FROM results")

    assert row["first"] == dt.datetime.fromisoformat(DAY_ENDS.removesuffix("Z"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text() | st.text("\t\r\n\v\f\x1c\x85\u2028\"'\\,${}%\x00\x7f"))
def test_whatever_a_model_says_is_read_as_it_was_said(tmp_path: Path, text: str) -> None:
    spoken = document([item(text, (0, 0, 1, 1))], caption=text)
    write(tmp_path, {"segment.json": jsontext.dump(spoken)})

    with tables(tmp_path) as connection:
        assert selected(connection, "SELECT label FROM items") == [{"label": text}]
        assert selected(connection, "SELECT caption FROM captions") == [{"caption": text}]


EXAMPLES = [block for block in blocks("docs/sql.md") if block.language == "sql"]


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_a_query_of_the_page_is_answered(sql: duckdb.DuckDBPyConnection, block: Block) -> None:
    sql.execute(block.text)

    assert sql.fetchall() or "cat" in block.text


def test_the_page_shows_queries() -> None:
    assert len(EXAMPLES) == 3


def test_a_copy_may_be_empty_of_results(tmp_path: Path) -> None:
    write(tmp_path, OF_OTHERS)

    with tables(tmp_path) as connection:
        assert [selected(connection, f"SELECT * FROM {view}") for view in rendering.VIEWS] == [[]] * len(
            rendering.VIEWS
        )


def test_the_command_prints_what_duckdb_runs(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duckdb", str(copy)]) == 0

    with duckdb.connect() as connection:
        connection.execute(capsys.readouterr().out)
        assert selected(connection, "SELECT COUNT(*) AS n FROM results") == [{"n": 8}]


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["gs://results"], "gs://results/*.json"),
        (["results", "--prefix", "uplook/"], "gs://results/uplook/*.json"),
    ],
)
def test_the_command_prints_what_bigquery_runs(
    arguments: list[str], files: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bigquery", "my-project.looks", *arguments]) == 0

    said = capsys.readouterr().out
    assert f"uris = ['{files}']" in said
    assert (
        said.count("`my-project.looks`.") == 2 * len(rendering.VIEWS) + 2 - 1
    )  # each view reads one other, and is made
    assert "${" not in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["duckdb", "no-such-folder"], "expected an existing folder, found 'no-such-folder'"),
        (["bigquery", "dataset", "results"], "expected PROJECT.DATASET, found 'dataset'"),
        (["bigquery", "p-1.d", "gs://results/v1"], "expected the name of a bucket, found 'gs://results/v1'"),
        (["bigquery", "p-1.d", "results", "--prefix", "/"], "expected a folder such as uplook-results/, found '/'"),
        ([], "the following arguments are required: dialect"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)

    assert refused.value.code == 2
    assert reason in capsys.readouterr().err


def test_a_folder_whose_name_would_end_the_statement_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "it's"
    place.mkdir()

    with pytest.raises(SystemExit):
        main(["duckdb", str(place)])

    assert "expected a place without quotes" in capsys.readouterr().err
