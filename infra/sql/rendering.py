"""The statements of this folder with their names filled in: for BigQuery, and for DuckDB on a copy of the bucket.

A view is one file, which Terraform reads, too. Two names are filled in. `${dataset}` is where tables and views lie.
`${item}` names what UNNEST yields, the one place at which the dialects differ: BigQuery names the value, DuckDB a table
and its column. What BigQuery calls by another name than DuckDB, `duckdb.sql` defines there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).parent
VIEWS: Final = ("results", "items", "classes", "captions", "cost_by_day")
"""The views in the order in which they are made: all others read `results`."""

_NAME: Final = re.compile(r"\$\{(\w+)\}")
DUCKDB_SCHEMA: Final = "main"
_DIALECT_ITEM: Final = {"bigquery": "item", "duckdb": "items(item)"}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the statements read and write: `dataset` as the dialect spells it, `files` as a pattern of documents."""

    dialect: str
    dataset: str
    files: str


def bigquery(dataset: str, bucket: str, *, prefix: str = "") -> Places:
    """Return the places of a dataset (`project.dataset`) and a results bucket; `prefix` is RESULTS_PREFIX."""
    return Places("bigquery", f"`{dataset}`", f"gs://{bucket}/{prefix}*.json")


def duckdb(folder: Path | str) -> Places:
    """Return the places of a copy of the results below a folder."""
    return Places("duckdb", DUCKDB_SCHEMA, f"{folder}/**/*.json")


def query(view: str, places: Places) -> str:
    """Return what a view selects."""
    return _filled(view, {"dataset": places.dataset, "item": _DIALECT_ITEM[places.dialect]})


def statements(places: Places) -> str:
    """Return what makes the documents and every view, new or anew."""
    documents = _filled(places.dialect, {"dataset": places.dataset, "files": _quoted(places.files)})
    views = (f"CREATE OR REPLACE VIEW {places.dataset}.{view} AS\n{query(view, places)};\n" for view in VIEWS)
    return f"{documents}\n\n" + "\n".join(views)


def _filled(name: str, values: Mapping[str, str]) -> str:
    text = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return _NAME.sub(lambda found: values[found[1]], text).rstrip("\n")


def _quoted(text: str) -> str:
    """Return a text as a literal of SQL; what would end it, or begin an escape, makes none.

    Raises:
        ValueError: it holds a quote, a backslash or a line break.
    """
    if set(text) & {"'", "\\", "\n", "\r"}:
        raise ValueError(f"expected a place without quotes, backslashes and line breaks, found {text!r}")
    return f"'{text}'"
